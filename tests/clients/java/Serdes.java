import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.EnumDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Label;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.TimestampProto;
import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import io.apicurio.registry.serde.jsonschema.JsonSchemaKafkaDeserializer;
import io.apicurio.registry.serde.jsonschema.JsonSchemaKafkaSerializer;
import io.apicurio.registry.serde.protobuf.ProtobufKafkaSerializer;
import java.math.BigDecimal;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import org.apache.avro.Conversions;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Apicurio's Java serializers in Confluent's framing, with Avro's and Protobuf's own Java underneath, as writers and readers of topics beside
 * Forebay; arguments and events are those of clients.py.
 */
final class Serdes {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration LONGEST = Duration.ofSeconds(60);

    private static final String PAYMENT = """
            {"type":"record","name":"Payment","namespace":"shop","fields":[
              {"name":"unused","type":{"type":"map","values":{"type":"array","items":"string"}}},
              {"name":"id","type":"long"},
              {"name":"merchant","type":{"type":"record","name":"Merchant","fields":[
                {"name":"id","type":"string"},{"name":"risk","type":["null","double"],"default":null}]}},
              {"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},
              {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["CARD","TRANSFER"]}},
              {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
              {"name":"note","type":["null","string"],"default":null},
              {"name":"values","type":{"type":"array","items":"float"}}]}
            """;

    private static final String PAYMENT_JSON = """
            {"$schema":"http://json-schema.org/draft-07/schema#","title":"Payment","type":"object","properties":{
              "id":{"type":"integer"},
              "merchant":{"type":"object","properties":{"id":{"type":"string"},"risk":{"type":["number","null"]}}},
              "amount":{"type":"number"},"kind":{"type":"string"},"at":{"type":"string"},
              "note":{"type":["string","null"]},"values":{"type":"array","items":{"type":"number"}}},"required":["id"]}
            """;

    /** What happens to the event of a number; all formats carry the same. */
    private record Event(long id) {
        String merchant() {
            return "m" + id % 7;
        }

        Double risk() {
            return id % 5 == 0 ? null : id / 8.0;
        }

        BigDecimal amount() {
            return BigDecimal.valueOf(id - 100, 2);
        }

        String kind() {
            return id % 2 == 1 ? "CARD" : "TRANSFER";
        }

        long at() {
            return 1_700_000_000_000L + id;
        }

        String note() {
            return id % 3 == 0 ? null : "note " + id;
        }

        List<Float> values() {
            return List.of(id / 4f, id / 2f, (float) id);
        }
    }

    private static GenericRecord avro(Schema schema, Event event) {
        GenericRecord merchant = new GenericData.Record(schema.getField("merchant").schema());
        merchant.put("id", event.merchant());
        merchant.put("risk", event.risk());
        Schema amount = schema.getField("amount").schema();
        GenericRecord payment = new GenericData.Record(schema);
        payment.put("unused", Map.of("a", Collections.nCopies((int) (event.id() % 3), "b")));
        payment.put("id", event.id());
        payment.put("merchant", merchant);
        payment.put("amount", new Conversions.DecimalConversion().toBytes(event.amount(), amount, amount.getLogicalType()));
        payment.put("kind", new GenericData.EnumSymbol(schema.getField("kind").schema(), event.kind()));
        payment.put("at", event.at());
        payment.put("note", event.note());
        payment.put("values", event.values());
        return payment;
    }

    private static ObjectNode json(Event event) {
        ObjectNode payment = JSON.createObjectNode();
        payment.put("id", event.id());
        ObjectNode merchant = payment.putObject("merchant");
        merchant.put("id", event.merchant());
        merchant.put("risk", event.risk());
        payment.put("amount", event.amount());
        payment.put("kind", event.kind());
        payment.put("at", Instant.ofEpochMilli(event.at()).toString());
        payment.put("note", event.note());
        event.values().forEach(payment.withArray("values")::add);
        return payment;
    }

    private static FieldDescriptorProto.Builder field(String name, int number, Type type) {
        return FieldDescriptorProto.newBuilder().setName(name).setNumber(number).setType(type).setLabel(Label.LABEL_OPTIONAL);
    }

    /** A field that may be absent: the only one of a oneof that the compiler makes up. */
    private static void optional(DescriptorProto.Builder of, FieldDescriptorProto.Builder field) {
        field.setProto3Optional(true).setOneofIndex(of.getOneofDeclCount());
        of.addOneofDeclBuilder().setName("_" + field.getName());
        of.addField(field);
    }

