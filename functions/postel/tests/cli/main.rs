//! The command line as people and scripts meet it: every test runs the real binary.
#![expect(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "tests and their support"
)]

mod accounts;
mod backup;
mod check;
mod config;
mod help;
mod mail;
mod replay;
mod serving;
mod support;
