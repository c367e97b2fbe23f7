//! The form that `POST Messages` wants. Pure.

use jiff::Timestamp;
use postel_core::ledger::Originator;
use postel_core::ports::Sms;

use super::{MAX_CHARACTERS, MAX_VALIDITY_SECONDS};

/// The form, or why such a text cannot be sent at all.
pub(super) fn form(
    sms: &Sms,
    messaging_service: Option<&str>,
    now: Timestamp,
) -> Result<String, &'static str> {
    let from = match &sms.originator {
        Originator::Number(number) => number.as_e164(),
        Originator::Name(name) => name.as_str(),
        Originator::Shared => return Err("a sender’s number or name is needed"),
    };
    if sms.text.encode_utf16().count() > MAX_CHARACTERS {
        return Err("the text is longer than 1600 characters");
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("To", sms.to.as_e164())
        .append_pair("From", from);
    if let Some(service) = messaging_service {
        // Beside From: it must then be one of the service's senders, and the service's rules hold.
        form.append_pair("MessagingServiceSid", service);
    }
    form.append_pair("Body", &sms.text)
        .append_pair("ValidityPeriod", &validity(sms, now).to_string())
        // The text was counted and shown as it is: nothing may replace characters of it.
        .append_pair("SmartEncoded", "false");
    Ok(form.finish())
}

/// Seconds that are left, within what Twilio takes.
fn validity(sms: &Sms, now: Timestamp) -> i64 {
    sms.valid_until
        .duration_since(now)
        .as_secs()
        .clamp(1, MAX_VALIDITY_SECONDS)
}
