//! Where the conformance data is.

use std::path::PathBuf;

/// A file of the conformance data. Absent: a failure in CI, elsewhere a skip that says so.
pub(crate) fn corpus(file: &str) -> Option<String> {
    let root = std::env::var_os("POSTEL_CORPORA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    match std::fs::read_to_string(root.join(file)) {
        Ok(text) => Some(text),
        Err(e) if std::env::var_os("CI").is_some() => panic!("conformance data: {file}: {e}"),
        Err(_) => {
            println!("skipped: no {file} in the conformance data");
            None
        }
    }
}
