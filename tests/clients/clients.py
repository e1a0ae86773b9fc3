"""Confluent's Python client and fastavro, as writers and readers of topics beside Forebay.

clients.py write FORMAT BOOTSTRAP REGISTRY TOPIC COUNT    events with keys, serialized through the registry
clients.py read FORMAT BOOTSTRAP REGISTRY TOPIC COUNT     results as lines of JSON
clients.py schema FORMAT                                  what is registered where headers name it

With FORMAT-header the schema's GUID is written in a header, and what it refers to stands in the schema itself.
"""

import base64
import faulthandler
import json
import sys
import warnings
from decimal import Decimal

warnings.filterwarnings("ignore")
# What hangs is ended after two minutes; it says where before.
faulthandler.dump_traceback_later(100, exit=True)

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    header_schema_id_serializer,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

MERCHANT = {
    "type": "record",
    "name": "Merchant",
    "namespace": "shop",
    "fields": [{"name": "id", "type": "string"}, {"name": "risk", "type": ["null", "double"], "default": None}],
}

PAYMENT = {
    "type": "record",
    "name": "Payment",
    "namespace": "shop",
    "fields": [
        {"name": "unused", "type": {"type": "map", "values": {"type": "array", "items": "string"}}},
        {"name": "id", "type": "long"},
        {"name": "merchant", "type": "shop.Merchant"},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["CARD", "TRANSFER"]}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "values", "type": {"type": "array", "items": "float"}},
    ],
}

JSON_SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Payment",
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "merchant": {"type": "object", "properties": {"id": {"type": "string"}, "risk": {"type": ["number", "null"]}}},
        "amount": {"type": "number"},
        "kind": {"type": "string"},
        "at": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "values": {"type": "array", "items": {"type": "number"}},
    },
    "required": ["id"],
}


def event(number):
    """The event of a number; all formats carry the same."""
    return {
        "unused": {"a": ["b"] * (number % 3)},
        "id": number,
        "merchant": {"id": f"m{number % 7}", "risk": None if number % 5 == 0 else number / 8},
        "amount": Decimal(number) / 100 - 1,
        "kind": "CARD" if number % 2 else "TRANSFER",
        "at": 1_700_000_000_000 + number,
        "note": None if number % 3 == 0 else f"note {number}",
        "values": [number / 4, number / 2, float(number)],
    }


