//! Phone numbers, parsed once at the door: written digits in, E.164 out (DESIGN 4.1).
//!
//! A phone library reads far more than a gateway may send to: it digs numbers out of sentences,
//! turns letters into digits and keeps extensions. So everything passes an ASCII whitelist
//! *before* the library sees it, and what the library then calls valid is all that is accepted.
//! Must not know what a number is for; what an address may spell is [`crate::recipient`]'s job.

mod country;
mod kind;
mod whitelist;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, ParseError, PhoneNumberFormat, Region, ValidationError};
use serde::{Deserialize, Serialize};

pub use country::{BareDigits, BareDigitsError, Country, CountryError};
pub use kind::{NotTextable, NumberKind, textable};

/// Why a written number is not one, or not one that can be called.
///
/// `Display` is the sentence for a person; [`code`](Self::code) is what stays the same between
/// versions. Trying again does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NumberFault {
    /// Nothing in it reads as a number, or it holds characters that no number has.
    #[error("this is not a phone number: write digits only, as in +33612345678")]
    NotANumber,
    /// It holds letters, which a phone library would silently turn into digits.
    #[error("a phone number holds no letters: write digits only, as in +33612345678")]
    Letters,
    /// Too few digits for its country.
    #[error("this number has too few digits")]
    TooShort,
    /// Too many digits for its country.
    #[error("this number has too many digits")]
    TooLong,
    /// It names an extension, which no text reaches.
    #[error("a text message cannot reach an extension: give the number alone")]
    Extension,
    /// It starts as an international number, but no country has that code.
    #[error("no country has this calling code")]
    UnknownCountryCode,
    /// National digits, and no country is known to read them in.
    #[error(
        "without a country these digits could be anybody's: write the number with + and its country code"
    )]
    NoCountry,
    /// The right length, but not in the country's numbering plan.
    #[error("this number is not in use in its country's numbering plan")]
    Invalid,
}

impl NumberFault {
    /// The name for machines, the same in every version.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotANumber => "not_a_number",
            Self::Letters => "letters",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Extension => "extension",
            Self::UnknownCountryCode => "unknown_country_code",
            Self::NoCountry => "no_country",
            Self::Invalid => "invalid",
        }
    }
}

/// A phone number in E.164: `+`, country code, 7 to 15 digits in all.
///
/// [`parse`] makes them from what people write, checked against the numbering plan. Reading one
/// back (`FromStr`, serde) checks the shape alone, so that a number stored under an older plan,
/// or sent to us by a provider, is never lost. `Debug` is redacted; `Display` is not: never log it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// `+33612345678`.
    #[must_use]
    pub fn as_e164(&self) -> &str {
        &self.0
    }

    /// The digits without the `+`, as some providers and our reply addresses (`p33…`) want them.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }

    /// The country whose plan holds it; none for numbers above countries and unknown ones.
    #[must_use]
    pub fn country(&self) -> Option<Country> {
        PHONE_NUMBER_UTIL
            .get_region_for_number(&self.read()?)
            .filter(|region| *region != Region::World)
            .map(Country)
    }

    /// What the numbering plan says it is.
    #[must_use]
    pub fn kind(&self) -> NumberKind {
        let Some(read) = self.read() else {
            return NumberKind::Unknown;
        };
        kind::of(&read)
    }

    /// The library's own reading of it.
    fn read(&self) -> Option<rlibphonenumber::PhoneNumber> {
        PHONE_NUMBER_UTIL.parse(&self.0, None).ok()
    }
}

impl FromStr for PhoneNumber {
    type Err = NumberFault;

    fn from_str(written: &str) -> Result<Self, NumberFault> {
        let digits = written.strip_prefix('+').ok_or(NumberFault::NotANumber)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) || digits.starts_with('0') {
            return Err(NumberFault::NotANumber);
        }
        match digits.len() {
            0..7 => Err(NumberFault::TooShort),
            7..=15 => Ok(Self(written.to_owned())),
            _ => Err(NumberFault::TooLong),
        }
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = NumberFault;
    fn try_from(s: String) -> Result<Self, NumberFault> {
        s.parse()
    }
}

