//! Sender evidence over DNS: SPF, DKIM, DMARC.

pub mod dns;
