"""The loop an expert writes: batches from the consumer, one array, one model call, results to the producer.

At least once: results are flushed before the positions behind them are committed.
"""

import os
import signal
import sys
import time
from io import BytesIO
from operator import itemgetter
from struct import Struct
from urllib.request import urlopen

import numpy as np
import onnxruntime
import orjson
from confluent_kafka import Consumer, Producer, TopicPartition
from fastavro import parse_schema, schemaless_reader

BATCH = int(os.environ["BENCH_BATCH"])
OUTPUT = os.environ["BENCH_OUTPUT"]
COMMIT_EVERY = float(os.environ["BENCH_COMMIT_MS"]) / 1000


def tabular(session):
    fields = itemgetter(*(f"f{i:02}" for i in range(30)))

    def score(values):
        events = [orjson.loads(value) for value in values]
        features = np.array([fields(event) for event in events], dtype=np.float32)
        (scores,) = session.run(None, {"features": features})
        scores = scores[:, 0].tolist()
        return [orjson.dumps({"id": event["id"], "score": score}) for event, score in zip(events, scores)]

    return score


class Schemas(dict):
    """Schemas by id, each parsed once."""

    def __missing__(self, id):
        with urlopen(f"{os.environ['BENCH_REGISTRY']}/schemas/ids/{id}") as answer:
            schema = orjson.loads(answer.read())["schema"]
        self[id] = parse_schema(orjson.loads(schema))
        return self[id]


def avro(session):
    fields = itemgetter(*(f"f{i:02}" for i in range(30)))
    frame = Struct(">bI")
    schemas = Schemas()

    def read(value):
        stream = BytesIO(value)
        magic, id = frame.unpack(stream.read(5))
        if magic:
            sys.exit("an event has no schema id")
        return schemaless_reader(stream, schemas[id])

    def score(values):
        events = [read(value) for value in values]
        features = np.array([fields(event) for event in events], dtype=np.float32)
        (scores,) = session.run(None, {"features": features})
        scores = scores[:, 0].tolist()
        return [orjson.dumps({"id": event["id"], "score": score}) for event, score in zip(events, scores)]

    return score


def raw(session):
    def score(values):
        features = np.frombuffer(b"".join(values), dtype="<f4").reshape(len(values), 784)
        (scores,) = session.run(None, {"features": features})
        packed = scores.tobytes()
        width = scores.itemsize * scores.shape[1]
        return [packed[at : at + width] for at in range(0, len(packed), width)]

    return score


def image(session):
    def score(values):
        events = [orjson.loads(value) for value in values]
        features = np.array([event["pixels"] for event in events], dtype=np.float32)
        (scores,) = session.run(None, {"features": features})
        scores = scores.tolist()
        return [orjson.dumps({"id": event["id"], "scores": row}) for event, row in zip(events, scores)]

    return score


def shuttle(session):
    fields = itemgetter(*(f"f{i}" for i in range(1, 10)))

    def score(values):
        events = [orjson.loads(value) for value in values]
        features = np.array([fields(event) for event in events], dtype=np.float32)
        labels, probabilities = session.run(["label", "probabilities"], {"sensors": features})
        rows = zip(events, labels.tolist(), probabilities[:, 1].tolist())
        return [
            orjson.dumps({"id": e["id"], "anomaly": e["anomaly"], "predicted": label, "score": score})
            for e, label, score in rows
        ]

    return score


WORKLOADS = {"t": tabular, "a": avro, "r": raw, "c": image, "s": shuttle}


def fail(error):
    # Nothing behind a lost connection is lost: the client tries again by itself.
    if error.fatal():
        sys.exit(f"kafka: {error}")


def undelivered(error, message):
    # Only failures are reported.
    sys.exit(f"a result was not delivered: {error}")


def main():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
    )
    score = WORKLOADS[os.environ["BENCH_WORKLOAD"]](session)
    bootstrap = os.environ["BENCH_BOOTSTRAP"]
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": os.environ["BENCH_GROUP"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "fetch.queue.backoff.ms": 5,
            "error_cb": fail,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": int(os.environ["BENCH_LINGER_MS"]),
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
            "delivery.report.only.error": True,
            "on_delivery": undelivered,
            "error_cb": fail,
        }
    )
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    consumer.subscribe([os.environ["BENCH_INPUT"]])
    done = {}
    next_commit = time.monotonic() + COMMIT_EVERY
    produce = producer.produce

    def commit(asynchronous):
        if producer.flush(30):
            sys.exit("results were not confirmed within 30 s")
        positions = [TopicPartition(topic, partition, next) for (topic, partition), next in done.items()]
        if positions:
            consumer.commit(offsets=positions, asynchronous=asynchronous)
            done.clear()

    while not stopped:
        # `consume(n, t)` waits for n messages: first one with a wait, then what else there is.
        message = consumer.poll(0.1)
        if message is not None:
            messages = [message]
            if BATCH > 1:
                messages += consumer.consume(BATCH - 1, 0)
            for message in messages:
                if message.error():
                    sys.exit(f"kafka: {message.error()}")
            results = score([message.value() for message in messages])
            for message, result in zip(messages, results):
                while True:
                    try:
                        produce(OUTPUT, result, message.key())
                        break
                    except BufferError:
                        producer.poll(0.01)
            # In a partition the last message has the highest offset.
            for message in messages:
                done[message.topic(), message.partition()] = message.offset() + 1
            producer.poll(0)
        now = time.monotonic()
        if now >= next_commit:
            next_commit = now + COMMIT_EVERY
            commit(True)
    commit(False)
    consumer.close()


main()
