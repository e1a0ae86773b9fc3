//! What Entra said, by its code: AADSTS numbers are fixed, the texts around them are not shown.

use crate::AuthError;

/// Codes of Entra, what each means, and what to do. Source: "Microsoft Entra authentication and authorization error codes".
const KNOWN: &[(&str, &str)] = &[
    (
        "AADSTS7000215",
        "the client secret is wrong: its value is needed, not its id",
    ),
    ("AADSTS7000222", "the client secret has expired: make a new one"),
    (
        "AADSTS700016",
        "the directory knows no such app: check `client_id` and `tenant`",
    ),
    ("AADSTS90002", "there is no such tenant: check `tenant`"),
    ("AADSTS900021", "this is no tenant: check `tenant`"),
    (
        "AADSTS500011",
        "the directory knows no such namespace: check `namespace`, and that it is of this tenant",
    ),
    ("AADSTS70011", "the scope is wrong: check `namespace`"),
    (
        "AADSTS700027",
        "the certificate is not one of the app's, or a clock is off",
    ),
    (
        "AADSTS700024",
        "the assertion has expired or is not valid yet: compare the clocks",
    ),
    (
        "AADSTS70021",
        "no federated credential of the app fits this pod's issuer and subject",
    ),
    (
        "AADSTS700213",
        "no federated credential of the app fits this pod's subject",
    ),
    (
        "AADSTS700211",
        "no federated credential of the app fits this pod's issuer",
    ),
    ("AADSTS7000229", "the app has no service principal in this tenant"),
];

/// Why `source` gave no token; `said` is looked at and not shown.
pub(super) fn of(source: &str, status: Option<u16>, said: &str) -> AuthError {
    let code = said.split("AADSTS").nth(1).map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        format!("AADSTS{digits}")
    });
    if let Some(code) = code {
        let known = KNOWN.iter().find(|(name, _)| *name == code);
        let what = known.map_or("see Microsoft's list of these codes", |(_, what)| what);
        return AuthError::refused(format!("Entra refused with {code}: {what}"));
    }
    match status {
        Some(status @ (400 | 401 | 403)) if source == "managed identity" => AuthError::refused(format!(
            "the endpoint answered {status}: no identity is assigned here, or not this one; check `client_id`"
        )),
        Some(status @ (400..=499)) if status != 408 && status != 429 => {
            AuthError::refused(format!("the issuer answered {status}"))
        }
        Some(status) => AuthError::unavailable(format!("the issuer answered {status}")),
        None if source == "Azure CLI" => AuthError::refused(cli(said)),
        None if said.contains("certificate") || said.contains("UnknownIssuer") => AuthError::unavailable(
            "the issuer's certificate is not trusted; SSL_CERT_FILE names further authorities",
        ),
        None if said.contains("expected value")
            || said.contains("JSON")
            || said.contains("missing field") =>
        {
            AuthError::refused(
                "the answer is no token response; is a proxy in between, or AZURE_AUTHORITY_HOST wrong?",
            )
        }
        None if said.contains("token file") || said.contains("No such file") => {
            AuthError::unavailable("the federated token file cannot be read; is the volume mounted?")
        }
        None if source == "managed identity" => {
            AuthError::unavailable("the endpoint does not answer: there is none on this machine, it seems")
        }
        None => AuthError::silent("the issuer does not answer; is there a way to it from here?"),
    }
}

fn cli(said: &str) -> &'static str {
    if said.contains("not found") || said.contains("No such file") {
        "`az` is not installed, or not on the PATH"
    } else if said.contains("az login") {
        "nobody is logged in: run `az login`"
    } else {
        "`az account get-access-token` failed; run it by hand"
    }
}

/// Why a source could not be set up.
pub(super) fn of_setup(source: &str, said: &str) -> String {
    let shown = match source {
        "workload identity" => {
            "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE are not all set, as AKS does it"
        }
        _ if said.contains("HTTPS") => "AZURE_AUTHORITY_HOST must begin with https://",
        _ if said.contains("tenant") => {
            "the tenant's id holds something else than letters, digits, dots and dashes, or is empty"
        }
        _ if said.contains("client ID") => "the client's id is empty",
        _ if said.contains("secret") => "the secret is empty",
        "managed identity" => "this platform's managed identity is not supported",
        "client certificate" => {
            "the certificate cannot be used: it needs an RSA key, and `password` where it is encrypted"
        }
        _ => "it cannot be set up",
    };
    shown.to_owned()
}
