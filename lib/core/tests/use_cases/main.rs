//! The use cases on twins of every port: what the promises P2, P3 and P7 mean, case by case.
#![cfg(feature = "testing")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "an integration test: a panic is its failure"
)]

mod deciding;
mod house;
mod once;
mod sending;
mod settings;
