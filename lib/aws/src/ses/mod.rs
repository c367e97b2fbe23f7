//! What SES says of a mail it received: the notification of an S3 action, raw or wrapped by SNS.
//!
//! Read leniently, because a stranger's mail shapes it (a mail without `From` has no
//! `commonHeaders.from`) and SES adds and omits fields: only what is needed is read, and an absent
//! or unknown verdict is [`SesVerdict::Missing`], which proves nothing. Headers in the notification
//! are never looked at. Must not know what is decided.

mod trace;

pub use trace::{Trace, trace};

use postel_core::evidence::{SesVerdict, SesVerdicts};
use serde::Deserialize;
use serde_json::Value;

/// The id, and the end of the key, under which SES tries out a rule that was made or changed.
const SETUP: &str = "AMAZON_SES_SETUP_NOTIFICATION";

/// A mail that lies in S3.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// SES's own id of the mail: also in its `Received` field, where no sender can foretell it.
    pub message_id: String,
    /// `MAIL FROM`; empty for the null sender.
    pub source: String,
    /// `RCPT TO`, as matched by the rule. Not the addresses of To and Cc.
    pub recipients: Vec<String>,
    /// What SES found out.
    pub verdicts: SesVerdicts,
    /// The bucket it lies in.
    pub bucket: String,
    /// Its key, exactly as SES gives it.
    pub key: String,
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Received({})", self.message_id)
    }
}

/// What a message in the queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A mail came in.
    Mail(Box<Received>),
    /// SES tried out its rule: nothing to do.
    Setup,
    /// Something else that is known: it does not belong into this queue.
    Foreign(&'static str),
}

/// The message is none that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a notification of SES: {0}")]
pub struct Unrecognised(&'static str);

/// Reads a message's body.
///
/// # Errors
/// [`Unrecognised`]; trying again does not help.
pub fn read(body: &str) -> Result<Message, Unrecognised> {
    let value: Value = serde_json::from_str(body).map_err(|_| Unrecognised("not JSON"))?;
    match value.get("Type").and_then(Value::as_str) {
        // Wrapped: the subscription has no raw message delivery.
        Some("Notification") => {
            let inner = value.get("Message").and_then(Value::as_str).unwrap_or("");
            let inner = serde_json::from_str(inner)
                .map_err(|_| Unrecognised("an SNS notification whose message is not JSON"))?;
            classify(inner)
        }
        Some("SubscriptionConfirmation") => {
            Ok(Message::Foreign("a request to confirm an SNS subscription"))
        }
        Some("UnsubscribeConfirmation") => {
            Ok(Message::Foreign("word of an ended SNS subscription"))
        }
        _ => classify(value),
    }
}

fn classify(value: Value) -> Result<Message, Unrecognised> {
    if value.get("notificationType").is_none() && value.get("eventType").is_none() {
        return foreign(&value)
            .map(Message::Foreign)
            .ok_or(Unrecognised("neither type nor source is known"));
    }
    if value.get("notificationType").and_then(Value::as_str) != Some("Received") {
        return Ok(Message::Foreign("word of a mail that SES sent"));
    }
    let notification: Notification = serde_json::from_value(value)
        .map_err(|_| Unrecognised("a notification without its main parts"))?;
    notification.message()
}

/// Events of AWS that end up in a queue when a source is wired up wrongly, by their marks.
fn foreign(value: &Value) -> Option<&'static str> {
    let record = value.get("Records").and_then(|records| records.get(0));
    let source = record.and_then(|r| r.get("eventSource").or_else(|| r.get("EventSource")));
    match source.and_then(Value::as_str) {
        Some("aws:s3") => return Some("an S3 event: the rule's notification is wanted instead"),
        Some("aws:ses") => return Some("the event of a Lambda action of SES"),
        Some("aws:sns") => return Some("the event of an SNS subscription of Lambda"),
        Some("aws:sqs") => return Some("an SQS event inside a message"),
        _ => {}
    }
    if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Some("the test event of S3");
    }
    if value.get("detail-type").is_some() {
        return Some("an event of EventBridge");
    }
    if value.get("Messages").is_some() {
        return Some("an answer of the SQS API");
    }
    value
        .get("batchItemFailures")
        .map(|_| "the answer to a batch")
}

