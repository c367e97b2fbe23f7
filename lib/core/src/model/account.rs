//! An account and its settings (DESIGN 3).

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::address::EmailAddress;
use crate::number::{BareDigits, Country, PhoneNumber};
use crate::text::{EncodingPreference, OverLimit};

/// A customer's short name: `[a-z][a-z0-9-]*`, at most 40 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// The written name is not an account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account's name is 1 to 40 of a–z, 0–9 and -, and begins with a letter")]
pub struct AccountIdError;

impl AccountId {
    /// The slug.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Stands for no account where a key needs one: no real account has an empty name.
    pub(crate) fn placeholder() -> Self {
        Self(String::new())
    }
}

impl FromStr for AccountId {
    type Err = AccountIdError;
    fn from_str(s: &str) -> Result<Self, AccountIdError> {
        let fits = s.len() <= 40
            && s.starts_with(|c: char| c.is_ascii_lowercase())
            && s.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(s.to_owned()))
        } else {
            Err(AccountIdError)
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = AccountIdError;
    fn try_from(s: String) -> Result<Self, AccountIdError> {
        s.parse()
    }
}

impl From<AccountId> for String {
    fn from(a: AccountId) -> Self {
        a.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A customer: its settings and who may change them. Users are kept apart ([`super::User`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// Counts the changes; the store refuses a save of anything but the newest (0: not saved yet).
    pub version: u64,
    /// Who is told of limits and may change settings; not by that alone a sender.
    #[serde(default)]
    pub admins: Vec<EmailAddress>,
    /// What is done to a mail's text, and how numbers are read.
    #[serde(default)]
    pub preferences: Preferences,
    /// Where answers and receipts go.
    #[serde(default)]
    pub receiving: Receiving,
    /// Which mail is accepted.
    #[serde(default)]
    pub accept: AcceptedMail,
    /// Address ranges this account trusts.
    #[serde(default)]
    pub networks: Vec<Network>,
    /// Its virtual numbers.
    #[serde(default)]
    pub numbers: Vec<VirtualNumber>,
    /// Its limits.
    #[serde(default)]
    pub limits: Limits,
    /// How long texts are kept.
    #[serde(default)]
    pub retention: Retention,
}

impl Account {
    /// A new account with every setting at its default.
    #[must_use]
    pub fn new(id: AccountId) -> Self {
        Self {
            id,
            version: 0,
            admins: Vec::new(),
            preferences: Preferences::default(),
            receiving: Receiving::default(),
            accept: AcceptedMail::default(),
            networks: Vec::new(),
            numbers: Vec::new(),
            limits: Limits::default(),
            retention: Retention::default(),
        }
    }
}

/// The language of what a person reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// French.
    Fr,
    /// English.
    #[default]
    En,
}

impl FromStr for Language {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "fr" => Ok(Self::Fr),
            "en" => Ok(Self::En),
            _ => Err("the language is fr or en"),
        }
    }
}

/// What becomes of the subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodySubject {
    /// Never sent.
    Ignore,
    /// Sent before the body.
    Prefix,
    /// Sent instead of the body.
    Only,
    /// Sent where the body is empty.
    #[default]
    WhenEmpty,
}

/// What a text is sent as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendAs {
    /// The account's virtual number where it has one, else the sender name.
    #[default]
    Number,
    /// The sender name: nobody can answer it.
    SenderName,
}

/// An alphanumeric originator: 1–11 of `A-Z a-z 0-9`, at least one letter (3GPP TS 23.040 9.1.2.5).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SenderName(String);

/// The written name cannot be shown as a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sender name is 1 to 11 of A–Z, a–z, 0–9, without spaces, with at least one letter")]
pub struct SenderNameError;

impl SenderName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SenderName {
    type Err = SenderNameError;
    fn from_str(s: &str) -> Result<Self, SenderNameError> {
        let fits = (1..=11).contains(&s.len())
            && s.bytes().all(|b| b.is_ascii_alphanumeric())
            && s.bytes().any(|b| b.is_ascii_alphabetic());
        if fits {
            Ok(Self(s.to_owned()))
        } else {
            Err(SenderNameError)
        }
    }
}

impl TryFrom<String> for SenderName {
    type Error = SenderNameError;
    fn try_from(s: String) -> Result<Self, SenderNameError> {
        s.parse()
    }
}

impl From<SenderName> for String {
    fn from(s: SenderName) -> Self {
        s.0
    }
}

/// The Preferences page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// First line of the signature: it and all that follows is cut.
    pub signature: Option<String>,
    /// Shown as the sender.
    pub sender_name: Option<SenderName>,
    /// Whether the number or the name is shown.
    pub send_as: SendAs,
    /// What becomes of the subject.
    pub subject: BodySubject,
    /// How the text is written in GSM-7.
    pub encoding: EncodingPreference,
    /// Longest text in parts, 1–20.
    pub max_parts: u32,
    /// What becomes of a longer one.
    pub over_long: OverLimit,
    /// Hours from acceptance within which a text may still be sent, 1–72.
    pub validity_hours: u32,
    /// Language of mails and pages.
    pub language: Language,
    /// Country in which bare digits are read.
    pub country: Country,
    /// Whether bare digits are read in the country or as international.
    pub bare_digits: BareDigits,
    /// IANA time zone in which days begin.
    pub time_zone: String,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            signature: None,
            sender_name: None,
            send_as: SendAs::default(),
            subject: BodySubject::default(),
            encoding: EncodingPreference::default(),
            max_parts: 6,
            over_long: OverLimit::default(),
            validity_hours: 24,
            language: Language::default(),
            country: Country::FR,
            bare_digits: BareDigits::default(),
            time_zone: "Europe/Paris".to_owned(),
        }
    }
}

