//! What was surely not taken and what may have been, over real sockets. Twilio's client stands for all that
//! speak HTTP: they share this part.
use std::time::Duration;

use crate::twilio::settings;
use crate::vendor::{Act, Vendor, answer, clock, sms};
use postel_core::ports::{SmsOutcome, SmsProvider as _};
use postel_sms::{Options, Twilio};

const SID: &str = "SM00000000000000000000000000000001";

fn options() -> Options {
    Options {
        connect: Duration::from_millis(400),
        whole: Duration::from_millis(800),
        ..Options::default()
    }
}

fn client(url: &str) -> Twilio {
    Twilio::new(settings(url), &options(), clock()).unwrap()
}

fn taken() -> Vec<u8> {
    answer(
        "201 Created",
        "Content-Type: application/json\r\n",
        &format!(r#"{{"sid":"{SID}"}}"#),
    )
}

/// The outcome's class and its words, which never hold what was sent or where to.
async fn class(client: &Twilio) -> (&'static str, String) {
    let outcome = client.send(&sms("mot de passe 4711")).await;
    let (class, detail) = match outcome {
        SmsOutcome::Sent { provider_ref } => ("sent", provider_ref.unwrap()),
        SmsOutcome::Rejected { detail } => ("rejected", detail),
        SmsOutcome::OptedOut { detail } => ("opted-out", detail),
        SmsOutcome::AccountHold { detail } => ("account-hold", detail),
        SmsOutcome::Throttled { detail, .. } => ("throttled", detail),
        SmsOutcome::NotSent { detail } => ("not-sent", detail),
        SmsOutcome::Ambiguous { detail } => ("ambiguous", detail),
    };
    for secret in ["4711", "336", "6123", "127.0.0.1", "a-secret", "invalid"] {
        assert!(!detail.contains(secret), "{secret} in {detail}");
    }
    (class, detail)
}

#[tokio::test]
async fn where_no_connection_comes_about_it_was_surely_not_taken() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (refused, why) = class(&client(&format!("http://127.0.0.1:{port}"))).await;
    assert_eq!(
        (refused, why.as_str()),
        ("not-sent", "the connection was refused")
    );

    let nowhere =
        Twilio::new(settings("https://api.nowhere.invalid"), &patient(), clock()).unwrap();
    let (unresolved, why) = class(&nowhere).await;
    assert_eq!(unresolved, "not-sent", "{why}");
    assert!(why.contains("resolve"), "{why}");

    let banner = Act::Greet(b"220 mx.example.com ESMTP\r\n".to_vec());
    for (name, act) in [
        ("not TLS", banner),
        ("reset", Act::ResetAtOnce),
        ("silence", Act::Silence),
    ] {
        let vendor = Vendor::start([act]).await;
        let (class, why) = class(&over_tls(&vendor.url)).await;
        assert_eq!(class, "not-sent", "{name}: {why}");
        assert_eq!(vendor.asked().len(), 0);
    }
}

/// DNS of the machine may be slow to say no.
fn patient() -> Options {
    Options::default()
}

fn over_tls(url: &str) -> Twilio {
    client(&url.replace("http://", "https://"))
}

/// A listener whose queue is full lets no connection through, and none is refused.
#[tokio::test]
async fn a_connection_that_takes_too_long_was_surely_not_taken() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(socket)) = tokio::time::timeout(
        Duration::from_millis(200),
        tokio::net::TcpStream::connect(address),
    )
    .await
    {
        queued.push(socket);
        assert!(queued.len() < 100, "the queue never fills");
    }
    let options = Options {
        connect: Duration::from_millis(300),
        ..Options::default()
    };
    let client = Twilio::new(settings(&format!("http://{address}")), &options, clock()).unwrap();
    let (late, why) = class(&client).await;
    assert_eq!(
        (late, why.as_str()),
        ("not-sent", "no connection came about in time")
    );
}

