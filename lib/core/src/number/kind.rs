//! What kinds of number there are, and which of them a text may go to (DESIGN 3 Limits, 4.3).

use std::fmt;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};
use serde::{Deserialize, Serialize};

use super::PhoneNumber;

/// What a number is, as far as its numbering plan tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NumberKind {
    /// A mobile phone.
    Mobile,
    /// A landline.
    Fixed,
    /// A plan that does not tell the two apart, such as North America's.
    FixedOrMobile,
    /// Internet telephony.
    Voip,
    /// Free to call.
    TollFree,
    /// Costs more than a call.
    Premium,
    /// Its cost is shared with whoever is called.
    SharedCost,
    /// Satellite and other networks above countries: +870, +881, +882, +883.
    Satellite,
    /// Follows a person from phone to phone, at a price of its own: +44 70, +878.
    Personal,
    /// A pager.
    Pager,
    /// A company's number for all its sites.
    UniversalAccess,
    /// A mailbox for spoken messages.
    Voicemail,
    /// The plan does not say.
    Unknown,
}

/// A valid number of a kind that no text may go to (DESIGN 3, Limits; 4.3 step 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotTextable(pub NumberKind);

impl NotTextable {
    /// The name for machines, the same in every version.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self.0 {
            NumberKind::Fixed => "landline",
            NumberKind::TollFree => "toll_free",
            NumberKind::Premium => "premium",
            NumberKind::SharedCost => "shared_cost",
            NumberKind::Satellite => "satellite",
            NumberKind::Personal => "personal_number",
            NumberKind::Pager => "pager",
            NumberKind::UniversalAccess => "universal_access",
            NumberKind::Voicemail => "voicemail",
            NumberKind::Mobile
            | NumberKind::FixedOrMobile
            | NumberKind::Voip
            | NumberKind::Unknown => "unknown_kind",
        }
    }
}

impl fmt::Display for NotTextable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            NumberKind::Fixed => "this is a landline, which receives no texts",
            NumberKind::TollFree => "this is a toll-free number, which receives no texts",
            NumberKind::Premium => "premium-rate numbers are always refused",
            NumberKind::SharedCost => "shared-cost numbers are always refused",
            NumberKind::Satellite => "satellite numbers are always refused",
            NumberKind::Personal => "personal (follow-me) numbers are refused for their price",
            NumberKind::Pager => "this is a pager, which receives no texts",
            NumberKind::UniversalAccess => {
                "this is a company's access number, which receives no texts"
            }
            NumberKind::Voicemail => "this is a voice mailbox, which receives no texts",
            NumberKind::Mobile
            | NumberKind::FixedOrMobile
            | NumberKind::Voip
            | NumberKind::Unknown => "nothing says that this number can receive texts",
        })
    }
}

impl std::error::Error for NotTextable {}

/// The kind of a number the library has read.
pub(super) fn of(read: &rlibphonenumber::PhoneNumber) -> NumberKind {
    match read.country_code {
        870 | 881 | 882 | 883 => return NumberKind::Satellite,
        878 => return NumberKind::Personal,
        _ => {}
    }
    match PHONE_NUMBER_UTIL.get_number_type(read) {
        PhoneNumberType::Mobile => NumberKind::Mobile,
        PhoneNumberType::FixedLine => NumberKind::Fixed,
        PhoneNumberType::FixedLineOrMobile => NumberKind::FixedOrMobile,
        PhoneNumberType::VoIP => NumberKind::Voip,
        PhoneNumberType::TollFree => NumberKind::TollFree,
        PhoneNumberType::PremiumRate => NumberKind::Premium,
        PhoneNumberType::SharedCost => NumberKind::SharedCost,
        PhoneNumberType::PersonalNumber => NumberKind::Personal,
        PhoneNumberType::Pager => NumberKind::Pager,
        PhoneNumberType::UAN => NumberKind::UniversalAccess,
        PhoneNumberType::VoiceMail => NumberKind::Voicemail,
        PhoneNumberType::Unknown => NumberKind::Unknown,
    }
}

/// Whether a text may be sent to this number, judged by its kind alone.
///
/// Mobile numbers, those of plans that do not tell, and internet telephony may; landlines, and
/// everything that bills or routes in its own way, may not.
///
/// # Errors
/// [`NotTextable`] names the kind.
pub fn textable(number: &PhoneNumber) -> Result<(), NotTextable> {
    match number.kind() {
        NumberKind::Mobile | NumberKind::FixedOrMobile | NumberKind::Voip => Ok(()),
        kind => Err(NotTextable(kind)),
    }
}
