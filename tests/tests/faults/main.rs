//! Nothing lost, nothing doubled: a process that is killed and a provider that fails (P2, P3).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "an integration test: a panic is its failure"
)]

mod crash;
mod house;
mod load;
mod outage;
#[expect(
    dead_code,
    reason = "what other tests of the process need is there too"
)]
#[path = "../process/mod.rs"]
mod process;
mod random;
mod table;
mod vendor;