#[tokio::test]
async fn from_the_first_byte_on_it_may_have_been_taken() {
    let long = "x".repeat(70_000);
    let cut_short = b"HTTP/1.1 201 Created\r\nContent-Length: 60\r\n\r\n{\"sid\":\"SM".to_vec();
    let garbage = b"220 mx.example.com ESMTP\r\n".to_vec();
    let table = [
        ("reset before reading", Act::ResetAtOnce, 0),
        ("reset after reading", Act::ResetAfterReading, 1),
        ("closed after reading", Act::CloseAfterReading, 1),
        ("no answer", Act::Silence, 1),
        (
            "500 after the body",
            Act::Say(answer("500 Oops", "", "{}")),
            1,
        ),
        (
            "503 that asks to wait",
            Act::Say(answer("503 Busy", "Retry-After: 5\r\n", "")),
            1,
        ),
        ("an answer cut short", Act::SayAndClose(cut_short), 1),
        ("not HTTP", Act::SayAndClose(garbage), 1),
        (
            "rubbish with 200",
            Act::Say(answer("200 OK", "", "<html>")),
            1,
        ),
        (
            "an id that is none",
            Act::Say(answer("201 Created", "", r#"{"sid":"a b\n"}"#)),
            1,
        ),
        (
            "success without an id",
            Act::Say(answer("201 Created", "", "{}")),
            1,
        ),
        (
            "an answer too large",
            Act::Say(answer(
                "201 Created",
                "",
                &format!(r#"{{"sid":"{SID}","x":"{long}"}}"#),
            )),
            1,
        ),
        (
            "a redirect",
            Act::Say(answer("307 Elsewhere", "Location: /elsewhere\r\n", "")),
            1,
        ),
        (
            "a redirect after the fact",
            Act::Say(answer("303 See", "Location: /done\r\n", "")),
            1,
        ),
        (
            "a time-out on their side",
            Act::Say(answer("408 Slow", "", "")),
            1,
        ),
    ];
    for (name, act, asked) in table {
        let vendor = Vendor::start([act]).await;
        let (class, why) = class(&client(&vendor.url)).await;
        assert_eq!(class, "ambiguous", "{name}: {why}");
        assert_eq!(vendor.asked().len(), asked, "{name}: one text, one request");
    }
}

/// A status that says no is believed even where its body is not to be had.
#[tokio::test]
async fn a_refusal_without_its_words_is_still_one() {
    let cut_short = b"HTTP/1.1 400 Bad\r\nContent-Length: 60\r\n\r\n{\"code\":21".to_vec();
    let vendor = Vendor::start([Act::SayAndClose(cut_short)]).await;
    let (rejected, why) = class(&client(&vendor.url)).await;
    assert_eq!((rejected, why.as_str()), ("rejected", "HTTP 400"));
}

/// The server closes a kept connection between two texts: the second is neither lost nor sent twice.
#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced() {
    let vendor = Vendor::start([Act::SayAndClose(taken())]).await;
    let client = client(&vendor.url);
    for n in 1..=3 {
        assert_eq!(class(&client).await, ("sent", SID.to_owned()));
        assert_eq!(vendor.asked().len(), n);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn connections_are_kept() {
    let vendor = Vendor::start([Act::Say(taken())]).await;
    let client = client(&vendor.url);
    for _ in 0..3 {
        assert_eq!(class(&client).await.0, "sent");
    }
    assert_eq!(vendor.asked().len(), 3);
}

#[tokio::test]
async fn a_throttle_says_for_how_long() {
    for (header, expected) in [
        ("Retry-After: 17\r\n", Some(17)),
        ("Retry-After: Sat, 21 Nov 2026 18:01:00 GMT\r\n", Some(60)),
        ("Retry-After: soon\r\n", None),
        ("", None),
    ] {
        let vendor =
            Vendor::start([Act::Say(answer("429 Slow", header, r#"{"code":20429}"#))]).await;
        let SmsOutcome::Throttled { after, .. } = client(&vendor.url).send(&sms("a")).await else {
            panic!("{header}")
        };
        assert_eq!(after, expected, "{header}");
    }
}

/// No two providers share a name: it stands in rows, in the configuration and in paths.
#[test]
fn names_are_their_own() {
    let store = std::sync::Arc::new(postel_core::testing::MemoryStore::new());
    let url = "http://127.0.0.1:1";
    let mut names = vec![
        client(url).name(),
        crate::esendex::client(url).name(),
        postel_sms::Handset::new(store, clock()).name(),
    ];
    names.sort_unstable();
    assert_eq!(names, ["esendex", "handset", "twilio"]);
}
