//! The SMTP listener over real sockets: what it takes, what it refuses, and with which words.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod client;
mod commands;
mod data;
mod limits;
#[path = "../log/mod.rs"]
mod log;
mod login;
mod relay;
mod tls;