    /** shop.Payment, second message of its file. */
    private static Descriptor payment() throws Exception {
        FileDescriptorProto.Builder file = FileDescriptorProto.newBuilder().setName("payment.proto").setPackage("shop");
        file.setSyntax("proto3").addDependency("google/protobuf/timestamp.proto");
        DescriptorProto.Builder merchant = file.addMessageTypeBuilder().setName("Merchant");
        merchant.addField(field("id", 1, Type.TYPE_STRING));
        optional(merchant, field("risk", 2, Type.TYPE_DOUBLE));
        DescriptorProto.Builder payment = file.addMessageTypeBuilder().setName("Payment");
        EnumDescriptorProto.Builder kind = payment.addEnumTypeBuilder().setName("Kind");
        kind.addValueBuilder().setName("CARD").setNumber(0);
        kind.addValueBuilder().setName("TRANSFER").setNumber(1);
        payment.addField(field("id", 1, Type.TYPE_INT64));
        payment.addField(field("merchant", 2, Type.TYPE_MESSAGE).setTypeName(".shop.Merchant"));
        payment.addField(field("amount", 3, Type.TYPE_DOUBLE));
        payment.addField(field("kind", 4, Type.TYPE_ENUM).setTypeName(".shop.Payment.Kind"));
        payment.addField(field("at", 5, Type.TYPE_MESSAGE).setTypeName(".google.protobuf.Timestamp"));
        optional(payment, field("note", 6, Type.TYPE_STRING));
        payment.addField(field("values", 7, Type.TYPE_FLOAT).setLabel(Label.LABEL_REPEATED));
        FileDescriptor[] imports = {TimestampProto.getDescriptor()};
        return FileDescriptor.buildFrom(file.build(), imports).findMessageTypeByName("Payment");
    }

    private static Message protobuf(Descriptor of, Event event) {
        Descriptor merchantType = of.findFieldByName("merchant").getMessageType();
        DynamicMessage.Builder merchant = DynamicMessage.newBuilder(merchantType);
        merchant.setField(merchantType.findFieldByName("id"), event.merchant());
        if (event.risk() != null) {
            merchant.setField(merchantType.findFieldByName("risk"), event.risk());
        }
        Instant at = Instant.ofEpochMilli(event.at());
        Descriptor timestamp = of.findFieldByName("at").getMessageType();
        DynamicMessage.Builder moment = DynamicMessage.newBuilder(timestamp);
        moment.setField(timestamp.findFieldByName("seconds"), at.getEpochSecond());
        moment.setField(timestamp.findFieldByName("nanos"), at.getNano());
        DynamicMessage.Builder payment = DynamicMessage.newBuilder(of);
        payment.setField(of.findFieldByName("id"), event.id());
        payment.setField(of.findFieldByName("merchant"), merchant.build());
        payment.setField(of.findFieldByName("amount"), event.amount().doubleValue());
        payment.setField(of.findFieldByName("kind"), of.findEnumTypeByName("Kind").findValueByName(event.kind()));
        payment.setField(of.findFieldByName("at"), moment.build());
        if (event.note() != null) {
            payment.setField(of.findFieldByName("note"), event.note());
        }
        payment.setField(of.findFieldByName("values"), event.values());
        return payment.build();
    }

