//! Schemas on disk: what a start has where the registry does not answer. A file that is not whole, or not of this registry and
//! schema, is as good as none.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use forebay_core::codec::schemas::{RegisteredSchema, SchemaKey, SchemaReference, SchemaType};
use serde::{Deserialize, Serialize};

use super::answer::segment;

/// A folder of one registry's schemas.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    registry: String,
}

#[derive(Deserialize, Serialize)]
struct Kept {
    format: u32,
    registry: String,
    key: String,
    /// Under what id, where that is what was asked.
    id: Option<u32>,
    schema_type: String,
    text: String,
    /// Name and text.
    references: Vec<(String, String)>,
    /// Of all of the above.
    sum: String,
}

const FORMAT: u32 = 1;
/// A file's name has an end on every system.
const NAME: usize = 160;

impl Disk {
    /// Below `folder`, the schemas of the registry whose first address is `registry`.
    pub(super) fn new(folder: PathBuf, registry: &str) -> Self {
        let mut name = segment(registry);
        name.truncate(NAME);
        Self {
            folder: folder.join(name),
            registry: registry.to_owned(),
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        let mut name = segment(&key.replace(' ', "-"));
        name.truncate(NAME);
        self.folder.join(format!("{name}.json"))
    }

    /// Whether anything was kept of this registry.
    pub(super) fn has_some(&self) -> bool {
        let is_kept = |file: fs::DirEntry| file.path().extension().is_some_and(|end| end == "json");
        fs::read_dir(&self.folder).is_ok_and(|mut files| files.any(|file| file.is_ok_and(is_kept)))
    }

    /// What was kept of `key`.
    pub(super) fn load(&self, key: SchemaKey) -> Option<RegisteredSchema> {
        self.answer(&key.to_string()).map(|(_, schema)| schema)
    }

    /// What was answered to `key`, with the schema's id where it was kept.
    pub(super) fn answer(&self, key: &str) -> Option<(Option<u32>, RegisteredSchema)> {
        let path = self.path(key);
        let found = match fs::read(&path) {
            Ok(bytes) => self.read(key, &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => Err(error.kind().to_string()),
        };
        found
            .map_err(|why| {
                tracing::warn!(path = %path.display(), "a schema on disk is of no use: {why}; it will be written anew");
            })
            .ok()
    }

    fn read(&self, key: &str, bytes: &[u8]) -> Result<(Option<u32>, RegisteredSchema), String> {
        let kept: Kept = serde_json::from_slice(bytes).map_err(|_| "it is damaged".to_owned())?;
        if kept.format != FORMAT {
            return Err(format!(
                "it has the form {}, this Forebay writes {FORMAT}",
                kept.format
            ));
        }
        if kept.sum != kept.own_sum() {
            return Err("it is damaged".to_owned());
        }
        if kept.registry != self.registry || kept.key != key {
            return Err("it is of another registry or schema".to_owned());
        }
        let all = [SchemaType::Avro, SchemaType::JsonSchema, SchemaType::Protobuf];
        let schema_type = all.into_iter().find(|one| one.name() == kept.schema_type);
        let reference = |(name, text)| SchemaReference { name, text };
        let schema = RegisteredSchema {
            schema_type: schema_type.ok_or("its language is not known")?,
            text: kept.text,
            references: kept.references.into_iter().map(reference).collect(),
        };
        Ok((kept.id, schema))
    }

    /// Keeps it, in place of what was there. A folder that cannot be written keeps nothing: the pipeline runs all the same.
    pub(super) fn store(&self, key: SchemaKey, schema: &RegisteredSchema) {
        self.keep(&key.to_string(), None, schema);
    }

    /// Keeps what was answered to `key`, with the schema's id.
    pub(super) fn keep(&self, key: &str, id: Option<u32>, schema: &RegisteredSchema) {
        let path = self.path(key);
        if let Err(error) = self.write(key, id, schema) {
            tracing::warn!(path = %path.display(), "a schema is not kept on disk: {}", error.kind());
        }
    }

    fn write(&self, key: &str, id: Option<u32>, schema: &RegisteredSchema) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let reference = |one: &SchemaReference| (one.name.clone(), one.text.clone());
        let mut kept = Kept {
            format: FORMAT,
            registry: self.registry.clone(),
            key: key.to_owned(),
            id,
            schema_type: schema.schema_type.name().to_owned(),
            text: schema.text.clone(),
            references: schema.references.iter().map(reference).collect(),
            sum: String::new(),
        };
        kept.sum = kept.own_sum();
        fs::create_dir_all(&self.folder)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let new = self.folder.join(format!(".new-{}-{number}", std::process::id()));
        let written = fs::File::create(&new)
            .and_then(|mut file| file.write_all(&serde_json::to_vec(&kept)?))
            .and_then(|()| fs::rename(&new, self.path(key)));
        if written.is_err() {
            // What is left is a name that nobody reads.
            drop(fs::remove_file(&new));
        }
        written
    }
}

impl Kept {
    /// FNV-1a, 64 bits: it finds damage, not malice.
    fn own_sum(&self) -> String {
        let format = self.format.to_string();
        let id = self.id.map_or(String::new(), |id| id.to_string());
        let own = [
            &format,
            &self.registry,
            &self.key,
            &id,
            &self.schema_type,
            &self.text,
        ];
        let others = self.references.iter().flat_map(|(name, text)| [name, text]);
        let sum = own
            .into_iter()
            .chain(others)
            .fold(0xcbf2_9ce4_8422_2325_u64, |sum, part| {
                // A byte that no text has, between two of them.
                part.bytes().chain([0xff]).fold(sum, |sum, byte| {
                    (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                })
            });
        format!("{sum:016x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> RegisteredSchema {
        RegisteredSchema {
            schema_type: SchemaType::Protobuf,
            text: "syntax = \"proto3\";".into(),
            references: vec![SchemaReference {
                name: "a.proto".into(),
                text: "\u{e4}".into(),
            }],
        }
    }

    #[test]
    fn a_schema_comes_back_as_it_was_and_for_its_registry_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::new(folder.path().join("new"), "http://a:1/x");
        let keys = [SchemaKey::Id(7), SchemaKey::Guid([0xab; 16])];
        for key in keys {
            assert_eq!(disk.load(key), None);
            disk.store(key, &schema());
            assert_eq!(disk.load(key), Some(schema()));
        }
        assert_eq!(disk.load(SchemaKey::Id(8)), None);
        let other = Disk::new(folder.path().join("new"), "http://a:2/x");
        assert_eq!(other.load(keys[0]), None);
        // A file that somebody moved there.
        fs::create_dir_all(&other.folder).expect("a folder");
        fs::copy(disk.path(&keys[0].to_string()), other.path(&keys[0].to_string())).expect("copy");
        assert_eq!(other.load(keys[0]), None);
        let files = fs::read_dir(&disk.folder).expect("files").count();
        assert_eq!(files, 2, "nothing else is left there");
    }

    #[test]
    fn an_answer_is_kept_with_its_id_under_a_name_of_any_length() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::new(folder.path().into(), "http://a:1");
        let (one, other) = (format!("{}a", "/x".repeat(300)), format!("{}b", "/x".repeat(300)));
        assert_eq!(disk.answer(&one), None);
        disk.keep(&one, Some(9), &schema());
        assert_eq!(disk.answer(&one), Some((Some(9), schema())));
        // Its file has the same name.
        assert_eq!(disk.answer(&other), None);
    }

    #[test]
    fn every_damage_is_found_and_mended() {
        let folder = tempfile::tempdir().expect("a folder");
        let (disk, key) = (Disk::new(folder.path().into(), "http://a:1"), SchemaKey::Id(7));
        disk.store(key, &schema());
        let whole = fs::read(disk.path(&key.to_string())).expect("a file");
        for end in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(disk.path(&key.to_string()), &whole[..end]).expect("write");
            assert_eq!(disk.load(key), None, "{end} bytes");
        }
        let text = String::from_utf8(whole).expect("text");
        fs::write(disk.path(&key.to_string()), text.replace("proto3", "proto2")).expect("write");
        assert_eq!(disk.load(key), None);
        disk.store(key, &schema());
        assert_eq!(disk.load(key), Some(schema()));
    }

    #[test]
    fn a_folder_that_cannot_be_written_stops_nothing() {
        let disk = Disk::new("/proc/nowhere".into(), "http://a:1");
        disk.store(SchemaKey::Id(7), &schema());
        assert_eq!(disk.load(SchemaKey::Id(7)), None);
    }
}
