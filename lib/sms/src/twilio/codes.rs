//! Twilio's error codes (https://www.twilio.com/docs/api/errors) as data: what each means for a text, in our own
//! words, because Twilio's repeat the number. Twilio changes causes without notice, so what is not in the
//! table falls back to the HTTP status.

use crate::class::Class;

/// A code: its class and what it means.
pub(super) type Code = (u32, Class, &'static str);

/// The codes that `POST Messages` may answer with, and those that only a status carries (30xxx): should one of
/// these come as an answer, nothing was taken, and a text that was refused is never sent again.
#[rustfmt::skip]
const CODES: &[Code] = &[
    (20003, Class::AccountHold, "the credentials are wrong"),
    (20005, Class::AccountHold, "the account is not active"),
    (20429, Class::Throttled,   "too many requests at one time"),
    (21211, Class::Rejected,    "the recipient’s number is not valid"),
    (21212, Class::Rejected,    "the sender’s number or name is not valid"),
    (21408, Class::Rejected,    "texts to this country are not enabled in the Twilio account"),
    (21606, Class::Rejected,    "the sender’s number is not the account’s or sends no texts"),
    (21608, Class::Rejected,    "a trial account sends to verified numbers only"),
    (21610, Class::OptedOut,    "the recipient answered STOP"),
    (21611, Class::Throttled,   "the queue of the sender’s number is full"),
    (21612, Class::Rejected,    "there is no way from this sender to this recipient"),
    (21614, Class::Rejected,    "the recipient’s number takes no texts"),
    (21617, Class::Rejected,    "the text is longer than 1600 characters"),
    (21657, Class::Rejected,    "the sender name is not allowed in this country"),
    (30001, Class::Throttled,   "the queue is full"),
    (30002, Class::AccountHold, "the account is suspended"),
    (30003, Class::Rejected,    "the phone could not be reached"),
    (30004, Class::Rejected,    "the recipient or the network blocks the text"),
    (30005, Class::Rejected,    "the network does not know the number"),
    (30006, Class::Rejected,    "the number is a landline or its network cannot be reached"),
    (30007, Class::Rejected,    "the network filtered the text"),
    (30008, Class::Rejected,    "the network gave no reason"),
    (63017, Class::Throttled,   "the account sends too many texts in a second"),
];

/// What a code means; `None` where the table lacks it.
pub(super) fn code(code: u32) -> Option<&'static Code> {
    CODES.iter().find(|(known, ..)| *known == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code of the vendor's documentation that we know of, with the class DESIGN 4.5 gives it.
    #[test]
    fn every_documented_code_has_its_class() {
        for (class, codes) in [
            (Class::AccountHold, &[20003, 20005, 30002][..]),
            (Class::Throttled, &[20429, 21611, 30001, 63017]),
            (Class::OptedOut, &[21610]),
            (
                Class::Rejected,
                &[
                    21211, 21614, 21212, 21606, 21657, 21408, 21612, 21608, 21617, 30003, 30004,
                    30005, 30006, 30007, 30008,
                ],
            ),
        ] {
            for number in codes {
                assert_eq!(code(*number).map(|c| c.1), Some(class), "{number}");
            }
        }
        assert_eq!(code(21_999), None);
    }

    #[test]
    fn the_table_is_sorted_and_names_each_code_once() {
        assert!(CODES.windows(2).all(|w| w[0].0 < w[1].0));
    }
}
