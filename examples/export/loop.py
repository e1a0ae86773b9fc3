"""The loop that scikit_learn.yaml replaces: payments in, scores out, at least once. docs/from-a-python-loop.md compares.

KAFKA names a broker. It ends on SIGTERM, after what it has read is written and committed.
"""

import json
import os
import signal
from pathlib import Path

import numpy as np
import onnxruntime
from confluent_kafka import Consumer, Producer

FEATURES = ["amount", "age_days", "orders"]
BOOTSTRAP = os.environ.get("KAFKA", "localhost:9092")

session = onnxruntime.InferenceSession(str(Path(__file__).with_name("scikit_learn.onnx")))
consumer = Consumer(
    {
        "bootstrap.servers": BOOTSTRAP,
        "group.id": "scikit-learn",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
)
producer = Producer({"bootstrap.servers": BOOTSTRAP, "enable.idempotence": True})
running = True


def stop(*_):
    global running
    running = False


def delivered(error, _message):
    if error is not None:
        raise SystemExit(f"a score was not delivered: {error}")


def score(messages):
    events = [json.loads(message.value()) for message in messages]
    features = np.array([[event[name] for name in FEATURES] for event in events], dtype=np.float32)
    labels, probabilities = session.run(["label", "probabilities"], {"features": features})
    for event, label, probability in zip(events, labels.tolist(), probabilities[:, 1].tolist()):
        yield {"payment_id": event["payment_id"], "fraud": label, "score": probability}


signal.signal(signal.SIGTERM, stop)
consumer.subscribe(["payments"])
while running:
    messages = consumer.consume(num_messages=512, timeout=0.1)
    if not messages:
        continue
    for message in messages:
        if message.error():
            raise SystemExit(f"kafka: {message.error()}")
    for result in score(messages):
        producer.produce(
            "payment-scores", key=result["payment_id"], value=json.dumps(result), on_delivery=delivered
        )
    # Committed only after every score is confirmed: a crash in between repeats them.
    producer.flush()
    consumer.commit(asynchronous=False)
consumer.close()
