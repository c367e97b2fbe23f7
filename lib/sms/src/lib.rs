//! SMS providers: sending and webhooks, one folder each.
//!
//! Every provider fulfils [`postel_core::ports::SmsProvider`]; what follows its answers is core's
//! to say. Must not know accounts, mails or other providers.

mod class;
mod handset;
mod http;
mod probe;
pub mod twilio;

pub use handset::Handset;
pub use http::{Endpoint, EndpointFault, Options, SetupError, check_trust};
pub use probe::{Probe, Standing};
pub use twilio::Twilio;
