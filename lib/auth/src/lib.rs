//! Sender evidence over DNS: SPF, DKIM, DMARC.

pub mod dkim;
pub mod dns;
pub mod spf;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
