"""Writes the tiny models that the tests of the model step run. Needs the package `onnx`; deterministic."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

HERE = Path(__file__).parent
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def save(name, nodes, inputs, outputs, constants=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def value(name, element, shape):
    return helper.make_tensor_value_info(name, element, shape)


def sum_of(name, rows, width):
    axes = helper.make_tensor("axes", INT64, [1], [1])
    node = helper.make_node("ReduceSum", ["features", "axes"], ["score"], keepdims=1)
    save(name, [node], [value("features", FLOAT, [rows, width])], [value("score", FLOAT, [rows, 1])], [axes])


def kinds():
    elements = {
        "f32": FLOAT,
        "f64": TensorProto.DOUBLE,
        "i32": TensorProto.INT32,
        "i64": INT64,
        "u8": TensorProto.UINT8,
        "bool": TensorProto.BOOL,
        "string": TensorProto.STRING,
    }
    nodes, inputs, outputs = [], [], []
    for name, element in elements.items():
        for suffix, shape in (("", ["n"]), ("_1", ["n", 1]), ("_2", ["n", 2])):
            nodes.append(helper.make_node("Identity", [name + suffix], ["out_" + name + suffix]))
            inputs.append(value(name + suffix, element, shape))
            outputs.append(value("out_" + name + suffix, element, shape))
    save("kinds", nodes, inputs, outputs)


def main():
    sum_of("sum", "n", 3)
    sum_of("one_row", 1, 3)
    sum_of("four_rows", 4, 3)
    sum_of("any_width", "n", "width")
    kinds()
    # Fails on rows whose index is not 0, 1 or 2; the runtime's text quotes the index.
    table = helper.make_tensor("table", FLOAT, [3], [10.0, 20.0, 30.0])
    node = helper.make_node("Gather", ["table", "index"], ["score"])
    save("picky", [node], [value("index", INT64, ["n"])], [value("score", FLOAT, ["n"])], [table])
    # Gives two rows for one.
    node = helper.make_node("Concat", ["x", "x"], ["y"], axis=0)
    save("doubling", [node], [value("x", FLOAT, ["n"])], [value("y", FLOAT, ["m"])])
    # An output whose width only a run tells.
    node = helper.make_node("Concat", ["x", "x"], ["y"], axis=1)
    save("told_by_a_run", [node], [value("x", FLOAT, ["n", 2])], [value("y", FLOAT, ["n", "d"])])
    # An output that is no tensor.
    node = helper.make_node("SequenceConstruct", ["x"], ["y"])
    sequence = helper.make_tensor_sequence_value_info("y", FLOAT, None)
    save("sequence", [node], [value("x", FLOAT, ["n"])], [sequence])


if __name__ == "__main__":
    main()
