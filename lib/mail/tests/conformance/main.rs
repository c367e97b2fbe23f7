//! The reader against answers that nobody in this project wrote (see `data/README.md` of the shared folder).
//!
//! The data is read where it lies: `POSTEL_CORPORA`, or `../shared/data` beside the workspace. Where it is absent the
//! tests fail in CI and say elsewhere that they were skipped.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise and prints its counts"
)]

mod autoreply;
mod charset;
mod hostile;
mod html_text;
mod mime;

use std::path::{Path, PathBuf};

/// A folder of the conformance data; `None` (after saying so) where there is none and CI does not insist.
fn corpus(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("POSTEL_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    if std::env::var_os("CI").is_some() {
        panic!(
            "no conformance data: {} (set POSTEL_CORPORA)",
            folder.display()
        );
    }
    println!(
        "skipped: no conformance data at {} (set POSTEL_CORPORA)",
        folder.display()
    );
    None
}

/// The lines of a `.jsonl` file; an empty one is a fault.
fn cases(file: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(file).unwrap();
    let cases: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!cases.is_empty(), "{} holds no case", file.display());
    cases
}

/// Every run of white space becomes one blank: how the recorded answers were compared.
fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