    /** Confluent's framing: an id of four bytes, the content's, and a message's indexes. */
    private static Map<String, Object> settings(String registry) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("apicurio.registry.url", registry.replace("/ccompat/v7", "/registry/v3"));
        settings.put("apicurio.registry.use-id", "contentId");
        settings.put("apicurio.registry.headers.enabled", false);
        settings.put("apicurio.registry.serde.send-type-ref", false);
        settings.put("apicurio.registry.serde.send-indexes", true);
        return settings;
    }

    /** Its serializer makes no schema of a document: it wants to find one. */
    private static void registerJson(String registry, String topic) throws Exception {
        String body = JSON.createObjectNode().put("schemaType", "JSON").put("schema", PAYMENT_JSON).toString();
        HttpRequest request = HttpRequest.newBuilder(URI.create(registry + "/subjects/" + topic + "-value/versions"))
                .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body)).build();
        int status = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).statusCode();
        if (status != 200) {
            throw new IllegalStateException("the registry answered " + status);
        }
    }

    @SuppressWarnings("unchecked")
    private static <T> Serializer<T> configured(Serializer<?> serializer, Map<String, Object> settings) {
        serializer.configure(settings, false);
        return (Serializer<T>) serializer;
    }

    private static void write(String kind, String bootstrap, String registry, String topic, long count) throws Exception {
        Map<String, Object> settings = settings(registry);
        settings.put("apicurio.registry.auto-register", !kind.equals("json-schema"));
        settings.put("apicurio.registry.find-latest", kind.equals("json-schema"));
        switch (kind) {
            case "avro" -> {
                Schema schema = new Schema.Parser().parse(PAYMENT);
                send(bootstrap, topic, count, configured(new AvroKafkaSerializer<>(), settings), id -> avro(schema, new Event(id)));
            }
            case "json-schema" -> {
                registerJson(registry, topic);
                send(bootstrap, topic, count, configured(new JsonSchemaKafkaSerializer<>(), settings), id -> json(new Event(id)));
            }
            case "protobuf" -> {
                Descriptor payment = payment();
                send(bootstrap, topic, count, configured(new ProtobufKafkaSerializer<>(), settings), id -> protobuf(payment, new Event(id)));
            }
            default -> throw new IllegalArgumentException(kind);
        }
    }

    private static <T> void send(String bootstrap, String topic, long count, Serializer<T> values, LongFunction<T> event) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "linger.ms", 20);
        try (KafkaProducer<Long, T> producer = new KafkaProducer<>(settings, new LongSerializer(), values)) {
            for (long id = 0; id < count; id++) {
                var sent = producer.send(new ProducerRecord<>(topic, id, event.apply(id)));
                if (id == count - 1) {
                    producer.flush();
                    sent.get();
                }
            }
        }
    }

    /**
     * Results by their message, declared by hand. Apicurio's deserializer does not know that Confluent writes the first message's indexes as a
     * single zero: the frame is taken off here.
     */
    private static Deserializer<Message> results() throws Exception {
        FileDescriptorProto.Builder file = FileDescriptorProto.newBuilder().setName("result.proto").setSyntax("proto3");
        DescriptorProto.Builder result = file.addMessageTypeBuilder().setName("OrdersResult");
        result.addField(field("id", 1, Type.TYPE_INT64)).addField(field("score", 2, Type.TYPE_DOUBLE));
        optional(result, field("note", 3, Type.TYPE_STRING));
        Descriptor of = FileDescriptor.buildFrom(file.build(), new FileDescriptor[0]).findMessageTypeByName("OrdersResult");
        return (topic, bytes) -> {
            if (bytes[0] != 0 || bytes[5] != 0) {
                throw new IllegalStateException("no frame with the file's first message");
            }
            try {
                return DynamicMessage.parseFrom(of, ByteString.copyFrom(bytes, 6, bytes.length - 6));
            } catch (InvalidProtocolBufferException broken) {
                throw new IllegalStateException(broken);
            }
        };
    }

    private static void read(String kind, String bootstrap, String registry, String topic, long count) throws Exception {
        Deserializer<?> values = switch (kind) {
            case "avro" -> new AvroKafkaDeserializer<GenericRecord>();
            case "json-schema" -> new JsonSchemaKafkaDeserializer<>();
            case "protobuf" -> results();
            default -> throw new IllegalArgumentException(kind);
        };
        values.configure(settings(registry), false);
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "group.id", "java-" + topic, "auto.offset.reset", "earliest");
        try (KafkaConsumer<String, ?> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), values)) {
            consumer.subscribe(List.of(topic));
            long until = System.nanoTime() + LONGEST.toNanos();
            for (long seen = 0; seen < count; ) {
                if (System.nanoTime() > until) {
                    throw new IllegalStateException("no more than " + seen + " results");
                }
                for (ConsumerRecord<String, ?> result : consumer.poll(Duration.ofSeconds(1))) {
                    ObjectNode line = JSON.createObjectNode().put("key", result.key());
                    line.set("value", plain(result.value()));
                    System.out.println(line);
                    seen++;
                }
            }
        }
    }

    /** A result of any format as an object of JSON. */
    private static ObjectNode plain(Object value) {
        ObjectNode out = JSON.createObjectNode();
        if (value instanceof GenericRecord fields) {
            fields.getSchema().getFields().forEach(field -> put(out, field.name(), fields.get(field.pos())));
        } else if (value instanceof Message message) {
            for (var field : message.getDescriptorForType().getFields()) {
                boolean absent = field.hasPresence() && !message.hasField(field);
                put(out, field.getName(), absent ? null : message.getField(field));
            }
        } else {
            return JSON.valueToTree(value);
        }
        return out;
    }

    private static void put(ObjectNode out, String name, Object value) {
        out.set(name, JSON.valueToTree(value instanceof CharSequence text ? text.toString() : value));
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 6) {
            throw new IllegalArgumentException("Serdes.java write|read FORMAT BOOTSTRAP REGISTRY TOPIC COUNT");
        }
        String kind = arguments[1], bootstrap = arguments[2], registry = arguments[3], topic = arguments[4];
        long count = Long.parseLong(arguments[5]);
        if (arguments[0].equals("write")) {
            write(kind, bootstrap, registry, topic, count);
        } else {
            read(kind, bootstrap, registry, topic, count);
        }
        // The registry's client keeps threads of its own.
        System.exit(0);
    }

    private Serdes() {}
}
