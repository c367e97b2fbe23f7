//! Twilio: what is asked, what each answer means, and how a text is found again.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use postel_core::ledger::Originator;
use postel_core::ports::{LookUp, Sms, SmsOutcome, SmsProvider as _};
use postel_sms::{Options, Probe as _, Standing, Twilio, twilio};

use crate::vendor::{Act, Vendor, answer, clock, sms};

pub(crate) fn settings(url: &str) -> twilio::Settings {
    twilio::Settings {
        account_sid: format!("AC{}", "0".repeat(32)),
        key_sid: None,
        auth_token: "a-secret".to_owned(),
        messaging_service_sid: None,
        url: url.parse().unwrap(),
    }
}

pub(crate) fn client(url: &str) -> Twilio {
    Twilio::new(settings(url), &Options::default(), clock()).unwrap()
}

const SID: &str = "SM00000000000000000000000000000001";

fn json(status: &str, body: &str) -> Act {
    Act::Say(answer(status, "Content-Type: application/json\r\n", body))
}

fn taken() -> Act {
    json(
        "201 Created",
        &format!(r#"{{"sid":"{SID}","status":"queued","error_code":null}}"#),
    )
}

/// The form's fields; a field that stands twice fails.
pub(crate) fn fields(body: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body).into_owned() {
        assert_eq!(fields.insert(name, value), None);
    }
    fields
}

