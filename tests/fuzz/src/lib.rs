//! What must hold for any bytes, one module per fuzz target; each has one function, `holds`, that panics where it does not.
//!
//! libFuzzer calls them (`targets/`), and so does `make test` with every seed and every find (`tests/tests/fuzz_finds.rs`).
//! Inputs are meant to be read and written by people: mails, SMTP sessions, zones as lines.

pub mod addresses;
pub mod cut;
pub mod html;
pub mod mail;
pub mod signatures;
pub mod smtp;
pub mod spf;
pub mod zone;

/// Runs what never waits for anything but its own tasks.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(work)
}

/// The first line without its line end, and all after it.
fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let rest = data.get(end + 1..).unwrap_or_default();
    let line = data.get(..end).unwrap_or_default();
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}
