package forebay;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler;

/** Kafka's own check of a signed token, and extensions that must come with it: the options say which, and their values. */
public final class RequiredExtensions extends OAuthBearerValidatorCallbackHandler {
    private Map<String, ?> required = Map.of();

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
        AppConfigurationEntry entry = entries.get(0);
        required = entry.getOptions();
        // The options are not Kafka's.
        super.configure(configs, mechanism, List.of(
                new AppConfigurationEntry(entry.getLoginModuleName(), entry.getControlFlag(), Map.of())));
    }

    @Override
    public void handle(Callback[] callbacks) throws IOException, UnsupportedCallbackException {
        for (Callback callback : callbacks) {
            if (callback instanceof OAuthBearerExtensionsValidatorCallback extensions) {
                check(extensions);
            } else {
                super.handle(new Callback[] {callback});
            }
        }
    }

    private void check(OAuthBearerExtensionsValidatorCallback callback) {
        Map<String, String> given = callback.inputExtensions().map();
        given.keySet().stream().filter(name -> !required.containsKey(name)).forEach(callback::valid);
        required.forEach((name, value) -> {
            if (value.equals(given.get(name))) {
                callback.valid(name);
            } else {
                callback.error(name, given.containsKey(name) ? "unknown" : "missing");
            }
        });
    }
}
