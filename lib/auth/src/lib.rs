//! Sender evidence over DNS: SPF, DKIM, DMARC.
//!
//! [`Authenticator`] gathers all of it for one mail; the modules are open for whoever wants one
//! check only. A verdict is a value with a sentence for people, and trouble with DNS is a verdict too. This
//! crate must not know what is decided upon its evidence, nor what time it is.

mod authenticator;
pub mod dkim;
pub mod dmarc;
pub mod dns;
pub mod spf;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use authenticator::Authenticator;
