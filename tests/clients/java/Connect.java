import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.apicurio.registry.utils.converter.AvroConverter;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.Converter;

/**
 * What Kafka Connect and ksqlDB write, by their own converters and serializers but without their servers: the JSON converter with schemas, a
 * converter to Avro in Confluent's framing, and keys by Kafka's serializers. And what such a converter reads of results.
 *
 * Connect.java write BOOTSTRAP REGISTRY COUNT [WHAT=TOPIC]...
 * Connect.java read BOOTSTRAP REGISTRY COUNT WHAT=TOPIC       results as lines of JSON
 */
final class Connect {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration LONGEST = Duration.ofSeconds(60);
    private static final long DAY = 86_400_000;

    private static final Schema MERCHANT =
            SchemaBuilder.struct().name("shop.Merchant").field("id", Schema.STRING_SCHEMA).field("risk", Schema.OPTIONAL_FLOAT64_SCHEMA).build();

    /** A row of a table, with every logical type that Connect has. */
    private static final Schema ROW = SchemaBuilder.struct().name("shop.Row")
            .field("unused", SchemaBuilder.map(Schema.STRING_SCHEMA, SchemaBuilder.array(Schema.STRING_SCHEMA).build()).build())
            .field("id", Schema.INT64_SCHEMA)
            .field("small", Schema.INT8_SCHEMA)
            .field("short", Schema.INT16_SCHEMA)
            .field("int", Schema.INT32_SCHEMA)
            .field("float", Schema.FLOAT32_SCHEMA)
            .field("flag", Schema.BOOLEAN_SCHEMA)
            .field("merchant", MERCHANT)
            .field("amount", Decimal.schema(2))
            .field("day", org.apache.kafka.connect.data.Date.SCHEMA)
            .field("time", Time.SCHEMA)
            .field("at", Timestamp.SCHEMA)
            .field("bytes", Schema.BYTES_SCHEMA)
            .field("note", Schema.OPTIONAL_STRING_SCHEMA)
            .field("values", SchemaBuilder.array(Schema.FLOAT32_SCHEMA).build())
            .build();

    private static final Schema KEY = SchemaBuilder.struct().name("shop.Key").field("number", Schema.INT64_SCHEMA).build();

    /** As ksqlDB has its rows: one name for all of them, its columns in capitals, each optional. */
    private static final Schema KSQLDB = SchemaBuilder.struct().name("io.confluent.ksql.avro_schemas.KsqlDataSourceSchema")
            .field("ID", Schema.OPTIONAL_INT64_SCHEMA)
            .field("AMOUNT", Decimal.builder(2).optional().build())
            .field("MERCHANT_ID", Schema.OPTIONAL_STRING_SCHEMA)
            .field("RISK", Schema.OPTIONAL_FLOAT64_SCHEMA)
            .field("AT", Timestamp.builder().optional().build())
            .field("VALUES", SchemaBuilder.array(Schema.OPTIONAL_FLOAT64_SCHEMA).optional().build())
            .field("TAGS", SchemaBuilder.map(Schema.STRING_SCHEMA, Schema.OPTIONAL_INT32_SCHEMA).optional().build())
            .build();

    private static Double risk(long id) {
        return id % 5 == 0 ? null : id / 8.0;
    }

    private static Struct row(long id) {
        Struct merchant = new Struct(MERCHANT).put("id", "m" + id % 7).put("risk", risk(id));
        return new Struct(ROW)
                .put("unused", Map.of("a", List.of("b")))
                .put("id", id)
                .put("small", (byte) (id % 100))
                .put("short", (short) -id)
                .put("int", (int) id)
                .put("float", id / 4f)
                .put("flag", id % 2 == 1)
                .put("merchant", merchant)
                .put("amount", BigDecimal.valueOf(id - 100, 2))
                .put("day", new Date((19_000 + id) * DAY))
                .put("time", new Date(id))
                .put("at", new Date(1_700_000_000_000L + id))
                .put("bytes", ByteBuffer.wrap(new byte[] {1, (byte) id}))
                .put("note", id % 3 == 0 ? null : "note " + id)
                .put("values", List.of(id / 4f, id / 2f, (float) id));
    }

    private static Struct ksqldb(long id) {
        return new Struct(KSQLDB)
                .put("ID", id)
                .put("AMOUNT", BigDecimal.valueOf(id - 100, 2))
                .put("MERCHANT_ID", "m" + id % 7)
                .put("RISK", risk(id))
                .put("AT", new Date(1_700_000_000_000L + id))
                .put("VALUES", List.of(id / 4.0, id / 2.0, (double) id))
                .put("TAGS", Map.of("a", 1));
    }

    private static Converter json(boolean schemas, String decimals, boolean isKey) {
        Converter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", schemas, "decimal.format", decimals), isKey);
        return converter;
    }

