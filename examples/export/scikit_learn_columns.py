"""A scikit-learn pipeline on a table with numbers, a category and gaps, as an ONNX file with one input per column.

The imputer, the scaler and the one-hot encoder go into the file, so that events need no preparation. Writes
scikit_learn_columns.onnx, and into scikit_learn_columns.tests events with scikit-learn's own predictions for them.
Deterministic. `scikit_learn_columns.py FOLDER` writes there instead.
"""

import json
import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
NUMBERS = ["amount", "age_days"]
CATEGORY = "country"
COUNTRIES = ["AT", "DE", "FR", "IT"]


def data(rows, seed):
    random = np.random.default_rng(seed)
    amount = random.lognormal(3, 1, rows)
    age_days = random.integers(0, 2000, rows)
    country = random.choice(COUNTRIES, rows)
    fraud = amount / 40 - age_days / 900 + (country == "FR") + random.normal(0, 0.5, rows) > 1
    numbers = np.column_stack([amount, age_days]).astype(np.float32)
    numbers[random.random(rows) < 0.1, 1] = np.nan
    # Columns are named by their place: 0 and 1 are numbers, 2 is the country.
    table = np.empty((rows, 3), dtype=object)
    table[:, :2], table[:, 2] = numbers, country
    return table, fraud.astype(np.int64)


def train(table, fraud):
    prepare = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), [0, 1]),
            ("category", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [2]),
        ]
    )
    return make_pipeline(prepare, LogisticRegression()).fit(table, fraud)


def export(model):
    onnx = to_onnx(
        model,
        # One input per column, each [rows, 1]; the transformer counts columns over the inputs in this order.
        initial_types=[(name, FloatTensorType([None, 1])) for name in NUMBERS]
        + [(CATEGORY, StringTensorType([None, 1]))],
        options={id(model): {"zipmap": False}},
        target_opset=21,
    )
    (HERE / "scikit_learn_columns.onnx").write_bytes(onnx.SerializeToString())


def write_case(model, table):
    label, probabilities = model.predict(table), model.predict_proba(table)
    folder = HERE / "scikit_learn_columns.tests"
    folder.mkdir(exist_ok=True)
    with open(folder / "python.input.jsonl", "w") as file:
        for row, (amount, age_days, country) in enumerate(table.tolist()):
            event = {"payment_id": f"p{row}", "amount": amount, "country": country}
            # JSON knows no NaN: what is missing is absent.
            if not np.isnan(age_days):
                event["age_days"] = age_days
            print(json.dumps(event), file=file)
    with open(folder / "python.results.jsonl", "w") as file:
        for row, (fraud, score) in enumerate(zip(label.tolist(), probabilities[:, 1].tolist())):
            print(json.dumps({"payment_id": f"p{row}", "fraud": fraud, "score": score}), file=file)


def main():
    table, fraud = data(2_000, seed=7)
    model = train(table, fraud)
    export(model)
    unseen, _ = data(20, seed=8)
    # A country that training never saw.
    unseen[3, 2] = "XX"
    write_case(model, unseen)


if __name__ == "__main__":
    main()