async fn asked(settings: twilio::Settings, vendor: &Vendor, sms: &Sms) -> BTreeMap<String, String> {
    let client = Twilio::new(settings, &Options::default(), clock()).unwrap();
    let sent = SmsOutcome::Sent {
        provider_ref: Some(SID.to_owned()),
    };
    assert_eq!(client.send(sms).await, sent);
    let all = vendor.asked();
    fields(&all[all.len() - 1].body)
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

#[tokio::test]
async fn the_form_holds_what_twilio_wants_and_nothing_else() {
    let vendor = Vendor::start([taken()]).await;
    let words = "L'été à 10 € & plus=1\n100 % 👋";
    let text = sms(words);
    let common = [
        ("To", "+33612345678"),
        ("Body", words),
        ("ValidityPeriod", "14400"),
        ("SmartEncoded", "false"),
    ];
    let with = |more: &[(&str, &str)]| {
        let mut all = map(&common);
        all.extend(map(more));
        all
    };
    let plain = asked(settings(&vendor.url), &vendor, &text).await;
    assert_eq!(plain, with(&[("From", "+33755512345")]));

    let named = Sms {
        originator: Originator::Name("Mairie".parse().unwrap()),
        ..text.clone()
    };
    let service = format!("MG{}", "1".repeat(32));
    let keyed = twilio::Settings {
        key_sid: Some(format!("SK{}", "2".repeat(32))),
        messaging_service_sid: Some(service.clone()),
        ..settings(&vendor.url)
    };
    let by_service = asked(keyed, &vendor, &named).await;
    assert_eq!(
        by_service,
        with(&[("From", "Mairie"), ("MessagingServiceSid", &service)])
    );

    let all = vendor.asked();
    let path = format!(
        "POST /2010-04-01/Accounts/AC{}/Messages.json HTTP/1.1\r\n",
        "0".repeat(32)
    );
    for one in &all {
        assert!(one.head.starts_with(&path), "{}", one.head);
        let kind = "content-type: application/x-www-form-urlencoded\r\n";
        assert!(one.head.to_ascii_lowercase().contains(kind), "{}", one.head);
    }
    // base64 of "AC000…:a-secret" and "SK222…:a-secret", made with coreutils' base64.
    for (one, signed) in all.iter().zip([
        "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDphLXNlY3JldA==",
        "Basic U0syMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjphLXNlY3JldA==",
    ]) {
        assert!(one.head.contains(signed), "{}", one.head);
    }
}

#[tokio::test]
async fn validity_is_kept_within_what_twilio_takes() {
    let vendor = Vendor::start([taken()]).await;
    for (until, seconds) in [
        ("2026-11-21T18:00:00Z", "1"),
        ("2026-11-21T17:00:00Z", "1"),
        ("2026-11-21T18:00:30.9Z", "30"),
        ("2026-11-22T04:00:00Z", "36000"),
        ("2026-11-25T04:00:00Z", "36000"),
    ] {
        let text = Sms {
            valid_until: until.parse().unwrap(),
            ..sms("a")
        };
        let form = asked(settings(&vendor.url), &vendor, &text).await;
        assert_eq!(form["ValidityPeriod"], seconds, "{until}");
    }
}

#[tokio::test]
async fn what_twilio_could_not_take_is_not_asked() {
    let vendor = Vendor::start([taken()]).await;
    let client = client(&vendor.url);
    let nobody = Sms {
        originator: Originator::Shared,
        ..sms("a")
    };
    for text in [sms(&"x".repeat(1601)), sms(&"👋".repeat(801)), nobody] {
        let outcome = client.send(&text).await;
        assert!(
            matches!(outcome, SmsOutcome::Rejected { .. }),
            "{outcome:?}"
        );
    }
    assert_eq!(vendor.asked().len(), 0);
    let longest = sms(&"x".repeat(1600));
    assert!(matches!(
        client.send(&longest).await,
        SmsOutcome::Sent { .. }
    ));
    let most = sms(&"€".repeat(76 * 10));
    assert_eq!(most.parts, client.limits().max_parts);
    assert!(matches!(client.send(&most).await, SmsOutcome::Sent { .. }));
}

/// Every documented code as an answer (HTTP 400 unless Twilio says otherwise), and statuses alone.
#[tokio::test]
async fn every_answer_has_its_class() {
    let rejected = [
        21211, 21212, 21408, 21606, 21608, 21612, 21614, 21617, 21657, 30003, 30004, 30005, 30006,
        30007, 30008, 29_999,
    ];
    let mut table: Vec<(u16, Option<u32>, &str)> = rejected
        .iter()
        .map(|code| (400, Some(*code), "rejected"))
        .collect();
    table.extend([
        (401, Some(20003), "account-hold"),
        (403, Some(20005), "account-hold"),
        (400, Some(30002), "account-hold"),
        (429, Some(20429), "throttled"),
        (400, Some(21611), "throttled"),
        (400, Some(30001), "throttled"),
        (400, Some(63017), "throttled"),
        (400, Some(21610), "opted-out"),
        (400, None, "account-hold"),
        (401, None, "account-hold"),
        (402, None, "account-hold"),
        (403, None, "account-hold"),
        (404, Some(20404), "rejected"),
        (405, None, "account-hold"),
        (421, None, "throttled"),
        (408, None, "ambiguous"),
        (429, None, "throttled"),
        (500, None, "ambiguous"),
        (500, Some(20003), "ambiguous"),
        (503, Some(20429), "ambiguous"),
    ]);
    for (status, code, expected) in table {
        // Twilio repeats the number in its words: they must not come back.
        let body = code.map_or(String::new(), |code| {
            format!(r#"{{"code":{code},"message":"The 'To' number +33612345678 is not valid","status":{status}}}"#)
        });
        let vendor = Vendor::start([json(&format!("{status} X"), &body)]).await;
        let (class, detail) = match client(&vendor.url).send(&sms("a")).await {
            SmsOutcome::Sent { .. } => ("sent", String::new()),
            SmsOutcome::Rejected { detail } => ("rejected", detail),
            SmsOutcome::OptedOut { detail } => ("opted-out", detail),
            SmsOutcome::AccountHold { detail } => ("account-hold", detail),
            SmsOutcome::Throttled { detail, .. } => ("throttled", detail),
            SmsOutcome::NotSent { detail } => ("not-sent", detail),
            SmsOutcome::Ambiguous { detail } => ("ambiguous", detail),
        };
        assert_eq!(class, expected, "{status} {code:?}");
        assert!(
            !detail.contains("336") && !detail.contains("'To'"),
            "{detail}"
        );
        let named = code.map_or_else(|| status.to_string(), |code| code.to_string());
        assert!(detail.contains(&named), "{detail} names {named}");
    }
}

#[tokio::test]
async fn a_message_that_failed_at_once_was_not_sent() {
    for (body, opted_out) in [
        (
            r#"{"sid":"SM1","status":"failed","error_code":21610}"#,
            true,
        ),
        (
            r#"{"sid":"SM1","status":"failed","error_code":30001}"#,
            false,
        ),
        (r#"{"sid":"SM1","status":"failed"}"#, false),
    ] {
        let vendor = Vendor::start([json("201 Created", body)]).await;
        match client(&vendor.url).send(&sms("a")).await {
            SmsOutcome::OptedOut { .. } => assert!(opted_out),
            SmsOutcome::Rejected { .. } => assert!(!opted_out),
            other => panic!("{other:?}"),
        }
    }
}

fn message(sid: &str, at: &str, change: &[(&str, serde_json::Value)]) -> serde_json::Value {
    let mut message = serde_json::json!({
        "sid": sid, "date_created": at, "date_sent": null, "direction": "outbound-api", "status": "queued",
        "to": "+33612345678", "from": "+33755512345", "body": "Bonjour 👋", "num_segments": "1",
    });
    for (key, value) in change {
        message[*key] = value.clone();
    }
    message
}

fn page(messages: &[serde_json::Value], next: Option<&str>) -> Act {
    let body = serde_json::json!({ "messages": messages, "next_page_uri": next, "page_size": 50 });
    json("200 OK", &body.to_string())
}

fn seen(sids: &[&str]) -> LookUp {
    LookUp::Seen(sids.iter().map(|s| (*s).to_owned()).collect())
}

/// Around 18:00, when the text was handed over.
fn span() -> Range<Timestamp> {
    "2026-11-21T17:59:00Z".parse().unwrap().."2026-11-21T18:02:00Z".parse().unwrap()
}

#[tokio::test]
async fn a_text_is_found_among_those_that_only_look_like_it() {
    let at = "Sat, 21 Nov 2026 18:00:02 +0000";
    let list = [
        message("SM5", "Sat, 21 Nov 2026 18:03:00 +0000", &[]),
        message("SM4", at, &[("body", "Bonjour".into())]),
        message("SM3", at, &[("from", "+33755500000".into())]),
        message("SM2", at, &[("to", "+33600000000".into())]),
        message("SM1", at, &[("direction", "inbound".into())]),
        message("SM9", at, &[]),
        message("SM8", at, &[("from", serde_json::Value::Null)]),
        message("SM7", "Sat, 21 Nov 2026 17:59:01 +0000", &[]),
        message("SM6", "Sat, 21 Nov 2026 17:58:00 +0000", &[]),
        message("SMb", "yesterday", &[]),
    ];
    let vendor = Vendor::start([page(&list, Some("/more"))]).await;
    let found = client(&vendor.url)
        .look_up(&sms("Bonjour 👋"), span())
        .await;
    assert_eq!(found, seen(&["SM7", "SM8", "SM9"]), "oldest first");
    let account = "0".repeat(32);
    let path = format!(
        "GET /2010-04-01/Accounts/AC{account}/Messages.json?To=%2B33612345678&PageSize=50 HTTP/1.1\r\n"
    );
    assert_eq!(vendor.asked().len(), 1, "an older one ends the reading");
    assert!(
        vendor.asked()[0].head.starts_with(&path),
        "{}",
        vendor.asked()[0].head
    );
}

#[tokio::test]
async fn pages_are_followed_on_the_same_list_only_and_not_for_ever() {
    let account = "0".repeat(32);
    let next = format!("/2010-04-01/Accounts/AC{account}/Messages.json?Page=1&PageToken=x");
    let at = "Sat, 21 Nov 2026 18:00:02 +0000";
    let full = [message("SM1", at, &[("body", "other".into())])];
    let last = [message("SM2", at, &[])];
    let vendor = Vendor::start([page(&full, Some(&next)), page(&last, None)]).await;
    let text = sms("Bonjour 👋");
    assert_eq!(
        client(&vendor.url).look_up(&text, span()).await,
        seen(&["SM2"])
    );
    assert!(vendor.asked()[1].head.starts_with(&format!("GET {next} ")));

    let endless = Vendor::start([page(&full, Some(&next))]).await;
    assert_eq!(client(&endless.url).look_up(&text, span()).await, seen(&[]));
    assert_eq!(endless.asked().len(), 10);

    for elsewhere in [
        "https://evil.example/Messages.json?x",
        "/2010-04-01/Accounts.json?x",
        "//evil.example/",
    ] {
        let vendor = Vendor::start([page(&full, Some(elsewhere))]).await;
        assert_eq!(client(&vendor.url).look_up(&text, span()).await, seen(&[]));
        assert_eq!(vendor.asked().len(), 1, "{elsewhere}");
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_asked_for_again_later() {
    let text = sms("a");
    for act in [
        json("401 No", r#"{"code":20003}"#),
        json("500 Oops", ""),
        json("200 OK", "<html>"),
        json("200 OK", &"x".repeat(2_000_000)),
        Act::ResetAfterReading,
    ] {
        let vendor = Vendor::start([act]).await;
        let found = client(&vendor.url).look_up(&text, span()).await;
        assert!(matches!(found, LookUp::NotNow { .. }), "{found:?}");
    }
}

#[tokio::test]
async fn the_standing_is_told_without_sending() {
    let keyed = |url: &str| twilio::Settings {
        key_sid: Some(format!("SK{}", "2".repeat(32))),
        ..settings(url)
    };
    for (act, key, expected) in [
        (json("200 OK", r#"{"status":"active"}"#), false, "works"),
        (
            json("200 OK", r#"{"status":"suspended"}"#),
            false,
            "refused",
        ),
        (json("200 OK", "<html>"), false, "refused"),
        (json("200 OK", r#"{"messages":[]}"#), true, "works"),
        (json("200 OK", "{}"), true, "refused"),
        (json("401 No", r#"{"code":20003}"#), false, "refused"),
        (json("404 No", ""), false, "refused"),
        (json("302 Elsewhere", ""), false, "cannot tell"),
        (json("503 Busy", ""), false, "cannot tell"),
        (Act::ResetAtOnce, false, "cannot tell"),
    ] {
        let vendor = Vendor::start([act]).await;
        let settings = if key {
            keyed(&vendor.url)
        } else {
            settings(&vendor.url)
        };
        let client = Twilio::new(settings, &Options::default(), clock()).unwrap();
        let (found, words) = match client.standing().await {
            Standing::Works(words) => ("works", words),
            Standing::Refused(words) => ("refused", words),
            Standing::CannotTell(words) => ("cannot tell", words),
        };
        assert_eq!(found, expected, "{words}");
        assert!(vendor.asked().iter().all(|a| a.head.starts_with("GET ")));
    }
}
