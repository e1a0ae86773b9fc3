//! Names: those of fields as names of columns, and what a name says of what it stands for.

use std::collections::HashSet;

/// `name` as a column may be called: letters, digits and `_`, none of these in front.
pub(super) fn plain(name: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(kept).collect();
    let name = name.trim_matches('_');
    match name.chars().next() {
        None => "field".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("field_{name}"),
        Some(_) => name.to_owned(),
    }
}

/// `name`, or with a number behind it the first that is not taken; it is taken then.
pub(super) fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let numbered = (2..).map(|n| format!("{name}_{n}"));
    let free = std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !taken.contains(name));
    let free = free.unwrap_or_else(|| name.to_owned());
    taken.insert(free.clone());
    free
}

/// Letters and digits alone, in lower case: `cardAge`, `card_age` and `Card Age` are one name.
pub(super) fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase()
}

/// The words of `payment_id`, `paymentId` or `payment-id`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        let begins = c.is_uppercase() && before.is_lowercase();
        if begins || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether it names the event or somebody, as `id` and `order_id` do.
pub(super) fn is_identity(name: &str) -> bool {
    let names = ["id", "uuid", "guid", "key"];
    words(name)
        .last()
        .is_some_and(|word| names.contains(&word.as_str()))
}

/// Whether it says who, when, or what the answer is: seldom what a model learned from.
pub(super) fn is_no_feature(name: &str) -> bool {
    let beside = [
        "label",
        "target",
        "class",
        "truth",
        "time",
        "timestamp",
        "date",
        "ts",
        "created",
        "updated",
        "index",
        "offset",
    ];
    is_identity(name) || words(name).iter().any(|word| beside.contains(&word.as_str()))
}
