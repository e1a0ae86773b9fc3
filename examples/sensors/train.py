"""Trains the example's model, exports it to ONNX, and writes down what ONNX Runtime gives for every row.

Reads shuttle.csv.gz; writes model.onnx, expected.csv.gz and accuracy.json beside it. Deterministic.
"""

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent
TRAINED_ON = 30_000
SENSORS = [f"f{i}" for i in range(1, 10)]


def read():
    with gzip.open(HERE / "shuttle.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    sensors = np.array([[row[name] for name in SENSORS] for row in rows], dtype=np.float32)
    anomaly = np.array([row["anomaly"] for row in rows], dtype=np.int64)
    return sensors, anomaly


def train(sensors, anomaly):
    network = MLPClassifier((32, 16), max_iter=60, random_state=7)
    return make_pipeline(StandardScaler(), network).fit(sensors, anomaly)


def export(pipeline):
    model = to_onnx(
        pipeline,
        initial_types=[("sensors", FloatTensorType([None, len(SENSORS)]))],
        options={id(pipeline): {"zipmap": False}},
        target_opset=17,
    )
    # A file that is the same each time it is made.
    model.producer_version = ""
    model.doc_string = ""
    (HERE / "model.onnx").write_bytes(model.SerializeToString())


def score(sensors):
    session = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
    label, probabilities = session.run(["label", "probabilities"], {"sensors": sensors})
    return label, probabilities[:, 1]


def write_expected(label, score):
    text = io.StringIO()
    text.write("id,predicted,score\n")
    for row, (one, probability) in enumerate(zip(label, score)):
        text.write(f"{row},{one},{probability:.9g}\n")
    packed = gzip.compress(text.getvalue().encode(), mtime=0)
    (HERE / "expected.csv.gz").write_bytes(packed)


def main():
    sensors, anomaly = read()
    pipeline = train(sensors[:TRAINED_ON], anomaly[:TRAINED_ON])
    export(pipeline)
    label, probability = score(sensors)
    write_expected(label, probability)
    held_back, truth = label[TRAINED_ON:], anomaly[TRAINED_ON:]
    accuracy = {
        "trained_on": TRAINED_ON,
        "held_back": len(truth),
        "accuracy": round(float((held_back == truth).mean()), 5),
        "anomalies_found": int(((held_back == 1) & (truth == 1)).sum()),
        "anomalies_missed": int(((held_back == 0) & (truth == 1)).sum()),
        "false_alarms": int(((held_back == 1) & (truth == 0)).sum()),
    }
    (HERE / "accuracy.json").write_text(json.dumps(accuracy, indent=2) + "\n")
    print(json.dumps(accuracy, indent=2))


if __name__ == "__main__":
    main()
