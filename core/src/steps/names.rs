//! Names in messages: the nearest to a mistyped one, and lists of them. Knows no step.

/// The candidate that `name` probably meant, if one is near enough.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let scored = candidates.into_iter().map(|candidate| {
        let score = strsim::jaro_winkler(&wanted, &candidate.to_lowercase());
        (candidate, score)
    });
    let best = scored.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (best.1 >= 0.75).then_some(best.0)
}

/// `; did you mean "amount"?`, or nothing.
pub(crate) fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"))
}

/// `a, b, c`, or `none`.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_probably_meant() {
        assert_eq!(nearest("amout", ["payment_id", "amount"]), Some("amount"));
        assert_eq!(nearest("cardage", ["cardAge", "age"]), Some("cardAge"));
        assert_eq!(nearest("xyz", ["payment_id", "amount"]), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn lists_names() {
        assert_eq!(list(["a", "b"]), "a, b");
        assert_eq!(list([]), "none");
        assert_eq!(suggestion("amout", ["amount"]), "; did you mean \"amount\"?");
        assert_eq!(suggestion("q", ["amount"]), "");
    }
}
