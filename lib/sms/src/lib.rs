//! SMS providers: sending and webhooks, one folder each.
//!
//! Every provider fulfils [`postel_core::ports::SmsProvider`]; what follows its answers is core's
//! to say. Must not know accounts, mails or other providers.
//!
//! # Adding a provider
//!
//! 1. A folder here with a type that fulfils [`SmsProvider`](postel_core::ports::SmsProvider): a `name` of its own in
//!    lower case, true `limits`, `send`, and `look_up` where the vendor can be asked what it took. The trait's page is
//!    the contract; in short: one text is one request, never tried again, never longer than a minute, and whatever is
//!    not certain is `Ambiguous`.
//! 2. Over HTTP, build on the module `http`: it says what was surely not taken and what may have been. The meaning of
//!    the vendor's codes stands in one table (as `twilio/codes.rs`), in our own words: `detail` never holds a number, a
//!    text or a secret, and vendors' words do. Read answers as hostile: bounded, and no id that is not one.
//! 3. [`Probe`], for `postel check provider`.
//! 4. Its name and section in `functions/postel/src/config/providers.rs` and `postel.toml`, an arm in
//!    `functions/postel/src/providers.rs`.
//! 5. Tests against real sockets (`tests/clients`): every documented code has a
//!    row, every fault of `faults.rs` holds, and the request is held to the vendor's own schema where there is one.

mod class;
pub mod esendex;
mod handset;
mod http;
mod probe;
pub mod twilio;

pub use esendex::Esendex;
pub use handset::Handset;
pub use http::{Endpoint, EndpointFault, Options, SetupError, check_trust};
pub use probe::{Probe, Standing};
pub use twilio::Twilio;
