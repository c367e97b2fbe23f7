//! SMS providers: sending and webhooks, one folder each.
//!
//! Every provider fulfils [`postel_core::ports::SmsProvider`]; what follows its answers is core's
//! to say. Must not know accounts, mails or other providers.

mod handset;

pub use handset::Handset;
