//! The text of a mail as an account and a user want it (DESIGN 4.4). Pure.

use postel_mail::Mail;
use postel_mail::cut::{CutOptions, cut};

use crate::model::{BodySubject, CutPart, Preferences, User};
use crate::text::{PartLimit, SmsText, TooLong, compose, tidy};

/// What a mail's body becomes.
#[derive(Clone)]
pub struct Composition {
    /// The text, or why it is refused for its length. Empty where nothing is left.
    pub text: Result<SmsText, TooLong>,
    /// What was cut.
    pub cut: Vec<CutPart>,
}

/// Cuts the body, adds the subject as preferred, and fits the result into parts: as many as the account wants,
/// and never more than `max_parts`, which is what the providers take.
#[must_use]
pub fn composition(
    mail: &Mail,
    preferences: &Preferences,
    user: Option<&User>,
    max_parts: u32,
) -> Composition {
    let signatures: Vec<&str> = user
        .and_then(|u| u.signature.as_deref())
        .into_iter()
        .chain(preferences.signature.as_deref())
        .collect();
    let options = CutOptions {
        signatures: &signatures,
        subject: mail.subject.as_deref(),
        marks: &mail.body.marks,
    };
    let body = cut(&mail.body.text, &options);
    let subject = mail.subject.as_deref().unwrap_or_default().trim();
    let words = match preferences.subject {
        BodySubject::Only => subject.to_owned(),
        BodySubject::WhenEmpty if body.kept.is_empty() => subject.to_owned(),
        BodySubject::Prefix if !subject.is_empty() && !body.kept.is_empty() => {
            format!("{subject}\n{}", body.kept)
        }
        BodySubject::Prefix if body.kept.is_empty() => subject.to_owned(),
        BodySubject::Ignore | BodySubject::WhenEmpty | BodySubject::Prefix => body.kept,
    };
    let limit = PartLimit {
        max_parts: preferences.max_parts.min(max_parts),
        over: preferences.over_long,
    };
    Composition {
        text: compose(&tidy(&words), preferences.encoding, Some(limit)),
        cut: body
            .cut
            .into_iter()
            .map(|part| CutPart {
                kind: part.kind.as_str().to_owned(),
                text: part.text,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_longer_than_the_providers_take() {
        let raw = format!("From: a@example.com\r\n\r\n{}\r\n", "x".repeat(2_000));
        let mail = postel_mail::parse(raw.as_bytes());
        let wanted = Preferences {
            max_parts: 6,
            ..Preferences::default()
        };
        let parts = |most| composition(&mail, &wanted, None, most).text.unwrap().parts;
        assert_eq!([1, 2, 6, 7, u32::MAX].map(parts), [1, 2, 6, 6, 6]);
    }
}
