//! Sender evidence over DNS: SPF, DKIM, DMARC.

pub mod dns;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