    private static Converter avro(String registry, boolean isKey) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("apicurio.registry.url", registry.replace("/ccompat/v7", "/registry/v2"));
        settings.put("apicurio.registry.as-confluent", true);
        settings.put("apicurio.registry.use-id", "contentId");
        settings.put("apicurio.registry.headers.enabled", false);
        settings.put("apicurio.registry.auto-register", true);
        Converter converter = new AvroConverter<>();
        converter.configure(settings, isKey);
        return converter;
    }

    /** The number as a key by one of Kafka's serializers, which are ksqlDB's format KAFKA. */
    @SuppressWarnings("unchecked")
    private static byte[] key(String what, String topic, long id) {
        Object key = switch (what) {
            case "string" -> "key " + id;
            case "int32" -> (int) id;
            case "int64" -> id << 33;
            case "float64" -> id / 8.0;
            default -> throw new IllegalArgumentException(what);
        };
        Serializer<Object> serializer = (Serializer<Object>) Serdes.serdeFrom(key.getClass()).serializer();
        return serializer.serialize(topic, key);
    }

    private interface Maker {
        ProducerRecord<byte[], byte[]> make(long id);
    }

    private static Maker maker(String what, String topic, String registry) {
        switch (what) {
            case "connect", "connect-base64" -> {
                Converter keys = json(true, "BASE64", true);
                Converter values = json(true, what.equals("connect") ? "NUMERIC" : "BASE64", false);
                return id -> {
                    byte[] key = keys.fromConnectData(topic, KEY, new Struct(KEY).put("number", id));
                    return new ProducerRecord<>(topic, key, values.fromConnectData(topic, ROW, row(id)));
                };
            }
            case "connect-avro" -> {
                Converter values = avro(registry, false);
                return id -> new ProducerRecord<>(topic, key("int64", topic, id), values.fromConnectData(topic, ROW, row(id)));
            }
            case "ksqldb" -> {
                Converter values = avro(registry, false);
                return id -> new ProducerRecord<>(topic, key("string", topic, id), values.fromConnectData(topic, KSQLDB, ksqldb(id)));
            }
            case "avro-key" -> {
                Converter keys = avro(registry, true);
                Converter values = json(false, "NUMERIC", false);
                return id -> {
                    byte[] key = keys.fromConnectData(topic, Schema.INT64_SCHEMA, id << 33);
                    return new ProducerRecord<>(topic, key, values.fromConnectData(topic, ROW, row(id)));
                };
            }
            default -> {
                Converter values = json(false, "NUMERIC", false);
                return id -> new ProducerRecord<>(topic, key(what, topic, id), values.fromConnectData(topic, ROW, row(id)));
            }
        }
    }

    private static void write(String bootstrap, String registry, long count, Map<String, String> topics) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "linger.ms", 20);
        var bytes = new ByteArraySerializer();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes)) {
            for (var topic : topics.entrySet()) {
                Maker maker = maker(topic.getKey(), topic.getValue(), registry);
                for (long id = 0; id < count; id++) {
                    var sent = producer.send(maker.make(id));
                    if (id == count - 1) {
                        producer.flush();
                        sent.get();
                    }
                }
            }
        }
    }

    private static void read(String bootstrap, String registry, long count, String what, String topic) throws Exception {
        Converter values = what.equals("json") ? json(false, "NUMERIC", false) : avro(registry, false);
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "group.id", "java-" + topic, "auto.offset.reset", "earliest");
        var bytes = new ByteArrayDeserializer();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            consumer.subscribe(List.of(topic));
            long until = System.nanoTime() + LONGEST.toNanos();
            for (long seen = 0; seen < count; ) {
                if (System.nanoTime() > until) {
                    throw new IllegalStateException("no more than " + seen + " results");
                }
                for (ConsumerRecord<byte[], byte[]> result : consumer.poll(Duration.ofSeconds(1))) {
                    ObjectNode line = JSON.createObjectNode().put("key", new String(result.key(), "UTF-8"));
                    line.set("value", plain(values.toConnectData(topic, result.value())));
                    System.out.println(line);
                    seen++;
                }
            }
        }
    }

    private static ObjectNode plain(SchemaAndValue result) {
        if (!(result.value() instanceof Struct struct)) {
            return JSON.valueToTree(result.value());
        }
        ObjectNode out = JSON.createObjectNode();
        for (Field field : struct.schema().fields()) {
            out.set(field.name(), JSON.valueToTree(struct.get(field)));
        }
        return out;
    }

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[1], registry = arguments[2];
        long count = Long.parseLong(arguments[3]);
        Map<String, String> topics = new HashMap<>();
        for (int at = 4; at < arguments.length; at++) {
            String[] both = arguments[at].split("=", 2);
            topics.put(both[0], both[1]);
        }
        if (arguments[0].equals("write")) {
            write(bootstrap, registry, count, topics);
        } else {
            for (var topic : topics.entrySet()) {
                read(bootstrap, registry, count, topic.getKey(), topic.getValue());
            }
        }
        System.exit(0);
    }

    private Connect() {}
}
