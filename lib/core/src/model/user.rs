//! A user: a sender address (or a whole domain) listed on an account.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AccountId;
use crate::address::{AddressError, Domain, EmailAddress};

/// What is listed: one address, or every address of one domain (not of its subdomains).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Sender {
    /// `ann@example.com`.
    Address(EmailAddress),
    /// `@example.com`.
    Domain(Domain),
}

/// Why a written sender cannot be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SenderError {
    /// Not an address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Scripts are mixed as in a look-alike.
    #[error("the domain mixes scripts, as look-alikes of other domains do")]
    MixedScripts,
}

impl Sender {
    /// The domain of the address, or the domain listed.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        match self {
            Self::Address(a) => a.domain(),
            Self::Domain(d) => d,
        }
    }
}

impl FromStr for Sender {
    type Err = SenderError;
    fn from_str(s: &str) -> Result<Self, SenderError> {
        let s = s.trim();
        let sender = match s.strip_prefix('@') {
            Some(domain) => Self::Domain(domain.parse()?),
            None => Self::Address(s.parse()?),
        };
        if sender.domain().mixes_scripts() {
            return Err(SenderError::MixedScripts);
        }
        Ok(sender)
    }
}

impl TryFrom<String> for Sender {
    type Error = SenderError;
    fn try_from(s: String) -> Result<Self, SenderError> {
        s.parse()
    }
}

impl From<Sender> for String {
    fn from(s: Sender) -> Self {
        s.to_string()
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(a) => write!(f, "{a}"),
            Self::Domain(d) => write!(f, "@{d}"),
        }
    }
}

/// Whether mail that says a machine wrote it is accepted from this user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Automated {
    /// Refused as *automatic*.
    #[default]
    Refuse,
    /// Accepted: for monitors and alarm panels.
    Allow,
}

/// An invitation that waits for its answer. Only a hash of the token is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// SHA-256 of the token, lower-case hexadecimal.
    pub token_hash: String,
    /// After this the link does nothing.
    pub expires_at: Timestamp,
}

/// Whether the user may send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status")]
pub enum UserStatus {
    /// Invited; may not send. For a domain: the TXT proof is still missing.
    Pending(Invitation),
    /// May send.
    Accepted {
        /// Since when.
        at: Timestamp,
    },
}

/// What a user logs in with over SMTP. The password is random and long, so a plain hash of it tells nobody anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password {
    /// SHA-256 of the password, lower-case hexadecimal.
    pub hash: String,
    /// When it was made.
    pub made_at: Timestamp,
}

/// A sender of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The account.
    pub account: AccountId,
    /// Who.
    pub sender: Sender,
    /// Counts the changes, as [`super::Account::version`].
    pub version: u64,
    /// Pending or accepted.
    #[serde(flatten)]
    pub status: UserStatus,
    /// Whether this is the sender's default account. The store keeps exactly one default for each sender.
    pub default: bool,
    /// Mail written by machines.
    #[serde(default)]
    pub automated: Automated,
    /// First line of this user's own signature.
    #[serde(default)]
    pub signature: Option<String>,
    /// For SMTP AUTH; never of a domain.
    #[serde(default)]
    pub password: Option<Password>,
    /// When it was listed.
    pub added_at: Timestamp,
}

impl User {
    /// As it may be shown and written into the audit log: without the password's hash.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut shown = self.clone();
        if let Some(password) = &mut shown.password {
            password.hash.clear();
        }
        shown
    }

    /// Whether the user may send.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.status, UserStatus::Accepted { .. })
    }
}
