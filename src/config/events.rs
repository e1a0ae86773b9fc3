//! From YAML's events to a tree. What a pipeline file does not take (anchors, tags, a key twice) is a problem each, and the
//! rest is read all the same. Knows YAML, not what the keys mean.

use std::borrow::Cow;
use std::iter::Peekable;

use saphyr::{Scalar, ScalarStyle};
use saphyr_parser::{Event, Parser, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use super::problem::{File, Problem};
use super::tree::{Place, Tree, child};
use super::written::Written;

const ANCHORS: &str = "anchors and aliases are not supported: write the value out where it is used; \
                       `${NAME}` fills in what several places share";

/// The value of the one document of `file`; places and problems go to `tree`.
pub(super) fn read(file: &File, tree: &mut Tree) -> Result<Value, Problem> {
    let start = Place { line: 1, column: 1 };
    let mut events = Events {
        parser: Parser::new_from_str(&file.text).peekable(),
        file,
        tree,
    };
    loop {
        match events.next()? {
            Some((Event::DocumentStart(_), _)) => break,
            Some(_) => {}
            None => {
                return Err(file.problem(start, "the file is empty: `connectors` and `pipeline` are needed"));
            }
        }
    }
    let value = events.node("")?;
    while let Some((event, span)) = events.next()? {
        if matches!(event, Event::DocumentStart(_)) {
            let message = "a second YAML document: a pipeline file holds exactly one; remove the `---` and what follows";
            events.tree.problems.push(file.hidden(place(span), message));
            break;
        }
    }
    events.show_lines();
    if value.is_null() && events.tree.unread.is_empty() {
        return Err(file.problem(start, "the file is empty: `connectors` and `pipeline` are needed"));
    }
    Ok(value)
}

struct Events<'a> {
    parser: Peekable<Parser<'a, StrInput<'a>>>,
    file: &'a File,
    tree: &'a mut Tree,
}

