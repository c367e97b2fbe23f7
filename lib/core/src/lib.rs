//! The rules and the use cases of Postel: who may send, what text results, what happens to it.
//!
//! Facts in, decision out. This crate must not know any vendor, any network or what time it is:
//! time, ids and facts are arguments, and whatever acts or remembers stands behind a port
//! ([`ports`]).

pub mod address;
pub mod decision;
pub mod dispatch;
pub mod evidence;
pub mod intake;
pub mod ledger;
pub mod measure;
pub mod model;
pub mod notice;
pub mod number;
pub mod ports;
pub mod recipient;
pub mod settings;
pub mod sweep;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod when;

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            // Writing to a String cannot fail.
            let _written = write!(out, "{byte:02x}");
            out
        })
}