def payment_message():
    """shop.Payment of Protobuf, second message of its file."""
    file = descriptor_pb2.FileDescriptorProto(name="payment.proto", package="shop", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    kinds = descriptor_pb2.FieldDescriptorProto
    merchant = file.message_type.add(name="Merchant")
    merchant.field.add(name="id", number=1, type=kinds.TYPE_STRING, label=1)
    merchant.oneof_decl.add(name="_risk")
    merchant.field.add(name="risk", number=2, type=kinds.TYPE_DOUBLE, label=1, proto3_optional=True, oneof_index=0)
    payment = file.message_type.add(name="Payment")
    payment.field.add(name="id", number=1, type=kinds.TYPE_INT64, label=1)
    payment.field.add(name="merchant", number=2, type=kinds.TYPE_MESSAGE, type_name=".shop.Merchant", label=1)
    payment.field.add(name="amount", number=3, type=kinds.TYPE_DOUBLE, label=1)
    kind = payment.enum_type.add(name="Kind")
    kind.value.add(name="CARD", number=0)
    kind.value.add(name="TRANSFER", number=1)
    payment.field.add(name="kind", number=4, type=kinds.TYPE_ENUM, type_name=".shop.Payment.Kind", label=1)
    payment.field.add(name="at", number=5, type=kinds.TYPE_MESSAGE, type_name=".google.protobuf.Timestamp", label=1)
    payment.oneof_decl.add(name="_note")
    payment.field.add(name="note", number=6, type=kinds.TYPE_STRING, label=1, proto3_optional=True, oneof_index=0)
    payment.field.add(name="values", number=7, type=kinds.TYPE_FLOAT, label=3)
    from google.protobuf import timestamp_pb2  # noqa: F401  its file has to be in the pool

    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Payment"))


def filled(message, number):
    fields = event(number)
    out = message(id=number, amount=float(fields["amount"]), kind=0 if fields["kind"] == "CARD" else 1)
    out.merchant.id = fields["merchant"]["id"]
    if fields["merchant"]["risk"] is not None:
        out.merchant.risk = fields["merchant"]["risk"]
    out.at.FromMilliseconds(fields["at"])
    if fields["note"] is not None:
        out.note = fields["note"]
    out.values.extend(fields["values"])
    return out


def whole_payment():
    """The schema without references."""
    fields = [{**field, "type": MERCHANT} if field["name"] == "merchant" else field for field in PAYMENT["fields"]]
    return json.dumps({**PAYMENT, "fields": fields})


def schema(kind):
    """As a registry has it."""
    if kind == "avro":
        return {"schema": whole_payment()}
    if kind == "json-schema":
        return {"schema": json.dumps(JSON_SCHEMA), "schemaType": "JSON"}
    file = descriptor_pb2.FileDescriptorProto()
    payment_message().DESCRIPTOR.file.CopyToProto(file)
    return {"schema": base64.b64encode(file.SerializeToString()).decode(), "schemaType": "PROTOBUF"}


def serializer(kind, registry, in_headers):
    settings = {"schema.id.serializer": header_schema_id_serializer} if in_headers else {}
    if kind == "avro" and in_headers:
        return AvroSerializer(registry, whole_payment(), conf=settings), event
    if kind == "avro":
        registry.register_schema("merchant", Schema(json.dumps(MERCHANT), "AVRO"))
        version = registry.get_latest_version("merchant").version
        references = [SchemaReference("shop.Merchant", "merchant", version)]
        schema = Schema(json.dumps(PAYMENT), "AVRO", references)
        return AvroSerializer(registry, schema), event
    if kind == "json-schema":
        plain = lambda n: {  # noqa: E731
            **{k: v for k, v in event(n).items() if k != "unused"},
            "amount": float(event(n)["amount"]),
            "at": f"{event(n)['at']}",
        }
        as_time = lambda n: {**plain(n), "at": rfc3339(event(n)["at"])}  # noqa: E731
        return JSONSerializer(json.dumps(JSON_SCHEMA), registry, conf=settings), as_time
    message = payment_message()
    settings["use.deprecated.format"] = False
    return ProtobufSerializer(message, registry, settings), lambda n: filled(message, n)


def rfc3339(millis):
    from datetime import datetime, timezone

    at = datetime.fromtimestamp(millis / 1000, timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def registry_at(url):
    """Without a time-out the client waits for ever; Apicurio leaves a request without an answer at times, and it is asked again."""
    return SchemaRegistryClient({"url": url, "timeout": 5})


def write(kind, bootstrap, url, topic, count):
    in_headers = kind.endswith("-header")
    serialize, of = serializer(kind.removesuffix("-header"), registry_at(url), in_headers)
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(count):
        headers = []
        context = SerializationContext(topic, MessageField.VALUE, headers)
        value = serialize(of(number), context)
        assert bool(headers) == in_headers
        producer.produce(topic, key=number.to_bytes(8, "big"), value=value, headers=headers)
        producer.poll(0)
    assert producer.flush(60) == 0, "not everything was delivered"


def deserializer(kind, url):
    registry = registry_at(url)
    if kind == "avro":
        return AvroDeserializer(registry)
    if kind == "json-schema":
        return JSONDeserializer(None, schema_registry_client=registry)
    # Confluent's deserializer wants the registry to turn a schema's text into a descriptor, which not every one does. The frame is
    # taken off by hand; the message is protobuf's own.
    message = result_message()

    def parse(value, _):
        assert value[0] == 0 and value[5] == 0, "a frame with the file's first message"
        assert registry.get_schema(int.from_bytes(value[1:5], "big")).schema_type == "PROTOBUF"
        parsed = message()
        parsed.ParseFromString(value[6:])
        return parsed

    return parse


def read(kind, bootstrap, url, topic, count):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"read-{topic}", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    deserialize = deserializer(kind, url)
    for _ in range(count):
        message = consumer.poll(60)
        assert message is not None, "no more results"
        assert message.error() is None, message.error()
        context = SerializationContext(topic, MessageField.VALUE, message.headers())
        value = deserialize(message.value(), context)
        print(json.dumps({"key": message.key().decode(), "value": plain(value)}, default=str))
    consumer.close()


def result_message():
    """The results' message, declared by hand."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="result.proto", syntax="proto3")
    result = file.message_type.add(name="OrdersResult")
    result.field.add(name="id", number=1, type=kinds.TYPE_INT64, label=1)
    result.field.add(name="score", number=2, type=kinds.TYPE_DOUBLE, label=1)
    result.oneof_decl.add(name="_note")
    result.field.add(name="note", number=3, type=kinds.TYPE_STRING, label=1, proto3_optional=True, oneof_index=0)
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("OrdersResult"))


def plain(value):
    if isinstance(value, dict):
        return value
    fields = {field.name: getattr(value, field.name) for field in value.DESCRIPTOR.fields}
    return {k: None if k == "note" and not value.HasField("note") else v for k, v in fields.items()}


if __name__ == "__main__":
    command, kind, *rest = sys.argv[1:]
    if command == "schema":
        print(json.dumps(schema(kind)))
    else:
        bootstrap, url, topic, count = rest
        {"write": write, "read": read}[command](kind, bootstrap, url, topic, int(count))
