package forebay;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.metrics.KafkaMetric;
import org.apache.kafka.common.metrics.MetricsReporter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes what each listener counts of its connections into a file beside the node's data, ten times a second: lines of
 * <code>LISTENER NAME NUMBER</code>.
 */
public final class ConnectionCounts implements MetricsReporter {
    private static final Logger LOG = LoggerFactory.getLogger(ConnectionCounts.class);
    private static final String GROUP = "socket-server-metrics";
    private static final String FILE = "connections";
    private static final long EVERY_MS = 100;

    /** Of the whole process: more than one of these may be made. */
    private static final Map<MetricName, KafkaMetric> COUNTED = new ConcurrentHashMap<>();

    private static Thread writer;

    @Override
    public void configure(Map<String, ?> configs) {
        Object data = configs.get("log.dirs");
        if (data != null) {
            start(Path.of(data.toString()).resolveSibling(FILE));
        }
    }

    private static synchronized void start(Path file) {
        if (writer == null) {
            writer = new Thread(() -> write(file), "connection-counts");
            writer.setDaemon(true);
            writer.start();
        }
    }

    private static void write(Path file) {
        Path next = file.resolveSibling(FILE + ".new");
        try {
            while (true) {
                Files.writeString(next, text());
                Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                Thread.sleep(EVERY_MS);
            }
        } catch (IOException | InterruptedException end) {
            LOG.warn("connections are not counted any more", end);
        }
    }

    private static String text() {
        Map<String, Long> sums = new TreeMap<>();
        for (KafkaMetric metric : COUNTED.values()) {
            MetricName name = metric.metricName();
            String listener = name.tags().get("listener");
            if (listener != null && metric.metricValue() instanceof Number number) {
                sums.merge(listener + " " + name.name(), number.longValue(), Long::sum);
            }
        }
        StringBuilder text = new StringBuilder();
        sums.forEach((name, number) -> text.append(name).append(' ').append(number).append('\n'));
        return text.toString();
    }

    @Override
    public void init(List<KafkaMetric> metrics) {
        metrics.forEach(this::metricChange);
    }

    @Override
    public void metricChange(KafkaMetric metric) {
        if (GROUP.equals(metric.metricName().group())) {
            COUNTED.put(metric.metricName(), metric);
        }
    }

    @Override
    public void metricRemoval(KafkaMetric metric) {
        COUNTED.remove(metric.metricName());
    }

    @Override
    public void close() {}
}
