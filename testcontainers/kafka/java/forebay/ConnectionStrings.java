package forebay;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.NameCallback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.plain.PlainAuthenticateCallback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes connection strings as Event Hubs does: as the password of the user <code>$ConnectionString</code>. Options:
 * the <code>namespace</code>, and a <code>key_NAME</code> for each key. An EntityPath is read, not acted upon.
 */
public final class ConnectionStrings implements AuthenticateCallbackHandler {
    private static final Logger LOG = LoggerFactory.getLogger(ConnectionStrings.class);
    private static final String USER = "$ConnectionString";

    private Map<String, ?> options = Map.of();

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
        options = entries.get(0).getOptions();
    }

    @Override
    public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
        String user = null;
        for (Callback callback : callbacks) {
            if (callback instanceof NameCallback name) {
                user = name.getDefaultName();
            } else if (callback instanceof PlainAuthenticateCallback password) {
                password.authenticated(isTaken(user, new String(password.password())));
            } else {
                throw new UnsupportedCallbackException(callback);
            }
        }
    }

    private boolean isTaken(String user, String password) {
        try {
            check(user, password);
            return true;
        } catch (Refused refused) {
            LOG.warn("refused a connection string: {}", refused.getMessage());
            return false;
        }
    }

    private void check(String user, String password) throws Refused {
        if (!USER.equals(user)) {
            throw new Refused("the user is not " + USER);
        }
        Map<String, String> parts = new HashMap<>();
        for (String part : password.split(";")) {
            int at = part.indexOf('=');
            if (at > 0) {
                parts.put(part.substring(0, at), part.substring(at + 1));
            }
        }
        String endpoint = "sb://" + options.get("namespace");
        String given = parts.getOrDefault("Endpoint", "");
        if (!given.equals(endpoint) && !given.equals(endpoint + "/")) {
            throw new Refused("its endpoint is not " + endpoint + "/");
        }
        Object key = options.get("key_" + parts.get("SharedAccessKeyName"));
        if (key == null) {
            throw new Refused("its key name is not known");
        }
        if (!MessageDigest.isEqual(bytes(key.toString()), bytes(parts.getOrDefault("SharedAccessKey", "")))) {
            throw new Refused("its key is not the one of that name");
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void close() {}
}
