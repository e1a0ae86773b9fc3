//! Text of `.proto` files to descriptors, without a file system: what an import names comes from the schema's references, or
//! is one of the files that every registry knows. Bounds what it is given: a schema comes from elsewhere.

use std::panic::catch_unwind;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{FileDescriptor, MessageDescriptor};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use super::place::Place;
use crate::codec::schemas::{RegisteredSchema, SchemaReference, SchemaType};
use crate::steps::names::{list, suggestion};

/// The name of the file that the records' messages are in; no reference has it.
const ROOT: &str = "<schema>";
/// Bytes of a schema and its references: the compiler compares each field with each reserved number, which takes minutes for a few
/// megabytes made for it.
const MOST_BYTES: usize = 512 << 10;
/// Brackets in brackets: the parser descends into them by calls.
const MOST_NESTED: usize = 48;
/// Files: each may import the next, and that is a call deeper.
const MOST_REFERENCES: usize = 200;
/// Messages that an error names.
const MOST_NAMED: usize = 50;

/// Files that registries and their serializers carry, which no schema lists as references.
const KNOWN: [(&str, &str); 4] = [
    ("confluent/meta.proto", include_str!("known/meta.proto")),
    (
        "confluent/type/decimal.proto",
        include_str!("known/decimal.proto"),
    ),
    ("google/type/date.proto", include_str!("known/date.proto")),
    (
        "google/type/timeofday.proto",
        include_str!("known/timeofday.proto"),
    ),
];

/// A compiled schema.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    root: FileDescriptor,
}

impl Schema {
    /// Compiles a schema with its references. The reason it cannot be is fit for a reject.
    pub(super) fn compile(schema: &RegisteredSchema) -> Result<Self, String> {
        if schema.schema_type != SchemaType::Protobuf {
            let found = schema.schema_type.name();
            return Err(format!("the schema is of type {found}, not PROTOBUF"));
        }
        bounded(schema)?;
        // The compiler is another's: what makes it panic is a schema that cannot be read, and no reason to stop.
        let compiled = catch_unwind(|| compiled(schema));
        let root = compiled.unwrap_or_else(|panic| {
            drop(panic);
            Err("the schema does not compile: the compiler failed on it".to_owned())
        });
        Ok(Self { root: root? })
    }

    /// The message of this name, with or without its package; without a name the first of the file.
    pub(super) fn message(&self, name: Option<&str>) -> Result<MessageDescriptor, String> {
        let Some(name) = name else {
            return self.first();
        };
        let pool = self.root.parent_pool();
        let package = self.root.package_name();
        let found = pool
            .get_message_by_name(name)
            .or_else(|| pool.get_message_by_name(&format!("{package}.{name}")));
        found.ok_or_else(|| {
            let known: Vec<String> = self.root.messages().map(|m| m.name().to_owned()).collect();
            let near = suggestion(name, known.iter().map(String::as_str));
            format!("the schema has no message `{name}`{near}")
        })
    }

    fn first(&self) -> Result<MessageDescriptor, String> {
        let first = self.root.messages().next();
        first.ok_or_else(|| "the schema has no message".to_owned())
    }

    /// What to do where the first message does not fit, and of the others exactly one does.
    pub(super) fn several(&self, fits: impl Fn(&MessageDescriptor) -> bool) -> Option<String> {
        let all: Vec<MessageDescriptor> = self.root.messages().collect();
        let mut fitting = all.iter().skip(1).filter(|message| fits(message));
        let (Some(one), None) = (fitting.next(), fitting.next()) else {
            return None;
        };
        let names: Vec<&str> = all.iter().map(MessageDescriptor::name).collect();
        Some(format!(
            "the schema has several messages ({}): name the one that is written as `message`; `{}` has all the columns",
            list(names.iter().copied().take(MOST_NAMED)),
            one.name()
        ))
    }

    /// The message at a place. To a compiler the entries of a map are a message, too: Confluent's client for Java does not count
    /// them, those for Go and Python do. Where both ways lead to a message, and to different ones, nobody knows which is meant.
    pub(super) fn at(&self, place: &Place) -> Result<MessageDescriptor, String> {
        let without = self.nth(place, |message| !message.is_map_entry());
        let with = self
            .nth(place, |_| true)
            .filter(|message| !message.is_map_entry());
        match (without, with) {
            (Some(one), Some(other)) if one != other => Err(format!(
                "message index {place} is `{}` to clients that do not count the entries of maps, and `{}` to those that do: \
                 write a message that is not nested beside a map",
                one.full_name(),
                other.full_name()
            )),
            (Some(message), _) | (None, Some(message)) => Ok(message),
            (None, None) => Err(format!("the schema has no message at index {place}")),
        }
    }

    /// The message at a place where those that `counts` holds for are counted.
    fn nth(&self, place: &Place, counts: impl Fn(&MessageDescriptor) -> bool) -> Option<MessageDescriptor> {
        let (first, nested) = place.indexes().split_first()?;
        let first = self.root.messages().nth(usize::from(*first))?;
        nested.iter().try_fold(first, |outer, index| {
            outer.child_messages().filter(&counts).nth(usize::from(*index))
        })
    }

