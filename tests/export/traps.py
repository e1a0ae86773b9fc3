"""Exports that go wrong in the ways that docs/models.md names: one model each, into the folder given."""

import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType
from sklearn.linear_model import LogisticRegression

FOLDER = Path(sys.argv[1])
random = np.random.default_rng(1)
features = random.normal(size=(200, 3)).astype(np.float32)
model = LogisticRegression().fit(features, features.sum(axis=1) > 0)
plain = {id(model): {"zipmap": False}}


def save(name, kind, rows, options):
    onnx = to_onnx(model, initial_types=[("features", kind([rows, 3]))], options=options, target_opset=21)
    (FOLDER / f"{name}.onnx").write_bytes(onnx.SerializeToString())


save("zipmap", FloatTensorType, None, None)
save("fixed_rows", FloatTensorType, 4, plain)
save("one_row", FloatTensorType, 1, plain)
save("whole_numbers", Int64TensorType, None, plain)
save("float64", DoubleTensorType, None, plain)
