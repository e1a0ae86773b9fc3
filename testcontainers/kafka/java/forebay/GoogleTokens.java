package forebay;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;

/**
 * Takes tokens as Google's managed Kafka does: a header, claims, and an access token in the place of a signature.
 * Option: <code>tokens</code>, a table of <code>token TOKEN EMAIL EXPIRY</code>.
 */
public final class GoogleTokens extends BearerTokens {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long SKEW = 300;

    private Table tokens;

    @Override
    void open(Map<String, ?> options) {
        tokens = new Table((String) options.get("tokens"));
    }

    @Override
    OAuthBearerToken check(String token) throws Refused, IOException {
        String[] parts = token.split("\\.", -1);
        if (parts.length != 3) {
            throw new Refused("it has " + parts.length + " parts, not three");
        }
        JsonNode header = json(parts[0], "header");
        demand(header, "typ", "JWT");
        demand(header, "alg", "GOOG_OAUTH2_TOKEN");
        JsonNode claims = json(parts[1], "claims");
        demand(claims, "iss", "Google");
        demand(claims, "scope", "kafka");
        double now = Instant.now().toEpochMilli() / 1000.0;
        double from = seconds(claims, "iat");
        double until = seconds(claims, "exp");
        if (from > now + SKEW) {
            throw new Refused("it was issued in the future");
        }
        List<String> row = row(decoded(parts[2], "access token"));
        until = Math.min(until, Long.parseLong(row.get(2)));
        if (until <= now) {
            throw new Refused("it has expired");
        }
        if (!claims.path("sub").asText().equals(row.get(1))) {
            throw new Refused("its subject is not the account whose access token it carries");
        }
        return new Token(token, row.get(1), (long) (from * 1000), (long) (until * 1000));
    }

    private List<String> row(String token) throws Refused, IOException {
        return tokens.rows("token").stream()
                .filter(row -> row.get(0).equals(token))
                .findFirst()
                .orElseThrow(() -> new Refused("its access token is not known"));
    }

    private static JsonNode json(String part, String what) throws Refused {
        try {
            JsonNode value = JSON.readTree(decoded(part, what));
            if (value != null && value.isObject()) {
                return value;
            }
        } catch (IOException e) {
            // Said below.
        }
        throw new Refused("its " + what + " is not a JSON object");
    }

    private static String decoded(String part, String what) throws Refused {
        try {
            return new String(Base64.getUrlDecoder().decode(part), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new Refused("its " + what + " is not base64url");
        }
    }

    private static void demand(JsonNode object, String name, String value) throws Refused {
        if (!object.path(name).asText().equals(value)) {
            throw new Refused("its " + name + " is not " + value);
        }
    }

    private static double seconds(JsonNode claims, String name) throws Refused {
        JsonNode value = claims.path(name);
        if (!value.isNumber()) {
            throw new Refused("its " + name + " is not a number");
        }
        return value.asDouble();
    }
}
