package forebay;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A listener's tokens of a kind of their own: what is the same for all of them. Extensions are taken as they come. */
abstract class BearerTokens implements AuthenticateCallbackHandler {
    private static final Logger LOG = LoggerFactory.getLogger(BearerTokens.class);

    /** Reads the options of the listener's module. */
    abstract void open(Map<String, ?> options);

    abstract OAuthBearerToken check(String token) throws Refused, IOException, GeneralSecurityException;

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
        open(entries.get(0).getOptions());
    }

    @Override
    public void handle(Callback[] callbacks) throws IOException, UnsupportedCallbackException {
        for (Callback callback : callbacks) {
            if (callback instanceof OAuthBearerValidatorCallback token) {
                answer(token);
            } else if (callback instanceof OAuthBearerExtensionsValidatorCallback extensions) {
                extensions.inputExtensions().map().keySet().forEach(extensions::valid);
            } else {
                throw new UnsupportedCallbackException(callback);
            }
        }
    }

    private void answer(OAuthBearerValidatorCallback callback) throws IOException {
        String value = callback.tokenValue();
        try {
            callback.token(check(value));
        } catch (Refused refused) {
            LOG.warn("refused the token {}: {}", name(value), refused.getMessage());
            callback.error("invalid_token", null, null);
        } catch (GeneralSecurityException e) {
            throw new IOException(e);
        }
    }

    /** Tells one token from another without giving it away. */
    private static String name(String token) throws IOException {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash, 0, 6);
        } catch (GeneralSecurityException e) {
            throw new IOException(e);
        }
    }

    @Override
    public void close() {}
}
