//! What is known of who sent a mail: values only, named as in the RFCs.
//!
//! Gathered elsewhere (over DNS, or from SES); judged in [`crate::decision`]. Must not know how
//! it was gathered.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::address::{Domain, EmailAddress};
use crate::model::AccountId;

/// The SMTP side of a mail: what the server saw itself, never what a header claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The client that handed the mail to us, or to the operator's relay; `None` where it cannot be known.
    /// Never the relay's own address.
    pub client_ip: Option<IpAddr>,
    /// The operator's relay that handed the mail to us, where one did; for the trail.
    #[serde(default)]
    pub relay: Option<IpAddr>,
    /// As the client said it (to the relay, where there is one), unchecked.
    pub helo: String,
    /// `MAIL FROM`; `None` for the null sender `<>`.
    pub envelope_sender: Option<EmailAddress>,
    /// The user proven by SMTP AUTH over TLS.
    pub authenticated: Option<Login>,
}

/// One user of one account, proven by a password. Anybody may list anybody, so the address alone
/// says nothing to another account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The account whose user it is.
    pub account: AccountId,
    /// The user's address.
    pub address: EmailAddress,
}

/// RFC 7208 2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpfResult {
    /// No record, or no domain to ask about.
    None,
    /// The domain states nothing about the client.
    Neutral,
    /// The client is authorised.
    Pass,
    /// The client is not authorised.
    Fail,
    /// The client is probably not authorised.
    Softfail,
    /// DNS failed; trying again may help.
    Temperror,
    /// The record cannot be interpreted.
    Permerror,
}

/// How wide the term was that made SPF pass: a pass that fits strangers proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpfWidth {
    /// `all`, or a mechanism that matches whoever asks (`exists` without a macro that tells clients apart, ranges of /0).
    All,
    /// An address range: the prefix length that matched, and whether it is one of IPv6.
    Range {
        /// Length of the network prefix in bits.
        prefix: u8,
        /// Whether the range is IPv6.
        v6: bool,
    },
}

/// SPF of the envelope sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spf {
    /// The verdict.
    pub result: SpfResult,
    /// The domain that was asked about: that of the envelope sender.
    pub domain: Option<Domain>,
    /// On `pass`: the width of what matched, over the whole chain of `include` and `redirect` (the widest).
    pub width: Option<SpfWidth>,
    /// Terms that cost a DNS look-up (RFC 7208 4.6.4).
    pub lookups: u32,
    /// The domain owner's `exp` text: untrusted, printable ASCII, for `fail` only.
    pub explanation: Option<String>,
    /// One sentence for a person: what was found and by which term.
    pub why: String,
}

/// RFC 8601 2.7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DkimResult {
    /// The signature verifies.
    Pass,
    /// It does not.
    Fail,
    /// It verifies or not, but policy refuses to believe it: rsa-sha1, a key under 1024 bits (RFC 8301).
    Policy,
    /// It could not be understood.
    Neutral,
    /// DNS failed; trying again may help.
    Temperror,
    /// The key is absent, revoked or unusable.
    Permerror,
}

/// DKIM signatures looked at, from the top of the mail; each may cost a look-up and a public-key operation.
pub const MAX_SIGNATURES: usize = 10;

/// One DKIM signature of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dkim {
    /// The verdict.
    pub result: DkimResult,
    /// `d=`, where it is a domain.
    pub domain: Option<Domain>,
    /// `s=`.
    pub selector: String,
    /// `h=`, lower case, in order.
    pub signed_headers: Vec<String>,
    /// `t=`.
    pub signed_at: Option<Timestamp>,
    /// `x=`.
    pub expires_at: Option<Timestamp>,
    /// Whether `l=` leaves part of the body unsigned, or could.
    pub body_length: Option<u64>,
    /// Header fields that the mail holds more often than `h=` covers them, lower case: DKIM signs
    /// from the bottom up (RFC 6376 5.4.2), so whoever passed the mail on may have added one. Looked at:
    /// from, to, cc, subject, date, message-id; content-type and content-transfer-encoding where
    /// doubled. Not empty: the signature proves nothing about what the mail says there.
    #[serde(default)]
    pub unsigned_copies: Vec<String>,
    /// One sentence for a person.
    pub why: String,
}

/// RFC 7489 11.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DmarcResult {
    /// The domain publishes no policy.
    None,
    /// An aligned identifier passed.
    Pass,
    /// None did.
    Fail,
    /// DNS failed; trying again may help.
    Temperror,
    /// The record cannot be interpreted.
    Permerror,
}

/// What the domain's owner asks for where DMARC fails (RFC 7489 6.3 `p`, `sp`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DmarcPolicy {
    /// Nothing in particular.
    None,
    /// Treat as suspicious.
    Quarantine,
    /// Reject.
    Reject,
}

/// DMARC of the `From` domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dmarc {
    /// The verdict.
    pub result: DmarcResult,
    /// The policy that applies to the `From` domain, where one is published.
    pub policy: Option<DmarcPolicy>,
    /// One sentence for a person.
    pub why: String,
}

/// All that was found out about a mail's sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// SPF of the envelope sender.
    pub spf: Spf,
    /// Every signature looked at, in the order of the mail.
    pub dkim: Vec<Dkim>,
    /// DMARC of the `From` domain.
    pub dmarc: Dmarc,
}

/// A verdict of Amazon SES (`reference`: SES notification contents). Absent and unknown words are [`SesVerdict::Missing`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SesVerdict {
    /// The check passed.
    Pass,
    /// The check failed.
    Fail,
    /// Neither.
    Gray,
    /// SES could not tell.
    ProcessingFailed,
    /// The check is switched off.
    Disabled,
    /// Not in the notification.
    #[default]
    #[serde(other)]
    Missing,
}

/// What SES says of a mail; all [`SesVerdict::Missing`] in the one-process home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SesVerdicts {
    /// SPF of the envelope sender.
    pub spf: SesVerdict,
    /// DKIM, of any domain.
    pub dkim: SesVerdict,
    /// DMARC of the `From` domain.
    pub dmarc: SesVerdict,
    /// Spam scan.
    pub spam: SesVerdict,
    /// Virus scan.
    pub virus: SesVerdict,
}