impl From<PhoneNumber> for String {
    fn from(n: PhoneNumber) -> Self {
        n.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

/// Reads one written number as it would be dialled in `country`.
///
/// `+` and `p` mean international; so does the country's own prefix for calls abroad (`00` in
/// most, `011` in the United States, `010` in Japan), and `00` where no country is given. What
/// starts with the country's own calling code is taken for international where the numbering
/// plan leaves no other reading, as libphonenumber does. Digits and separators written full-width
/// or with typographic spaces and dashes are read as the ASCII they stand for.
///
/// # Errors
/// [`NumberFault`] says what is wrong; trying again does not help.
pub fn parse(
    written: &str,
    country: Option<Country>,
    bare: BareDigits,
) -> Result<PhoneNumber, NumberFault> {
    let plain = whitelist::whitelisted(written)?;
    let (spelling, region) = if plain.contains('+') {
        (Cow::Borrowed(plain.as_str()), country)
    } else if bare == BareDigits::International || country.is_none() {
        let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
        match digits.strip_prefix("00") {
            Some(rest) => (Cow::Owned(format!("+{rest}")), None),
            None if country.is_none() && bare == BareDigits::National => {
                return Err(NumberFault::NoCountry);
            }
            None => (Cow::Owned(format!("+{digits}")), None),
        }
    } else {
        (Cow::Borrowed(plain.as_str()), country)
    };
    let read = PHONE_NUMBER_UTIL
        .parse(spelling.as_ref(), region.map(|c| c.0))
        .map_err(|e| match e {
            ParseError::InvalidCountryCode => NumberFault::UnknownCountryCode,
            ParseError::NotANumber(_) => NumberFault::NotANumber,
            ParseError::TooShortAfterIdd | ParseError::TooShortNsn => NumberFault::TooShort,
            ParseError::TooLongNsn => NumberFault::TooLong,
        })?;
    if read.extension.is_some() {
        return Err(NumberFault::Extension);
    }
    if !PHONE_NUMBER_UTIL.is_valid_number(&read) {
        return Err(
            match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&read) {
                Err(ValidationError::TooShort) => NumberFault::TooShort,
                Err(ValidationError::TooLong) => NumberFault::TooLong,
                Err(ValidationError::InvalidCountryCode) => NumberFault::UnknownCountryCode,
                Err(ValidationError::InvalidLength) | Ok(_) => NumberFault::Invalid,
            },
        );
    }
    PHONE_NUMBER_UTIL
        .format(&read, PhoneNumberFormat::E164)
        .parse()
}

/// The number as a reader in `country` writes it: `06 12 34 56 78` at home, else
/// `+33 6 12 34 56 78`.
#[must_use]
pub fn display_for(number: &PhoneNumber, country: Option<Country>) -> String {
    let Some(read) = number.read() else {
        return number.0.clone();
    };
    let home = country.is_some() && number.country() == country;
    let format = if home {
        PhoneNumberFormat::National
    } else {
        PhoneNumberFormat::International
    };
    PHONE_NUMBER_UTIL.format(&read, format).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fr(written: &str) -> Result<String, NumberFault> {
        parse(written, Some(Country::FR), BareDigits::National).map(String::from)
    }

    #[test]
    fn every_spelling_of_one_number_is_that_number() {
        for written in [
            "+33612345678",
            "0033612345678",
            "0612345678",
            "06.12.34.56.78",
            "06-12-34-56-78",
            "p33612345678",
            "P33612345678",
            " (+33) 6 12 34 56 78 ",
            "+33 (0)6 12 34 56 78",
            "+33\u{a0}6\u{a0}12\u{a0}34\u{a0}56\u{a0}78",
            "33612345678",
        ] {
            assert_eq!(fr(written).as_deref(), Ok("+33612345678"), "{written}");
        }
    }

    #[test]
    fn faults_say_what_is_wrong() {
        for (written, fault) in [
            ("", NumberFault::NotANumber),
            ("\0", NumberFault::NotANumber),
            ("+", NumberFault::NotANumber),
            ("++33612345678", NumberFault::NotANumber),
            ("0612+345678", NumberFault::NotANumber),
            ("06_12_34_56_78", NumberFault::NotANumber),
            ("0800FLOWERS", NumberFault::Letters),
            ("06 12 34 56 7O", NumberFault::Letters),
            ("+33 6 12 34 56 78 ext. 45", NumberFault::Extension),
            ("+33612345678;ext=12", NumberFault::Extension),
            ("0612345678x12", NumberFault::Extension),
            ("0612345678#12", NumberFault::Extension),
            ("06 12 34 56 78 poste 12", NumberFault::Extension),
            ("061234", NumberFault::TooShort),
            ("061234567890", NumberFault::TooLong),
            ("+999123456789", NumberFault::UnknownCountryCode),
            ("+0612345678", NumberFault::UnknownCountryCode),
            ("+33700000000", NumberFault::Invalid),
        ] {
            assert_eq!(fr(written), Err(fault), "{written}");
        }
        assert_eq!(fr(&"1".repeat(101)), Err(NumberFault::TooLong));
        let none = |w| parse(w, None, BareDigits::National).map(String::from);
        assert_eq!(none("0612345678"), Err(NumberFault::NoCountry));
        assert_eq!(none("0033612345678").as_deref(), Ok("+33612345678"));
    }

    #[test]
    fn bare_digits_may_mean_international() {
        let read = |w| parse(w, Some(Country::FR), BareDigits::International).map(String::from);
        assert_eq!(read("33612345678").as_deref(), Ok("+33612345678"));
        assert_eq!(read("0033612345678").as_deref(), Ok("+33612345678"));
        assert_eq!(read("0612345678"), Err(NumberFault::UnknownCountryCode));
        assert_eq!("international".parse(), Ok(BareDigits::International));
    }

    #[test]
    fn only_phones_that_take_texts_are_textable() {
        for (number, kind, may) in [
            ("+33612345678", NumberKind::Mobile, true),
            ("+14155552671", NumberKind::FixedOrMobile, true),
            ("+33123456789", NumberKind::Fixed, false),
            ("+33801234567", NumberKind::TollFree, false),
            ("+33892701234", NumberKind::Premium, false),
            ("+80012345678", NumberKind::TollFree, false),
            ("+979123456789", NumberKind::Premium, false),
            ("+8821612345678", NumberKind::Satellite, false),
            ("+870773111632", NumberKind::Satellite, false),
            ("+881612345678", NumberKind::Satellite, false),
            ("+878101234567890", NumberKind::Personal, false),
            ("+447012345678", NumberKind::Personal, false),
            ("+9991234567", NumberKind::Unknown, false),
        ] {
            let number: PhoneNumber = number.parse().unwrap();
            assert_eq!(number.kind(), kind, "{number}");
            assert_eq!(textable(&number).is_ok(), may, "{number}");
        }
    }

    #[test]
    fn shown_as_the_reader_writes_numbers() {
        let n: PhoneNumber = "+33612345678".parse().unwrap();
        assert_eq!(n.country(), Some(Country::FR));
        assert_eq!(display_for(&n, Some(Country::FR)), "06 12 34 56 78");
        assert_eq!(display_for(&n, "GB".parse().ok()), "+33 6 12 34 56 78");
        assert_eq!(display_for(&n, None), "+33 6 12 34 56 78");
        assert_eq!(n.digits(), "33612345678");
    }

    #[test]
    fn a_country_has_a_numbering_plan() {
        assert_eq!("fr".parse(), Ok(Country::FR));
        assert_eq!(Country::FR.calling_code(), 33);
        for bad in ["", "F", "FRA", "ZZ", "001", "é"] {
            assert!(bad.parse::<Country>().is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_number() {
        let n: PhoneNumber = "+33612345678".parse().unwrap();
        assert!(!format!("{n:?}").contains('6'));
        assert_eq!(serde_json::to_string(&n).unwrap(), "\"+33612345678\"");
        assert!(serde_json::from_str::<PhoneNumber>("\"0612345678\"").is_err());
    }
}
