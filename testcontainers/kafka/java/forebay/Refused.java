package forebay;

/** Why a token is not taken. The reason goes into the broker's log, never to the client. */
final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    Refused(String reason) {
        super(reason);
    }
}
