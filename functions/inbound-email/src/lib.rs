//! The Lambda function that takes SES's mail: an SQS batch of notifications becomes decisions and texts.
//!
//! Wiring only; a library so that tests run the very handler. SQS keeps a message until all of it is
//! done, so there is no spool: whatever fails is delivered again, and the ledger knows what was done
//! before. Must not know any rule.

mod config;
mod handler;
mod system;
mod wiring;

pub use config::{Config, ConfigError};
pub use handler::{Inbound, time_left};
pub use system::{SystemClock, SystemIds};