impl<'a> Events<'a> {
    /// Which lines can be shown is known only now.
    fn show_lines(&mut self) {
        let mut problems = std::mem::take(&mut self.tree.problems);
        for problem in &mut problems {
            let Problem { line, column, .. } = *problem;
            problem.snippet = self.tree.snippet(self.file, Place { line, column });
        }
        self.tree.problems = problems;
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Problem> {
        let next = self.parser.next().transpose();
        next.map_err(|e| invalid(self.file, &e))
    }

    /// The value that comes next.
    fn node(&mut self, at: &str) -> Result<Value, Problem> {
        let Some((event, span)) = self.next()? else {
            return Ok(Value::Null);
        };
        self.tree.places.insert(at.to_owned(), place(span));
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(at, span, anchor, tag.as_ref());
                self.write(at, false, style, span);
                Ok(scalar(text, style))
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(at, span, anchor, tag.as_ref());
                self.sequence(at)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(at, span, anchor, tag.as_ref());
                self.mapping(at)
            }
            Event::Alias(_) => {
                self.unread(at, place(span), ANCHORS);
                Ok(Value::Null)
            }
            _ => Ok(Value::Null),
        }
    }

    fn sequence(&mut self, at: &str) -> Result<Value, Problem> {
        let mut items = Vec::new();
        while !self.ends(&Event::SequenceEnd)? {
            let item = self.node(&format!("{at}/{}", items.len()))?;
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, at: &str) -> Result<Value, Problem> {
        let mut map = Map::new();
        while !self.ends(&Event::MappingEnd)? {
            let Some((key, span)) = self.next()? else {
                break;
            };
            let Event::Scalar(name, style, anchor, tag) = key else {
                return Err(self.file.hidden(place(span), "a key must be a plain name"));
            };
            let pointer = child(at, &name);
            self.refuse(&pointer, span, anchor, tag.as_ref());
            let before = self.tree.keys.get(&pointer).copied();
            let own = self.tree.places.get(&pointer).copied();
            self.write(&pointer, true, style, span);
            self.tree.keys.insert(pointer.clone(), place(span));
            if name == "<<" && style == ScalarStyle::Plain {
                let message = "merge keys (`<<`) are not supported: write the keys out where they are used";
                self.unread(&pointer, place(span), message);
                self.apart(&pointer)?;
            } else if let Some(first) = before {
                let message = format!(
                    "`{name}` is given twice, first in line {}: remove one of the two",
                    first.line
                );
                self.tree.problems.push(self.file.hidden(place(span), message));
                self.apart(&pointer)?;
                self.tree.keys.insert(pointer.clone(), first);
                self.tree.places.extend(own.map(|own| (pointer, own)));
            } else {
                let value = self.node(&pointer)?;
                map.insert(name.into_owned(), value);
            }
        }
        Ok(Value::Object(map))
    }

    /// Steps over a value that is not taken.
    fn apart(&mut self, at: &str) -> Result<(), Problem> {
        let problems = self.tree.problems.len();
        self.node(at)?;
        self.tree.problems.truncate(problems);
        Ok(())
    }

    fn ends(&mut self, end: &Event<'a>) -> Result<bool, Problem> {
        let ends = match self.parser.peek() {
            Some(Ok((event, _))) => event == end,
            Some(Err(_)) => false,
            None => true,
        };
        if ends {
            self.next()?;
        }
        Ok(ends)
    }

    fn write(&mut self, at: &str, is_key: bool, style: ScalarStyle, span: Span) {
        self.tree.written.push(Written {
            pointer: at.to_owned(),
            is_key,
            style,
            start: span.start.index(),
            end: span.end.index(),
        });
    }

    fn refuse(&mut self, at: &str, span: Span, anchor: usize, tag: Option<&Cow<'_, Tag>>) {
        if anchor != 0 {
            let place = self.mark_before(span, '&');
            self.tree.problems.push(self.file.hidden(place, ANCHORS));
        }
        if tag.is_some() {
            let place = self.mark_before(span, '!');
            self.unread(
                at,
                place,
                "tags are not supported in a pipeline file: leave it out",
            );
        }
    }

    /// The place of the `mark` that belongs to what stands at `span`.
    fn mark_before(&self, span: Span, mark: char) -> Place {
        let own = place(span);
        let line = self.file.text.lines().nth(own.line - 1).unwrap_or_default();
        let before: Vec<char> = line.chars().take(own.column).collect();
        let mut found = Place { ..own };
        if let Some(at) = before.iter().rposition(|c| *c == mark) {
            found.column = at + 1;
        } else if let Some((line, column)) = self.line_above(own.line, mark) {
            found = Place { line, column };
        }
        found
    }

    fn line_above(&self, line: usize, mark: char) -> Option<(usize, usize)> {
        let above = line.checked_sub(2)?;
        let text = self.file.text.lines().nth(above)?;
        let at = text
            .chars()
            .collect::<Vec<_>>()
            .iter()
            .rposition(|c| *c == mark)?;
        Some((above + 1, at + 1))
    }

    fn unread(&mut self, at: &str, place: Place, message: &str) {
        self.tree.unread.insert(at.to_owned());
        self.tree.problems.push(self.file.hidden(place, message));
    }
}

fn place(span: Span) -> Place {
    Place {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

/// What the parser cannot read. A tab is the usual reason, and the parser seldom says so.
fn invalid(file: &File, error: &ScanError) -> Problem {
    let mut place = Place {
        line: error.marker().line(),
        column: error.marker().col() + 1,
    };
    let indented = |(_, text): &(usize, &str)| {
        let indent = text.len() - text.trim_start().len();
        text[..indent].contains('\t') && !text.trim().is_empty()
    };
    let mut lines = file.text.lines().enumerate().take(place.line);
    if let Some((line, text)) = lines.find(indented) {
        place.line = line + 1;
        place.column = text.chars().take_while(|c| *c != '\t').count() + 1;
        return file.hidden(place, "a tab cannot indent YAML: use spaces");
    }
    match error.info() {
        info if info.contains("unknown anchor") => file.hidden(place, ANCHORS),
        info => file.hidden(place, format!("not valid YAML: {info}")),
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Value {
    let read = Scalar::parse_from_cow_and_metadata(text.clone(), style, None);
    match read {
        None | Some(Scalar::Null) => Value::Null,
        Some(Scalar::Boolean(switch)) => Value::Bool(switch),
        Some(Scalar::Integer(number)) => Value::Number(number.into()),
        // JSON has no infinity and no NaN: they stay text, and fit no number.
        Some(Scalar::FloatingPoint(number)) => {
            let number = Number::from_f64(f64::from(number));
            number.map_or_else(|| Value::String(text.into_owned()), Value::Number)
        }
        Some(Scalar::String(text)) => Value::String(text.into_owned()),
    }
}
