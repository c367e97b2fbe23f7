//! Where the conformance data lies, and its CSV. Shared by this crate's conformance tests.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what failed by failing"
)]

use std::path::PathBuf;

/// The data folder, or `None` with a word about it: a failure where `CI` is set.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("POSTEL_CORPORA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no conformance data: {name}"
    );
    println!("conformance {name}: skipped, set POSTEL_CORPORA to the data folder");
    None
}

/// Rows of a small CSV file with quoted fields.
pub(crate) fn csv_rows(file: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = file.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                field.push(chars.next().expect("peeked"))
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            c => field.push(c),
        }
    }
    assert!(!quoted && field.is_empty(), "the file ends inside a row");
    rows
}
