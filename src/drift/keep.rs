//! A file that is there as a whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use forebay_core::{Error, Result};

/// Writes `text` to `path`; whoever reads it meanwhile reads what was there before.
///
/// # Errors
/// `Config` where the folder takes no file.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let moved = written.and_then(|()| fs::rename(&beside, path));
    moved.map_err(|e| {
        // What is left of it helps nobody; that it cannot be removed either is not the news.
        drop(fs::remove_file(&beside));
        Error::config("write the baseline")
            .with("file", path.display())
            .caused_by(e)
    })
}
