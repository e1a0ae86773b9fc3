"""A small network written by hand: weights in numpy arrays become an ONNX file, without the library that trained them.

Writes onnx_helper.onnx, and into onnx_helper.tests events with numpy's own predictions for them. Deterministic.
`onnx_helper.py FOLDER` writes there instead.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
# Values in, hidden units, values out.
SIZES = [8, 16, 1]


def weights(seed):
    random = np.random.default_rng(seed)
    for inputs, outputs in zip(SIZES, SIZES[1:]):
        matrix = random.normal(0, 1 / np.sqrt(inputs), (inputs, outputs))
        yield matrix.astype(np.float32), random.normal(0, 0.1, outputs).astype(np.float32)


def predict(layers, readings):
    (w1, b1), (w2, b2) = layers
    hidden = np.maximum(readings @ w1 + b1, 0)
    return 1 / (1 + np.exp(-(hidden @ w2 + b2)))


def export(layers):
    (w1, b1), (w2, b2) = layers
    named = {"w1": w1, "b1": b1, "w2": w2, "b2": b2}
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["readings", "w1", "b1"], ["first"]),
            helper.make_node("Relu", ["first"], ["hidden"]),
            helper.make_node("Gemm", ["hidden", "w2", "b2"], ["second"]),
            helper.make_node("Sigmoid", ["second"], ["score"]),
        ],
        "network",
        # A name instead of a number leaves the number of rows open.
        [helper.make_tensor_value_info("readings", TensorProto.FLOAT, ["rows", SIZES[0]])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["rows", SIZES[-1]])],
        [numpy_helper.from_array(array, name) for name, array in named.items()],
    )
    # Both versions are said: the library's own newest ones may be newer than the runtime.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, HERE / "onnx_helper.onnx")


def write_case(layers, readings):
    folder = HERE / "onnx_helper.tests"
    folder.mkdir(exist_ok=True)
    with open(folder / "python.input.jsonl", "w") as file:
        for row, values in enumerate(readings.tolist()):
            print(json.dumps({"id": row, "readings": values}), file=file)
    with open(folder / "python.results.jsonl", "w") as file:
        for row, score in enumerate(predict(layers, readings)[:, 0].tolist()):
            print(json.dumps({"id": row, "score": score}), file=file)


def main():
    layers = list(weights(seed=7))
    export(layers)
    readings = np.random.default_rng(8).normal(0, 1, (20, SIZES[0])).astype(np.float32)
    write_case(layers, readings)


if __name__ == "__main__":
    main()
