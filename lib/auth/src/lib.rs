//! Sender evidence over DNS: SPF, DKIM, DMARC.