#[derive(Deserialize)]
struct Notification {
    mail: MailPart,
    #[serde(default)]
    receipt: Receipt,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MailPart {
    message_id: String,
    #[serde(default)]
    source: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Receipt {
    recipients: Vec<String>,
    spf_verdict: Verdict,
    dkim_verdict: Verdict,
    dmarc_verdict: Verdict,
    spam_verdict: Verdict,
    virus_verdict: Verdict,
    action: Action,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Action {
    bucket_name: String,
    object_key: String,
}

/// `{"status": "PASS"}`. Anything else is a verdict that is missing.
#[derive(Default, Deserialize)]
#[serde(from = "Value")]
struct Verdict(SesVerdict);

impl From<Value> for Verdict {
    fn from(value: Value) -> Self {
        let status = value.get("status").cloned().unwrap_or_default();
        Self(serde_json::from_value(status).unwrap_or_default())
    }
}

impl Notification {
    fn message(self) -> Result<Message, Unrecognised> {
        let Self { mail, receipt } = self;
        if mail.message_id == SETUP {
            return Ok(Message::Setup);
        }
        let Action {
            bucket_name: bucket,
            object_key: key,
        } = receipt.action;
        if bucket.is_empty() || key.is_empty() {
            return Ok(Message::Foreign(
                "a mail that the rule did not put into a bucket",
            ));
        }
        Ok(Message::Mail(Box::new(Received {
            message_id: mail.message_id,
            source: mail.source.unwrap_or_default(),
            recipients: receipt.recipients,
            verdicts: SesVerdicts {
                spf: receipt.spf_verdict.0,
                dkim: receipt.dkim_verdict.0,
                dmarc: receipt.dmarc_verdict.0,
                spam: receipt.spam_verdict.0,
                virus: receipt.virus_verdict.0,
            },
            bucket,
            key,
        })))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn notification() -> Value {
        json!({
            "notificationType": "Received",
            "mail": {"messageId": "abc1", "source": "ann@example.com", "destination": ["x@example.org"]},
            "receipt": {
                "recipients": ["+33612345678@sms.example.com"],
                "spfVerdict": {"status": "PASS"},
                "spamVerdict": {"status": "DISABLED"},
                "virusVerdict": {"status": "PROCESSING_FAILED"},
                "dkimVerdict": {"status": "SOMETHING_NEW"},
                "action": {"type": "S3", "bucketName": "mails", "objectKey": "inbound/abc1"},
            },
        })
    }

    fn mail(body: &str) -> Received {
        match read(body) {
            Ok(Message::Mail(mail)) => *mail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn envelope_place_and_verdicts_are_read_and_what_is_missing_proves_nothing() {
        let mail = mail(&notification().to_string());
        assert_eq!(mail.recipients, ["+33612345678@sms.example.com"]);
        assert_eq!(
            (mail.bucket.as_str(), mail.key.as_str()),
            ("mails", "inbound/abc1")
        );
        assert_eq!(mail.verdicts.spf, SesVerdict::Pass);
        assert_eq!(mail.verdicts.spam, SesVerdict::Disabled);
        assert_eq!(mail.verdicts.virus, SesVerdict::ProcessingFailed);
        assert_eq!(mail.verdicts.dkim, SesVerdict::Missing, "an unknown word");
        assert_eq!(mail.verdicts.dmarc, SesVerdict::Missing, "absent");
    }

    #[test]
    fn wrapped_by_sns_it_says_the_same() {
        let raw = notification().to_string();
        let wrapped = json!({"Type": "Notification", "MessageId": "1", "Message": raw}).to_string();
        assert_eq!(mail(&wrapped), mail(&raw));
    }

    #[test]
    fn odd_verdicts_are_missing_and_harm_nothing() {
        for odd in [
            json!(null),
            json!("PASS"),
            json!({"status": null}),
            json!({"status": 1}),
            json!({"status": "pass"}),
        ] {
            let mut value = notification();
            value["receipt"]["spfVerdict"] = odd.clone();
            let verdict = mail(&value.to_string()).verdicts.spf;
            assert_eq!(verdict, SesVerdict::Missing, "{odd}");
        }
    }

    #[test]
    fn the_null_sender_is_empty_however_it_is_written() {
        for source in [json!(null), json!("")] {
            let mut value = notification();
            value["mail"]["source"] = source;
            assert_eq!(mail(&value.to_string()).source, "");
        }
    }

    #[test]
    fn the_trial_of_a_rule_is_known() {
        let mut value = notification();
        value["mail"]["messageId"] = json!(SETUP);
        assert_eq!(read(&value.to_string()), Ok(Message::Setup));
    }

    #[test]
    fn rubbish_is_told_apart_from_what_is_only_in_the_wrong_queue() {
        for rubbish in [
            "",
            "hello",
            "[]",
            "{}",
            "null",
            "{\"Type\":\"Notification\"}",
        ] {
            assert!(read(rubbish).is_err(), "{rubbish}");
        }
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"});
        assert!(matches!(read(&test.to_string()), Ok(Message::Foreign(_))));
    }
}
