//! Where in a query something stands. Knows words and places, not what they mean.

use datafusion_sql::sqlparser::ast::Spanned;
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::tokenizer::{Location, Token, Tokenizer};

use crate::error::Error;
use crate::steps::{Fault, Spot};

/// The words of a query that are not quoted, each with its place.
#[derive(Debug)]
pub(super) struct Words(Vec<(String, Location)>);

impl Words {
    pub(super) fn of(sql: &str) -> Self {
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
        let word = |token: datafusion_sql::sqlparser::tokenizer::TokenWithSpan| match token.token {
            Token::Word(word) if word.quote_style.is_none() => {
                Some((word.value.to_uppercase(), token.span.start))
            }
            _ => None,
        };
        Self(tokens.unwrap_or_default().into_iter().filter_map(word).collect())
    }

    /// `error` where the first of the words of `phrase` stands that the query has.
    pub(super) fn fault(&self, phrase: &str, error: Error) -> Fault {
        let find = |wanted: &str| self.0.iter().find(|(word, _)| word == wanted);
        let found = phrase.split(' ').find_map(find);
        match found {
            Some((_, place)) => at(*place, error),
            None => error.into(),
        }
    }
}

/// `error` where `node` begins.
pub(super) fn fault(node: &impl Spanned, error: Error) -> Fault {
    at(node.span().start, error)
}

/// `error` at `place`, where the parser knows it.
pub(super) fn at(place: Location, error: Error) -> Fault {
    if place.line == 0 {
        return error.into();
    }
    Fault::new(Spot::text(place.line, place.column), error)
}

/// The parser's text without its place, which comes beside it: `.. at Line: 1, Column: 8`.
pub(super) fn split(text: &str) -> (&str, Option<Spot>) {
    let Some((said, place)) = text.rsplit_once(" at Line: ") else {
        return (text, None);
    };
    let numbers = place.split_once(", Column: ");
    let spot = numbers.and_then(|(line, column)| Some(Spot::text(line.parse().ok()?, column.parse().ok()?)));
    match spot {
        Some(spot) => (said, Some(spot)),
        None => (text, None),
    }
}
