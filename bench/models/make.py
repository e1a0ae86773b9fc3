"""Makes the two networks of the benchmark, with weights from a fixed seed. Needs numpy and onnx."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save


def mlp(name, widths, last):
    """Linear layers with ReLU between them and `last` behind the last one."""
    random = np.random.default_rng(7)
    nodes, weights, at = [], [], "features"
    for layer, (rows, columns) in enumerate(zip(widths, widths[1:])):
        scale = np.sqrt(2.0 / rows)
        weight = (random.standard_normal((rows, columns)) * scale).astype(np.float32)
        bias = (random.standard_normal(columns) * 0.01).astype(np.float32)
        weights += [numpy_helper.from_array(weight, f"w{layer}"), numpy_helper.from_array(bias, f"b{layer}")]
        final = layer == len(widths) - 2
        nodes.append(helper.make_node("Gemm", [at, f"w{layer}", f"b{layer}"], [f"linear{layer}"]))
        at = "scores" if final else f"hidden{layer}"
        nodes.append(helper.make_node(last if final else "Relu", [f"linear{layer}"], [at]))
    value = lambda n, width: helper.make_tensor_value_info(n, TensorProto.FLOAT, ["rows", width])
    graph = helper.make_graph(nodes, name, [value("features", widths[0])], [value("scores", widths[-1])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, Path(__file__).parent / f"{name}.onnx")


mlp("tabular", [30, 64, 32, 1], "Sigmoid")
mlp("image", [784, 32, 32, 32, 32, 10], "Softmax")
