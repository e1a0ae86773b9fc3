"""A scikit-learn pipeline (scaler and classifier) as an ONNX file with one input of three columns.

Writes scikit_learn.onnx, and into scikit_learn.tests events with scikit-learn's own predictions for them, for
`forebay test` to compare. Deterministic. `scikit_learn.py FOLDER` writes there instead.
"""

import json
import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
# The one order of the columns: in training, in the model's input, in `inputs` of the pipeline file.
FEATURES = ["amount", "age_days", "orders"]


def data(rows, seed):
    random = np.random.default_rng(seed)
    amount = random.lognormal(3, 1, rows)
    age_days = random.integers(0, 2000, rows)
    orders = random.poisson(4, rows)
    fraud = amount / 40 - age_days / 900 - orders / 5 + random.normal(0, 0.5, rows) > 0
    # float32, as the tensor: the model is trained on the numbers that it will be given.
    return np.column_stack([amount, age_days, orders]).astype(np.float32), fraud.astype(np.int64)


def export(model):
    onnx = to_onnx(
        model,
        # None leaves the number of rows open.
        initial_types=[("features", FloatTensorType([None, len(FEATURES)]))],
        # A tensor of probabilities, not a list of dictionaries.
        options={id(model): {"zipmap": False}},
        target_opset=21,
    )
    (HERE / "scikit_learn.onnx").write_bytes(onnx.SerializeToString())


def write_case(model, features):
    label, probabilities = model.predict(features), model.predict_proba(features)
    folder = HERE / "scikit_learn.tests"
    folder.mkdir(exist_ok=True)
    with open(folder / "python.input.jsonl", "w") as file:
        for row, values in enumerate(features.tolist()):
            print(json.dumps({"payment_id": f"p{row}", **dict(zip(FEATURES, values))}), file=file)
    with open(folder / "python.results.jsonl", "w") as file:
        for row, (fraud, score) in enumerate(zip(label.tolist(), probabilities[:, 1].tolist())):
            print(json.dumps({"payment_id": f"p{row}", "fraud": fraud, "score": score}), file=file)


def main():
    features, fraud = data(2_000, seed=7)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, fraud)
    export(model)
    unseen, _ = data(20, seed=8)
    write_case(model, unseen)


if __name__ == "__main__":
    main()
