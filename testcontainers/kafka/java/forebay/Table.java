package forebay;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Lines of fields with tabs between them, in a file that the test process replaces: read anew each time. */
final class Table {
    private final Path file;

    Table(String file) {
        this.file = Path.of(file);
    }

    /** The rows of a kind, which is the first field; each without it. */
    List<List<String>> rows(String kind) throws IOException {
        List<List<String>> rows = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            List<String> fields = List.of(line.split("\t", -1));
            if (fields.get(0).equals(kind)) {
                rows.add(fields.subList(1, fields.size()));
            }
        }
        return rows;
    }
}
