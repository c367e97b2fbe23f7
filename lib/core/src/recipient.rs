//! The local part of a recipient: `<number>[+<account>]@<gateway domain>` (DESIGN 4.1).
//!
//! Only the spelling is judged here; which country reads it, and whether the account exists, is
//! for whoever asks. Must not know the gateway's domain.

use std::fmt;

use crate::number::{self, BareDigits, Country, NumberFault, PhoneNumber};

/// Longest local part (RFC 5321 4.5.3.1.1), in octets.
const LONGEST: usize = 64;

/// Mailboxes that people expect at every domain (RFC 5321 4.5.1, RFC 2142), and our own mails' usual one.
const ROLES: [&str; 6] = [
    "postmaster",
    "abuse",
    "hostmaster",
    "webmaster",
    "mailer-daemon",
    "postel",
];

/// Why a local part names no phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RecipientFault {
    /// The number's part is not one of the accepted spellings.
    #[error(transparent)]
    Number(#[from] NumberFault),
    /// What follows the number's `+` is not an account's name.
    #[error("after the number's + comes the name of an account, as in 0612345678+acme")]
    Account,
    /// A mailbox that people expect to be read, or the one our own mails come from.
    #[error("nobody reads mail here: this gateway takes mail for telephone numbers only")]
    Nobody,
}

impl RecipientFault {
    /// The name for machines, the same in every version.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Number(fault) => fault.code(),
            Self::Account => "account_name",
            Self::Nobody => "nobody",
        }
    }
}

/// A number as an address spells it, and the account it picks. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Digits alone, after a `+` where the address said international (`+`, `00` or `p`).
    spelling: String,
    /// The account's name, lower-case.
    account: Option<String>,
}

impl Recipient {
    /// Reads a local part, without quotes: `+33612345678`, `0033612345678`, `0612345678`,
    /// `06.12.34.56.78`, `06-12-34-56-78` or `p33612345678`, and `+<account>` after it.
    ///
    /// # Errors
    /// [`RecipientFault`] says which half is wrong; trying again does not help.
    pub fn read(local: &str) -> Result<Self, RecipientFault> {
        if local.len() > LONGEST {
            return Err(NumberFault::TooLong.into());
        }
        if ROLES.iter().any(|role| local.eq_ignore_ascii_case(role)) {
            return Err(RecipientFault::Nobody);
        }
        let (international, rest) = match local.strip_prefix(['+', 'p', 'P']) {
            Some(rest) => (true, rest),
            None => (false, local),
        };
        let (number, account) = match rest.split_once('+') {
            Some((number, account)) => (number, Some(account)),
            None => (rest, None),
        };
        if let Some(stray) = number
            .chars()
            .find(|c| !c.is_ascii_digit() && !matches!(c, '.' | '-'))
        {
            return Err(if stray.is_alphabetic() {
                NumberFault::Letters.into()
            } else {
                NumberFault::NotANumber.into()
            });
        }
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let spelling = match digits.strip_prefix("00") {
            _ if digits.is_empty() => return Err(NumberFault::NotANumber.into()),
            _ if international => format!("+{digits}"),
            Some(abroad) => format!("+{abroad}"),
            None => digits,
        };
        Ok(Self {
            spelling,
            account: account.map(account_name).transpose()?,
        })
    }

    /// The account the address picks, where it picks one. The name has an account's shape; whether
    /// there is such an account is not known here.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The number, its bare digits read in `country` as the account prefers. `00` means
    /// international whatever the country dials.
    ///
    /// # Errors
    /// [`NumberFault`] says what is wrong; trying again does not help.
    pub fn number(
        &self,
        country: Option<Country>,
        bare: BareDigits,
    ) -> Result<PhoneNumber, NumberFault> {
        number::parse(&self.spelling, country, bare)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient(…, account: {:?})", self.account)
    }
}

/// The name in lower case (local parts keep no case of their own), if an account can have it.
fn account_name(written: &str) -> Result<String, RecipientFault> {
    let name = written.to_ascii_lowercase();
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        Ok(name)
    } else {
        Err(RecipientFault::Account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(local: &str, country: &str) -> Result<String, RecipientFault> {
        let read = Recipient::read(local)?.number(country.parse().ok(), BareDigits::National)?;
        Ok(read.into())
    }

    #[test]
    fn each_accepted_spelling_is_the_same_number() {
        for local in [
            "+33612345678",
            "0033612345678",
            "0612345678",
            "06.12.34.56.78",
            "06-12-34-56-78",
            "p33612345678",
        ] {
            assert_eq!(
                number(local, "FR").as_deref(),
                Ok("+33612345678"),
                "{local}"
            );
            let picked = format!("{local}+Acme-2");
            assert_eq!(number(&picked, "FR").as_deref(), Ok("+33612345678"));
            assert_eq!(Recipient::read(&picked).unwrap().account(), Some("acme-2"));
            assert_eq!(Recipient::read(local).unwrap().account(), None);
        }
    }

    #[test]
    fn two_zeros_mean_international_in_every_country() {
        assert_eq!(number("0033612345678", "US").as_deref(), Ok("+33612345678"));
        assert_eq!(number("0033612345678", "JP").as_deref(), Ok("+33612345678"));
    }

    #[test]
    fn anything_else_is_refused() {
        for (local, code) in [
            ("", "not_a_number"),
            ("+", "not_a_number"),
            ("p", "not_a_number"),
            ("+acme", "letters"),
            ("info", "letters"),
            ("Postmaster", "nobody"),
            ("abuse", "nobody"),
            ("postel", "nobody"),
            ("0612345678x12", "letters"),
            ("06 12 34 56 78", "not_a_number"),
            ("０612345678", "not_a_number"),
            ("0612345678+", "account_name"),
            ("0612345678+2acme", "account_name"),
            ("0612345678+acme+other", "account_name"),
            ("++33612345678", "not_a_number"),
            ("061234", "too_short"),
            ("p0612345678", "unknown_country_code"),
            (
                "1111111111222222222233333333334444444444555555555566666666667777777777",
                "too_long",
            ),
        ] {
            assert_eq!(
                number(local, "FR").map_err(RecipientFault::code),
                Err(code),
                "{local}"
            );
        }
    }

    #[test]
    fn debug_shows_no_number() {
        let r = Recipient::read("0612345678").unwrap();
        assert!(!format!("{r:?}").contains("0612"));
    }
}
