//! The batch that the message dispatcher wants, in the order of its schema and without a namespace. Pure.

use jiff::Timestamp;
use postel_core::ledger::Originator;
use postel_core::ports::Sms;
use postel_core::text::Encoding;
use quick_xml::escape::escape;

use super::MAX_VALIDITY_HOURS;

/// The batch, or why such a text cannot be sent at all.
pub(super) fn batch(
    sms: &Sms,
    account_reference: &str,
    now: Timestamp,
) -> Result<String, &'static str> {
    let from = match &sms.originator {
        Originator::Number(number) => number.digits(),
        Originator::Name(name) => name.as_str(),
        Originator::Shared => return Err("a sender’s number or name is needed"),
    };
    if !sms.text.chars().all(is_xml) {
        return Err("the text holds a character that XML cannot carry");
    }
    let characterset = match sms.encoding {
        Encoding::Gsm7 => "GSM",
        Encoding::Ucs2 => "Unicode",
    };
    let validity = validity(sms, now).to_string();
    let mut message = String::new();
    for (name, value) in [
        ("from", from),
        ("to", sms.to.digits()),
        ("type", "SMS"),
        ("body", &sms.text),
        ("validity", &validity),
        ("characterset", characterset),
    ] {
        element(&mut message, name, &escape(value));
    }
    let mut messages = String::new();
    element(
        &mut messages,
        "accountreference",
        &escape(account_reference),
    );
    element(&mut messages, "message", &message);
    let mut batch = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned();
    element(&mut batch, "messages", &messages);
    Ok(batch)
}

/// `content` is XML already.
fn element(into: &mut String, name: &str, content: &str) {
    for piece in ["<", name, ">", content, "</", name, ">"] {
        into.push_str(piece);
    }
}

/// XML 1.0, 2.2 `Char`, without the carriage return, which a reader turns into a line feed. Texts come tidied,
/// so what is missing here are two characters that Unicode says are none (U+FFFE, U+FFFF).
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The hours that are left, to the nearest, within what Esendex takes. 0 would mean the most.
fn validity(sms: &Sms, now: Timestamp) -> i64 {
    let seconds = sms.valid_until.duration_since(now).as_secs();
    (seconds.saturating_add(1_800) / 3_600).clamp(1, i64::from(MAX_VALIDITY_HOURS))
}