/// Which receipts the sending user gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Receipts {
    /// None.
    None,
    /// What did not arrive.
    #[default]
    Failures,
    /// Everything.
    All,
}

/// The Receiving page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Receiving {
    /// Receipts to the sending user.
    pub receipts: Receipts,
}

/// The Security page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcceptedMail {
    /// Only proven mail (DESIGN 4.2).
    #[default]
    Verified,
    /// The listed address is enough, where the operator permits it (DESIGN 4.3).
    AnyServer,
}

/// An address or range an account trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "IpNet", into = "IpNet")]
pub struct Network(IpNet);

/// The written range cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not an address or CIDR range.
    #[error("write an address such as 192.0.2.7 or a range such as 192.0.2.0/24 or 2001:db8::/32")]
    Shape,
    /// Wider than /8 (IPv4) or /16 (IPv6).
    #[error("a range wider than /8 (IPv4) or /16 (IPv6) would admit strangers")]
    TooWide,
}

impl Network {
    /// The range, its host bits cleared.
    #[must_use]
    pub fn range(&self) -> IpNet {
        self.0
    }

    /// Whether the address lies in the range; an IPv4-mapped IPv6 address counts as IPv4.
    #[must_use]
    pub fn contains(&self, ip: std::net::IpAddr) -> bool {
        self.0.contains(&ip.to_canonical())
    }
}

impl TryFrom<IpNet> for Network {
    type Error = NetworkError;
    fn try_from(net: IpNet) -> Result<Self, NetworkError> {
        let net = match net {
            IpNet::V6(v6) => match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
                (Some(v4), Some(len)) => {
                    IpNet::new(v4.into(), len).map_err(|_| NetworkError::Shape)?
                }
                (Some(_), None) => return Err(NetworkError::TooWide),
                (None, _) => net,
            },
            IpNet::V4(_) => net,
        };
        let widest = if net.addr().is_ipv4() { 8 } else { 16 };
        if net.prefix_len() < widest {
            return Err(NetworkError::TooWide);
        }
        Ok(Self(net.trunc()))
    }
}

impl From<Network> for IpNet {
    fn from(n: Network) -> Self {
        n.0
    }
}

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(s: &str) -> Result<Self, NetworkError> {
        let s = s.trim();
        s.parse::<IpNet>()
            .or_else(|_| s.parse::<std::net::IpAddr>().map(IpNet::from))
            .map_err(|_| NetworkError::Shape)?
            .try_into()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            write!(f, "{}", self.0.addr())
        } else {
            write!(f, "{}", self.0)
        }
    }
}

/// A number that can receive texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualNumber {
    /// The number.
    pub number: PhoneNumber,
    /// The provider that serves it.
    pub provider: String,
}

/// What an account may send. Parts are billed SMS segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Countries texts may go to; empty: the account's own only.
    pub countries: Vec<Country>,
    /// Recipients of one mail.
    pub recipients_per_mail: u32,
    /// Parts a user may send in an hour.
    pub parts_per_user_hour: u32,
    /// Parts one number may be sent in an hour.
    pub parts_per_number_hour: u32,
    /// Parts in a day of the account's time zone.
    pub parts_per_day: u32,
    /// Parts in a month of the account's time zone.
    pub parts_per_month: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            countries: Vec::new(),
            recipients_per_mail: 50,
            parts_per_user_hour: 200,
            parts_per_number_hour: 30,
            parts_per_day: 1_000,
            parts_per_month: 10_000,
        }
    }
}

/// How long texts, cut parts and raw mail are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// Days, 1–3650.
    pub days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 30 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_admit_strangers_are_refused() {
        let net = |s: &str| s.parse::<Network>();
        assert_eq!(net("0.0.0.0/0"), Err(NetworkError::TooWide));
        assert_eq!(net("10.0.0.0/7"), Err(NetworkError::TooWide));
        assert!(net("10.0.0.0/8").is_ok());
        assert_eq!(net("2001::/15"), Err(NetworkError::TooWide));
        assert!(net("2001:db8::/16").is_ok());
        assert_eq!(net("::ffff:0.0.0.0/96"), Err(NetworkError::TooWide));
        assert_eq!(net("::ffff:0.0.0.0/90"), Err(NetworkError::TooWide));
        assert_eq!(net("mail.example.com"), Err(NetworkError::Shape));
    }

    #[test]
    fn a_mapped_address_counts_as_ipv4() {
        let net: Network = "192.0.2.0/24".parse().unwrap();
        assert!(net.contains("::ffff:192.0.2.7".parse().unwrap()));
        assert!(!net.contains("::ffff:192.0.3.7".parse().unwrap()));
        let mapped: Network = "::ffff:192.0.2.0/120".parse().unwrap();
        assert_eq!(mapped, net);
    }

    #[test]
    fn names_are_checked() {
        assert!("Postel".parse::<SenderName>().is_ok());
        for bad in ["", "12345", "two words", "Trop-long", "abcdefghijkl", "é"] {
            assert!(bad.parse::<SenderName>().is_err(), "{bad}");
        }
        assert!("acme-2".parse::<AccountId>().is_ok());
        for bad in ["", "2acme", "Acme", "a_b", "-a"] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }
}
