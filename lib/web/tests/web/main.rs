//! The router over the in-memory twins, seen as a browser sees it.
#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that cannot go on fails where it stands"
)]

mod handset;
mod invitation;
mod routes;
mod support;
