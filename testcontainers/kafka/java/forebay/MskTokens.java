package forebay;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;

/**
 * Takes Amazon's tokens for MSK with IAM: a URL that asks to connect, signed with an access key. Options: the
 * <code>region</code>, and <code>identities</code>, a table of <code>key KEY SECRET SESSION EXPIRY ARN</code> and
 * <code>clock SECONDS</code>, how far ahead the service's clock is.
 */
public final class MskTokens extends BearerTokens {
    private static final Duration LONGEST = Duration.ofSeconds(900);
    private static final Duration SKEW = Duration.ofMinutes(5);
    private static final DateTimeFormatter DATE = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'");
    private static final String SERVICE = "kafka-cluster";

    private String region;
    private Table identities;

    @Override
    void open(Map<String, ?> options) {
        region = (String) options.get("region");
        identities = new Table((String) options.get("identities"));
    }

    @Override
    OAuthBearerToken check(String token) throws Refused, IOException, GeneralSecurityException {
        SignedUrl url = new SignedUrl(token);
        String host = "kafka." + region + ".amazonaws.com";
        demand(url.host().equals(host), "its host is not " + host);
        demand(url.get("Action").equals("kafka-cluster:Connect"), "its action is not kafka-cluster:Connect");
        demand(url.get("X-Amz-Algorithm").equals("AWS4-HMAC-SHA256"), "its algorithm is not AWS4-HMAC-SHA256");
        demand(url.get("X-Amz-SignedHeaders").equals("host"), "its signed headers are not the host alone");
        Instant now = Instant.now().plus(ahead());
        Instant from = date(url.get("X-Amz-Date"));
        Instant until = from.plus(lifetime(url.get("X-Amz-Expires")));
        demand(!from.isAfter(now.plus(SKEW)), "its date is more than five minutes ahead");
        demand(until.isAfter(now), "it has expired");
        Instant end = identity(url, now);
        Instant last = end.isBefore(until) ? end : until;
        // The broker counts with its machine's clock.
        long toMs = last.minus(ahead()).toEpochMilli();
        return new Token(token, arn(url), from.minus(ahead()).toEpochMilli(), toMs);
    }

    /** Until when the credentials are good that the URL was signed with. */
    private Instant identity(SignedUrl url, Instant now) throws Refused, IOException, GeneralSecurityException {
        String[] scope = url.get("X-Amz-Credential").split("/", -1);
        demand(scope.length == 5 && scope[4].equals("aws4_request"), "its credential has not the form it should have");
        demand(scope[3].equals(SERVICE), "its credential is for another service");
        demand(scope[2].equals(region), "its region is " + printable(scope[2]) + ", not " + region);
        demand(url.get("X-Amz-Date").startsWith(scope[1]), "its credential is of another day");
        List<String> key = key(scope[0]);
        String session = url.find("X-Amz-Security-Token");
        demand(key.get(2).isEmpty() || session != null, "it lacks the session token of its temporary key");
        demand(key.get(2).equals(session == null ? "" : session), "its session token is not that of its key");
        Instant end = key.get(3).isEmpty() ? Instant.MAX : Instant.ofEpochSecond(Long.parseLong(key.get(3)));
        demand(end.isAfter(now), "the credentials behind it have expired");
        demand(url.isSignedWith(key.get(1), scope[1], region, SERVICE), "its signature is not that of its key");
        return end;
    }

    private String arn(SignedUrl url) throws Refused, IOException {
        return key(url.get("X-Amz-Credential").split("/")[0]).get(4);
    }

    private List<String> key(String name) throws Refused, IOException {
        return identities.rows("key").stream()
                .filter(row -> row.get(0).equals(name))
                .findFirst()
                .orElseThrow(() -> new Refused("its access key is not known"));
    }

    private Duration ahead() throws IOException {
        List<List<String>> clock = identities.rows("clock");
        return Duration.ofSeconds(clock.isEmpty() ? 0 : Long.parseLong(clock.get(0).get(0)));
    }

    private static Instant date(String text) throws Refused {
        try {
            return LocalDateTime.parse(text, DATE).toInstant(ZoneOffset.UTC);
        } catch (DateTimeException e) {
            throw new Refused("its date is not one");
        }
    }

    private static Duration lifetime(String text) throws Refused {
        try {
            Duration lifetime = Duration.ofSeconds(Long.parseLong(text));
            demand(lifetime.compareTo(Duration.ZERO) > 0, "it lasts no time");
            demand(lifetime.compareTo(LONGEST) <= 0, "it lasts longer than 900 seconds");
            return lifetime;
        } catch (NumberFormatException e) {
            throw new Refused("its lifetime is not a number");
        }
    }

    private static String printable(String text) {
        return text.matches("[a-z0-9-]{1,32}") ? text : "something else";
    }

    private static void demand(boolean holds, String otherwise) throws Refused {
        if (!holds) {
            throw new Refused(otherwise);
        }
    }
}
