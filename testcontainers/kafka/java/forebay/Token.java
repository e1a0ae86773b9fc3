package forebay;

import java.util.Set;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;

/** A token that was taken: whose it is, and until when its holder may stay. */
record Token(String value, Set<String> scope, long lifetimeMs, String principalName, Long startTimeMs)
        implements OAuthBearerToken {
    Token(String value, String principal, long fromMs, long untilMs) {
        this(value, Set.of(), untilMs, principal, fromMs);
    }
}
