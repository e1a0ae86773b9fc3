package forebay;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** A URL that was signed with AWS Signature Version 4 in its query: its parts, and whether a secret made it. */
final class SignedUrl {
    private final String host;
    private final Map<String, String> query;

    /** From the token's base64. */
    SignedUrl(String token) throws Refused {
        URI uri;
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(token);
            uri = new URI(new String(bytes, StandardCharsets.UTF_8));
        } catch (IllegalArgumentException | URISyntaxException e) {
            throw new Refused("it is not a URL in base64url");
        }
        if (!"https".equals(uri.getScheme()) || !"/".equals(uri.getPath()) || uri.getRawQuery() == null) {
            throw new Refused("its URL is not https://HOST/?QUERY");
        }
        host = uri.getRawAuthority();
        query = parse(uri.getRawQuery());
    }

    private static Map<String, String> parse(String text) throws Refused {
        Map<String, String> query = new TreeMap<>();
        for (String pair : text.split("&")) {
            int at = pair.indexOf('=');
            if (at < 0) {
                throw new Refused("a parameter of its query has no value");
            }
            String name = decoded(pair.substring(0, at));
            if (query.put(name, decoded(pair.substring(at + 1))) != null) {
                throw new Refused("its query names " + name + " twice");
            }
        }
        return query;
    }

    String host() {
        return host;
    }

    /** A parameter that must be there. */
    String get(String name) throws Refused {
        String value = query.get(name);
        if (value == null) {
            throw new Refused("its query has no " + name);
        }
        return value;
    }

    /** A parameter that may be missing: null then. */
    String find(String name) {
        return query.get(name);
    }

    /** Whether this secret made the signature. The user agent is appended by signers after they signed. */
    boolean isSignedWith(String secret, String date, String region, String service)
            throws Refused, GeneralSecurityException {
        String parameters = query.entrySet().stream()
                .filter(e -> !e.getKey().equals("X-Amz-Signature") && !e.getKey().equals("User-Agent"))
                .map(e -> encoded(e.getKey()) + "=" + encoded(e.getValue()))
                .sorted()
                .collect(Collectors.joining("&"));
        String request = "GET\n/\n" + parameters + "\nhost:" + host + "\n\nhost\n" + hash("");
        String scope = String.join("/", date, region, service, "aws4_request");
        String signed = String.join("\n", "AWS4-HMAC-SHA256", get("X-Amz-Date"), scope, hash(request));
        byte[] key = ("AWS4" + secret).getBytes(StandardCharsets.UTF_8);
        for (String part : scope.split("/")) {
            key = hmac(key, part);
        }
        String wanted = HexFormat.of().formatHex(hmac(key, signed));
        return MessageDigest.isEqual(bytes(wanted), bytes(get("X-Amz-Signature")));
    }

    private static byte[] hmac(byte[] key, String text) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(bytes(text));
    }

    private static String hash(String text) throws GeneralSecurityException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes(text)));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String decoded(String text) throws Refused {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new Refused("its query is not encoded as a query is");
        }
    }

    /** As RFC 3986 has it; Java's encoder is one for forms. */
    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8)
                .replace("+", "%20").replace("*", "%2A").replace("%7E", "~");
    }
}