    /// Where a message of the schema's own file stands.
    pub(super) fn place_of(&self, message: &MessageDescriptor) -> Result<Place, String> {
        let mut indexes = Vec::new();
        let mut message = message.clone();
        if message.parent_file() != self.root {
            return Err(format!(
                "message `{}` is in an imported file: a message index cannot name it",
                message.full_name()
            ));
        }
        while let Some(outer) = message.parent_message() {
            indexes.push(
                outer
                    .child_messages()
                    .filter(|m| !m.is_map_entry())
                    .position(|m| m == message),
            );
            message = outer;
        }
        indexes.push(self.root.messages().position(|m| m == message));
        let indexes: Option<Vec<usize>> = indexes.into_iter().rev().collect();
        Place::new(&indexes.unwrap_or_default()).ok_or_else(|| {
            format!(
                "message `{}` is nested too deep for a message index",
                message.full_name()
            )
        })
    }
}

fn compiled(schema: &RegisteredSchema) -> Result<FileDescriptor, String> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Given {
        root: schema.text.clone(),
        references: schema.references.clone(),
    });
    resolver.add(GoogleFileResolver::new());
    resolver.add(Known);
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    let opened = compiler.open_file(ROOT).map(drop);
    opened.map_err(|e| format!("the schema does not compile: {}", in_words(&e)))?;
    let root = compiler.descriptor_pool().get_file_by_name(ROOT);
    root.ok_or_else(|| "the schema does not compile: it is not among its own files".to_owned())
}

fn bounded(schema: &RegisteredSchema) -> Result<(), String> {
    let texts = || std::iter::once(&schema.text).chain(schema.references.iter().map(|r| &r.text));
    let bytes: usize = texts().map(String::len).sum();
    if bytes > MOST_BYTES {
        return Err(format!(
            "the schema has {bytes} bytes with its references; {MOST_BYTES} are read"
        ));
    }
    if schema.references.len() > MOST_REFERENCES {
        let count = schema.references.len();
        return Err(format!(
            "the schema has {count} references; {MOST_REFERENCES} are read"
        ));
    }
    if texts().any(|text| nesting(text.as_bytes()) > MOST_NESTED) {
        return Err(format!("the schema nests deeper than {MOST_NESTED}"));
    }
    Ok(())
}

/// How deep brackets stand in brackets, outside of strings and comments.
fn nesting(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut at) = (0usize, 0, 0);
    while let Some(byte) = text.get(at) {
        at = match (byte, text.get(at + 1)) {
            (b'/', Some(b'/')) => behind(text, at, |rest| rest[0] == b'\n', 1),
            (b'/', Some(b'*')) => behind(text, at + 2, |rest| rest.starts_with(b"*/"), 2),
            (quote @ (b'"' | b'\''), _) => string_end(text, at + 1, *quote),
            _ => at + 1,
        };
        match byte {
            b'{' | b'[' | b'(' | b'<' => depth += 1,
            b'}' | b']' | b')' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn behind(text: &[u8], from: usize, is: impl Fn(&[u8]) -> bool, length: usize) -> usize {
    let found = (from..text.len()).find(|at| is(&text[*at..]));
    found.map_or(text.len(), |at| at + length)
}

/// A string ends with its line at the latest, so that a quote in what is no string hides one line.
fn string_end(text: &[u8], mut at: usize, quote: u8) -> usize {
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'\\' => at += 1,
            b'\n' => return at,
            byte if *byte == quote => return at,
            _ => {}
        }
    }
    at
}

/// The compiler's words in one line, without the name that this module gave the file.
fn in_words(error: &protox::Error) -> String {
    let text: String = error.to_string().replace(ROOT, "the schema");
    let line: Vec<&str> = text.split_whitespace().collect();
    let mut line = line.join(" ");
    if let Some((end, _)) = line.char_indices().nth(400) {
        line.truncate(end);
    }
    if error.is_file_not_found() {
        line += ": it is not among the schema's references";
    }
    line
}

/// A file of its source, or of its descriptor in base64: that is how Confluent's client for Python registers schemas, and some
/// registries give them back.
fn file(name: &str, text: &str) -> Result<File, protox::Error> {
    let bytes = STANDARD.decode(text).ok();
    let Some(described) = bytes.and_then(|bytes| File::decode_file_descriptor_proto(bytes.as_slice()).ok())
    else {
        return File::from_source(name, text);
    };
    let mut descriptor = described.file_descriptor_proto().clone();
    descriptor.name = Some(name.to_owned());
    Ok(File::from_file_descriptor_proto(descriptor))
}

#[derive(Debug)]
struct Given {
    root: String,
    references: Vec<SchemaReference>,
}

impl FileResolver for Given {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == ROOT {
            return file(name, &self.root);
        }
        let found = self.references.iter().find(|reference| reference.name == name);
        let found = found.ok_or_else(|| protox::Error::file_not_found(name))?;
        file(name, &found.text)
    }
}

#[derive(Debug)]
struct Known;

impl FileResolver for Known {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let found = KNOWN.iter().find(|(known, _)| *known == name);
        let (name, text) = found.ok_or_else(|| protox::Error::file_not_found(name))?;
        File::from_source(name, text)
    }
}
