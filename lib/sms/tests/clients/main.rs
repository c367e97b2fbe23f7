//! The providers' clients against real sockets.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "an integration test: a panic is its failure"
)]

mod esendex;
mod faults;
mod schemas;
mod twilio;
mod vendor;
