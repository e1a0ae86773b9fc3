//! The page at `/`, for those without Grafana: one document that asks `/status` and `/drift`. It holds no figure itself, so it is served to
//! everyone; its policy lets it ask nobody but the process that it comes from, and run nothing that is not its own. Knows no metric.

use axum::http::header::{self, HeaderName};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const DOCUMENT: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPTS: [&str; 6] = [
    include_str!("draw.js"),
    include_str!("figures.js"),
    include_str!("flow.js"),
    include_str!("columns.js"),
    include_str!("show.js"),
    include_str!("page.js"),
];

/// What is served.
#[derive(Debug)]
pub(super) struct Page {
    document: String,
    policy: String,
}

impl Page {
    pub(super) fn new() -> Self {
        let style = without_margins(STYLE);
        let script = SCRIPTS.map(without_margins).concat();
        let policy = format!(
            "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
            digest(&style),
            digest(&script)
        );
        let document = DOCUMENT.replace("{style}", &style).replace("{script}", &script);
        Self { document, policy }
    }

    pub(super) fn answer(&self) -> impl IntoResponse + use<> {
        let headers: [(HeaderName, String); 5] = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (header::CONTENT_SECURITY_POLICY, self.policy.clone()),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            (header::REFERRER_POLICY, "no-referrer".to_owned()),
            (header::CACHE_CONTROL, "no-cache".to_owned()),
        ];
        (headers, self.document.clone())
    }
}

/// Lines without their indent, and without those that are comments.
fn without_margins(text: &str) -> String {
    let lines = text.lines().map(str::trim_start);
    let kept = lines.filter(|line| !line.is_empty() && !line.starts_with("//") && !line.starts_with("/**"));
    kept.flat_map(|line| [line, "\n"]).collect()
}

/// What a policy names an inline text by.
fn digest(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_whole_and_names_nothing_outside() {
        let Page { document, policy } = Page::new();
        assert!(document.len() < 40_000, "{} bytes", document.len());
        assert!(!document.contains("{style}") && !document.contains("{script}"));
        // The one address in it is the name of SVG's elements.
        let addresses: Vec<&str> = document.split("http").skip(1).collect();
        assert!(
            addresses.len() == 1 && addresses[0].starts_with("://www.w3.org/2000/svg'"),
            "{addresses:?}"
        );
        for markup in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!document.contains(markup), "{markup}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*') && policy.contains("default-src 'none'"),
            "{policy}"
        );
    }
}
