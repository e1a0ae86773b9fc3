//! Any bytes as a message of a schema with every kind of field, bare and behind a frame with message indexes: a row or a reject, and
//! nothing to its neighbours.
#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use forebay_core::codec::framing::Confluent;
use forebay_core::codec::protobuf::ProtobufDecoder;
use forebay_core::codec::schemas::SchemaType;
use forebay_core::codec::{ColumnKind, Part};
use forebay_fuzz::{FRAME, Known, MILLIS, among, columns, schema};
use libfuzzer_sys::fuzz_target;

const SCHEMA: &str = r#"
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "confluent/type/decimal.proto";

message Event {
  enum Colour { NONE = 0; RED = 1; BLUE = -2; }
  message Merchant { string id = 1; Merchant parent = 2; optional double risk = 3; google.protobuf.Timestamp since = 4; }
  string id = 1;
  int64 n = 2;
  double d = 3;
  float f = 4;
  bool b = 5;
  bytes x = 6;
  Colour colour = 7;
  optional int32 maybe = 8;
  Merchant merchant = 9;
  repeated float list = 10;
  repeated int32 ints = 11 [packed = false];
  map<string, double> tags = 12;
  map<string, Merchant> by_name = 13;
  google.protobuf.Timestamp at = 14;
  google.protobuf.Duration took = 15;
  google.protobuf.DoubleValue wrapped = 16;
  google.protobuf.StringValue text = 17;
  confluent.type.Decimal price = 18;
  oneof either { string left = 19; sint64 right = 20; Merchant both = 21; }
  uint64 big = 22;
  sfixed32 fixed = 23;
  google.protobuf.Struct free = 24;
  map<int32, string> by_number = 25;
  optional string rfc_time = 26;
  uint32 small = 27;
  sint32 zigzag = 28;
  fixed64 wide = 29;
  repeated string words = 30;
  int64 millis = 300;
  repeated Merchant many = 301;
}
message Second { string id = 1; repeated double list = 10; }
"#;

/// An event: id, number, list, merchant, one tag, a time.
const GOOD: &[u8] = b"\x0a\x01a\x10\x07\x52\x08\0\0\x80\x3f\0\0\0\xc0\x4a\x03\x0a\x01m\x62\x0c\x0a\x01a\x11\0\0\0\0\0\0\xf0\x3f\x72\x02\x08\x05";

type Both = RefCell<(ProtobufDecoder, ProtobufDecoder)>;

thread_local! {
    static DECODERS: Both = {
        let columns = columns(&[
            ("id", ColumnKind::String),
            ("n", ColumnKind::Int64),
            ("d", ColumnKind::Float64),
            ("f", ColumnKind::Float32),
            ("b", ColumnKind::Bool),
            ("x", ColumnKind::Bytes),
            ("colour", ColumnKind::String),
            ("maybe", ColumnKind::Int32),
            ("merchant.id", ColumnKind::String),
            ("merchant.parent.parent.risk", ColumnKind::Float64),
            ("merchant.since", MILLIS),
            ("list", ColumnKind::Float32List(2)),
            ("ints", ColumnKind::Float64List(2)),
            ("tags.a", ColumnKind::Float64),
            ("by_name.a.risk", ColumnKind::Float64),
            ("by_name.a.id", ColumnKind::String),
            ("at", MILLIS),
            ("took", ColumnKind::String),
            ("wrapped", ColumnKind::Float64),
            ("text", ColumnKind::String),
            ("price", ColumnKind::String),
            ("left", ColumnKind::String),
            ("right", ColumnKind::Int64),
            ("both.id", ColumnKind::String),
            ("big", ColumnKind::Int64),
            ("fixed", ColumnKind::Int32),
            ("free.fields.k.number_value", ColumnKind::Float64),
            ("rfc_time", MILLIS),
            ("small", ColumnKind::Int64),
            ("zigzag", ColumnKind::Float32),
            ("wide", ColumnKind::Float64),
            ("millis", MILLIS),
        ]);
        let schema = schema(SchemaType::Protobuf, SCHEMA);
        let bare = ProtobufDecoder::plain(&columns, Part::Value, &schema, None).expect("a decoder");
        let known = Known(Arc::new(schema));
        let behind = ProtobufDecoder::registered(&columns, Part::Value, Arc::new(Confluent), Arc::new(known));
        RefCell::new((bare, behind))
    };
}

fuzz_target!(|body: &[u8]| {
    DECODERS.with_borrow_mut(|(bare, behind)| {
        among(bare, GOOD, body);
        let good = [FRAME, &[0], GOOD].concat();
        // The message indexes are the body's own here, and the first message's there.
        among(behind, &good, &[FRAME, body].concat());
        among(behind, &good, &[FRAME, &[0], body].concat());
    });
});
