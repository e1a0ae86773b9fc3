"""Writes an ONNX model with the inputs and outputs of the sensors example's, which works longer the larger the first feature is: FILE."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def constant(name, values, kind):
    return numpy_helper.from_array(np.array(values, dtype=kind), name)


def body():
    """Once round: a sine of what came."""
    value = lambda name, kind, shape: helper.make_tensor_value_info(name, kind, shape)
    return helper.make_graph(
        [
            helper.make_node("Identity", ["again"], ["go_on"]),
            helper.make_node("Sin", ["before"], ["after"]),
        ],
        "round",
        [value("nth", TensorProto.INT64, []), value("again", TensorProto.BOOL, []), value("before", TensorProto.FLOAT, [])],
        [value("go_on", TensorProto.BOOL, []), value("after", TensorProto.FLOAT, [])],
    )


def main():
    node = helper.make_node
    graph = helper.make_graph(
        [
            node("Gather", ["sensors", "first"], ["f1"], axis=1),
            node("ReduceMax", ["f1"], ["most"], keepdims=0),
            node("Cast", ["most"], ["rounds"], to=TensorProto.INT64),
            node("Loop", ["rounds", "yes", "one"], ["worked"], body=body()),
            # What was worked for counts for nothing, and cannot be left out.
            node("Mul", ["worked", "nought"], ["nothing"]),
            node("Sigmoid", ["f1"], ["p"]),
            node("Add", ["p", "nothing"], ["p2"]),
            node("Sub", ["one", "p2"], ["p1"]),
            node("Concat", ["p1", "p2"], ["probabilities"], axis=1),
            node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
        ],
        "slow",
        [helper.make_tensor_value_info("sensors", TensorProto.FLOAT, ["rows", 9])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["rows"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", 2]),
        ],
        [
            constant("first", [0], np.int64),
            constant("yes", True, np.bool_),
            constant("one", 1, np.float32),
            constant("nought", 0, np.float32),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, sys.argv[1])


if __name__ == "__main__":
    main()
