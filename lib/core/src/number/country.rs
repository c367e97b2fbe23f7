//! The country digits are read in, and how digits without `+` are read. Must not know numbers.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use serde::{Deserialize, Serialize};

/// The written code is not an ISO 3166 country that has phone numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a country as two letters, such as FR")]
pub struct CountryError;

/// A country with a numbering plan, as ISO 3166 alpha-2 in capitals.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country(pub(super) Region);

impl Country {
    /// France.
    pub const FR: Self = Self(Region::FR);

    /// The calling code, such as 33.
    #[must_use]
    pub fn calling_code(self) -> u32 {
        PHONE_NUMBER_UTIL
            .get_country_code_for_region(self.0)
            .and_then(|code| u32::try_from(code).ok())
            .unwrap_or_default()
    }
}

impl FromStr for Country {
    type Err = CountryError;

    fn from_str(written: &str) -> Result<Self, CountryError> {
        // The library also takes "001", the world, which is no country to read digits in.
        let region = (written.len() == 2)
            .then(|| Region::from_code(written).ok())
            .flatten()
            .ok_or(CountryError)?;
        match PHONE_NUMBER_UTIL.get_country_code_for_region(region) {
            Some(_) => Ok(Self(region)),
            None => Err(CountryError),
        }
    }
}

impl TryFrom<String> for Country {
    type Error = CountryError;
    fn try_from(s: String) -> Result<Self, CountryError> {
        s.parse()
    }
}

impl From<Country> for String {
    fn from(c: Country) -> Self {
        c.to_string()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_region_str().as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How digits without `+` are read: an account's preference (DESIGN 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BareDigits {
    /// As they would be dialled in the account's country.
    #[default]
    National,
    /// As if a `+` stood before them.
    International,
}

impl FromStr for BareDigits {
    type Err = BareDigitsError;
    fn from_str(s: &str) -> Result<Self, BareDigitsError> {
        match s {
            "national" => Ok(Self::National),
            "international" => Ok(Self::International),
            _ => Err(BareDigitsError),
        }
    }
}

/// The written preference is neither of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bare digits are read as `national` or `international`")]
pub struct BareDigitsError;
