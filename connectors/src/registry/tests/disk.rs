//! A restart while the registry is away.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

fn kept(folder: &TempDir, stub: &RegistryStub, control: &Runtime) -> Arc<Registry> {
    open(json!({ "url": stub.url(), "cache": folder.path() }), control)
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let folders = fs::read_dir(folder.path()).expect("a folder").flatten();
    let files = folders.flat_map(|one| fs::read_dir(one.path()).expect("a folder").flatten());
    files.map(|file| file.path()).collect()
}

#[test]
fn a_restart_goes_on_with_what_is_on_disk() {
    let (folder, stub, control) = (
        TempDir::new().expect("a folder"),
        RegistryStub::start(),
        control(),
    );
    stub.schema(
        7,
        &json!({ "schema": INT, "references": [{ "name": "a", "subject": "a", "version": 1 }] }),
    );
    stub.version("a", 1, 1, &json!({ "schema": "\"long\"" }));
    let learnt = arrives(&kept(&folder, &stub, &control), SchemaKey::Id(7));
    for outage in [Outage::Down, Outage::Silent, Outage::Expired, Outage::Html] {
        stub.service().fail(Some(outage));
        let registry = kept(&folder, &stub, &control);
        assert_eq!(arrives(&registry, SchemaKey::Id(7)), learnt, "{outage:?}");
        assert_eq!(registry.status().from_disk, 1);
        let error = registry.schema(SchemaKey::Id(8)).expect_err("never learnt");
        assert_eq!(error.kind(), Kind::Retry);
    }
}

#[test]
fn the_registry_comes_before_the_disk() {
    let (folder, stub, control) = (
        TempDir::new().expect("a folder"),
        RegistryStub::start(),
        control(),
    );
    stub.schema(7, &json!({ "schema": INT }));
    arrives(&kept(&folder, &stub, &control), SchemaKey::Id(7));
    // Somebody has set the registry up anew.
    stub.schema(7, &json!({ "schema": "\"long\"" }));
    let registry = kept(&folder, &stub, &control);
    assert_eq!(arrives(&registry, SchemaKey::Id(7)).text, "\"long\"");
    stub.service().fail(Some(Outage::Down));
    let registry = kept(&folder, &stub, &control);
    assert_eq!(arrives(&registry, SchemaKey::Id(7)).text, "\"long\"");
}

#[test]
fn a_damaged_file_is_ignored_with_a_warning_and_written_anew() {
    log::keep();
    let (folder, stub, control) = (
        TempDir::new().expect("a folder"),
        RegistryStub::start(),
        control(),
    );
    stub.schema(7, &json!({ "schema": INT }));
    arrives(&kept(&folder, &stub, &control), SchemaKey::Id(7));
    let [file] = files(&folder).try_into().expect("one file");
    let whole = fs::read(&file).expect("a file");
    fs::write(&file, &whole[..whole.len() - 9]).expect("write");
    stub.service().fail(Some(Outage::Down));
    let registry = kept(&folder, &stub, &control);
    fails(&registry, SchemaKey::Id(7), "no answer");
    let told = log::with(&file.display().to_string());
    assert!(
        told.iter()
            .any(|line| line.contains("WARN") && line.contains("damaged")),
        "{told:?}"
    );
    stub.service().fail(None);
    arrives(&registry, SchemaKey::Id(7));
    assert_eq!(fs::read(&file).expect("a file"), whole);
    assert_eq!(files(&folder), [file]);
}
