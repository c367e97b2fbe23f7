//! Every seed and every find of the fuzz targets, through the same functions as libFuzzer (`make soak`).
//!
//! A find is the input that once broke a promise; its file says by its name which.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an integration test: a panic is its failure"
)]

#[path = "../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    reason = "there it is a library that the fuzz targets use"
)]
mod fuzz;

use std::path::Path;

type Target = (&'static str, fn(&[u8]));

/// As in `tests/fuzz/Cargo.toml`.
const TARGETS: [Target; 7] = [
    ("addresses", fuzz::addresses::holds),
    ("cut", fuzz::cut::holds),
    ("html", fuzz::html::holds),
    ("mail", fuzz::mail::holds),
    ("signatures", fuzz::signatures::holds),
    ("smtp", fuzz::smtp::holds),
    ("spf", fuzz::spf::holds),
];

#[test]
fn every_seed_and_every_find_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (name, holds) in TARGETS {
        let mut replayed = 0;
        for folder in [root.join("seeds").join(name), root.join("finds").join(name)] {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                println!("{}", path.display());
                holds(&std::fs::read(&path).unwrap());
                replayed += 1;
            }
        }
        assert!(replayed >= 5, "{name}: {replayed} inputs");
    }
}

#[test]
fn every_target_is_replayed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/targets");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    found.sort();
    assert_eq!(found, TARGETS.map(|(name, _)| name));
}
