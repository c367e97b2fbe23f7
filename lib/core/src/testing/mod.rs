//! Working twins of the ports, and the one suite every store passes. For tests and for `postel demo`.
//!
//! The twins keep the ports' contracts and nothing else: no files, no network. Must not be used
//! where anything has to outlive the process.

pub mod conformance;
mod memory;
mod twins;

pub use memory::MemoryStore;
pub use twins::{
    CountingIds, FixedEvidence, ManualClock, RecordingMailOut, ScriptedProvider, spf_alone,
};
