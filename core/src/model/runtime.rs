//! Where ONNX Runtime's shared library is, and its one load per process. Knows no model.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;

use crate::error::{Error, Result};

/// The version that `make onnxruntime` fetches.
const VERSION: &str = "1.32.0";
const LIBRARY: &str = "libonnxruntime.so";

/// Finds the library: as configured, else `ORT_DYLIB_PATH`, else beside the executable, else in the cache.
///
/// # Errors
/// `Config`, with every place that was tried and the command that fetches it.
pub fn locate(configured: Option<&Path>) -> Result<PathBuf> {
    let places = places(configured, &|name| env::var_os(name).map(PathBuf::from));
    let found = places.iter().find(|(_, path)| path.is_file());
    if let Some((_, path)) = found {
        return Ok(path.clone());
    }
    let tried: Vec<String> = places
        .iter()
        .map(|(what, path)| format!("{what} {}", path.display()))
        .collect();
    Err(Error::config(format!(
        "ONNX Runtime's library was not found; `make onnxruntime` fetches it, or name one with `onnxruntime: {{ path }}` \
         or ORT_DYLIB_PATH; tried: {}",
        tried.join(", ")
    )))
}

/// A library that is named and not there is not replaced by another in silence.
fn places(
    configured: Option<&Path>,
    variable: &dyn Fn(&str) -> Option<PathBuf>,
) -> Vec<(&'static str, PathBuf)> {
    if let Some(path) = configured {
        return vec![("onnxruntime.path", path.to_path_buf())];
    }
    if let Some(path) = variable("ORT_DYLIB_PATH") {
        return vec![("ORT_DYLIB_PATH", path)];
    }
    let beside = env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join(LIBRARY)));
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let cache = cache.map(|c| c.join("forebay/onnxruntime").join(VERSION).join(LIBRARY));
    let beside = beside.map(|path| ("beside the executable", path));
    beside
        .into_iter()
        .chain(cache.map(|path| ("the cache", path)))
        .collect()
}

/// Loads the library; the first path that is asked for serves the whole process.
///
/// # Errors
/// `Config` where it cannot be loaded or is too old.
pub fn load(path: &Path) -> Result<&'static Environment> {
    static LOADED: OnceLock<std::result::Result<Environment, String>> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| {
        let builder = ort::init_from(path).map_err(|e| e.to_string())?;
        builder.with_name("forebay").build().map_err(|e| e.to_string())
    });
    loaded.as_ref().map_err(|reason| {
        Error::config("load ONNX Runtime; version 1.24 or newer is needed, `make onnxruntime` fetches one")
            .with("library", path.display())
            .with("found", reason)
    })
}

/// What the loaded library says of itself.
///
/// # Errors
/// `Config` where it cannot be loaded.
pub fn build_info(path: &Path) -> Result<&'static str> {
    load(path)?;
    Ok(ort::info())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_library_that_is_missing_is_an_error_with_the_remedy() {
        let error = locate(Some(Path::new("/nowhere/libonnxruntime.so")))
            .expect_err("it is not there")
            .to_string();
        assert!(
            error.contains("make onnxruntime") && error.contains("/nowhere/libonnxruntime.so"),
            "{error}"
        );
    }

    #[test]
    fn places_are_tried_in_order() {
        let names = |configured: Option<&Path>, variables: &[&str]| -> Vec<&'static str> {
            let variable = |name: &str| variables.contains(&name).then(|| PathBuf::from("/v"));
            places(configured, &variable)
                .into_iter()
                .map(|(what, _)| what)
                .collect()
        };
        assert_eq!(
            names(Some(Path::new("/c")), &["ORT_DYLIB_PATH"]),
            ["onnxruntime.path"]
        );
        assert_eq!(names(None, &["ORT_DYLIB_PATH", "HOME"]), ["ORT_DYLIB_PATH"]);
        assert_eq!(names(None, &["HOME"]), ["beside the executable", "the cache"]);
        assert_eq!(names(None, &[]), ["beside the executable"]);
    }
}
