//! Esendex: what is asked, what each answer means, and how a text is found again.

use jiff::Timestamp;
use postel_core::ledger::Originator;
use postel_core::ports::{LookUp, Sms, SmsOutcome, SmsProvider as _};
use postel_core::text::Encoding;
use postel_sms::{Esendex, Options, Probe as _, Standing, esendex};
use std::ops::Range;

use crate::vendor::{Act, Vendor, answer, clock, sms};

pub(crate) const ID: &str = "1183c73d-2e62-4f60-b610-30f160bdfbd5";

pub(crate) fn client(url: &str) -> Esendex {
    let settings = esendex::Settings {
        account_reference: "EX0000000".to_owned(),
        user: "ann@example.com".to_owned(),
        password: "a-secret".to_owned(),
        max_parts: 6,
        url: url.parse().unwrap(),
    };
    Esendex::new(settings, &Options::default(), clock()).unwrap()
}

fn xml(status: &str, body: &str) -> Act {
    let body = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n{body}");
    Act::Say(answer(status, "Content-Type: application/xml\r\n", &body))
}

/// The answer as Esendex gives it to a batch of one.
pub(crate) fn taken() -> String {
    let upper = ID.to_ascii_uppercase();
    format!(
        "<messageheaders batchid=\"F8BF9867-FF81-49E4-ACC5-774DE793B776\" xmlns=\"http://api.esendex.com/ns/\">\n  \
         <messageheader uri=\"https://api.esendex.com/v1.0/messageheaders/{upper}\" id=\"{upper}\" />\n</messageheaders>"
    )
}

#[tokio::test]
async fn the_batch_is_written_as_the_schema_has_it() {
    let vendor = Vendor::start([xml("200 OK", &taken())]).await;
    let client = client(&vendor.url);
    let sent = SmsOutcome::Sent {
        provider_ref: Some(ID.to_owned()),
    };
    assert_eq!(client.send(&sms("a <b> & \"c\"\n]]>")).await, sent);
    let named = Sms {
        originator: Originator::Name("Mairie".parse().unwrap()),
        ..sms("ça va 👋")
    };
    assert_eq!(client.send(&named).await, sent);
    let bodies = [
        "<from>33755512345</from><to>33612345678</to><type>SMS</type><body>a &lt;b&gt; &amp; &quot;c&quot;\n]]&gt;</body>\
         <validity>4</validity><characterset>GSM</characterset>",
        "<from>Mairie</from><to>33612345678</to><type>SMS</type><body>ça va 👋</body>\
         <validity>4</validity><characterset>Unicode</characterset>",
    ];
    for (asked, body) in vendor.asked().iter().zip(bodies) {
        assert_eq!(
            String::from_utf8_lossy(&asked.body),
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><messages><accountreference>EX0000000</accountreference><message>{body}</message></messages>"
            )
        );
        let head = asked.head.to_ascii_lowercase();
        assert!(
            head.starts_with("post /v1.0/messagedispatcher http/1.1\r\n"),
            "{head}"
        );
        assert!(
            head.contains("content-type: application/xml; charset=utf-8\r\n"),
            "{head}"
        );
        // base64 of "ann@example.com:a-secret", made with coreutils' base64.
        assert!(
            asked
                .head
                .contains("Basic YW5uQGV4YW1wbGUuY29tOmEtc2VjcmV0"),
            "{head}"
        );
    }
}

#[tokio::test]
async fn validity_is_in_hours_that_esendex_takes() {
    let vendor = Vendor::start([xml("200 OK", &taken())]).await;
    let client = client(&vendor.url);
    for (n, (until, hours)) in [
        ("2026-11-21T17:00:00Z", 1),
        ("2026-11-21T18:10:00Z", 1),
        ("2026-11-22T17:59:50Z", 24),
        ("2026-11-22T19:20:00Z", 25),
        ("2026-11-30T18:00:00Z", 72),
    ]
    .into_iter()
    .enumerate()
    {
        client
            .send(&Sms {
                valid_until: until.parse().unwrap(),
                ..sms("a")
            })
            .await;
        let body = String::from_utf8(vendor.asked()[n].body.clone()).unwrap();
        assert!(
            body.contains(&format!("<validity>{hours}</validity>")),
            "{until}: {body}"
        );
    }
}

#[tokio::test]
async fn what_xml_cannot_carry_and_who_is_nobody_is_not_asked() {
    let vendor = Vendor::start([xml("200 OK", &taken())]).await;
    let client = client(&vendor.url);
    let nobody = Sms {
        originator: Originator::Shared,
        ..sms("a")
    };
    for text in [
        sms("a\u{1}b"),
        sms("a\u{fffe}"),
        sms("\u{ffff}"),
        sms("a\rb"),
        nobody,
    ] {
        let outcome = client.send(&text).await;
        assert!(
            matches!(outcome, SmsOutcome::Rejected { .. }),
            "{outcome:?}"
        );
    }
    assert_eq!(vendor.asked().len(), 0);
    assert_eq!(client.limits().max_parts, 6);
}

#[tokio::test]
async fn every_status_has_its_class() {
    for (status, expected) in [
        (400, "rejected"),
        (401, "account-hold"),
        (402, "account-hold"),
        (403, "account-hold"),
        (404, "rejected"),
        (405, "rejected"),
        (408, "ambiguous"),
        (410, "rejected"),
        (429, "throttled"),
        (500, "ambiguous"),
        (501, "rejected"),
        (502, "ambiguous"),
        (503, "ambiguous"),
        (302, "ambiguous"),
    ] {
        let body = "The recipient +33612345678 is invalid";
        let said = answer(&format!("{status} X"), "Retry-After: 9\r\n", body);
        let vendor = Vendor::start([Act::Say(said)]).await;
        let (class, detail) = match client(&vendor.url).send(&sms("a")).await {
            SmsOutcome::Sent { .. } => ("sent", String::new()),
            SmsOutcome::Rejected { detail } => ("rejected", detail),
            SmsOutcome::OptedOut { detail } => ("opted-out", detail),
            SmsOutcome::AccountHold { detail } => ("account-hold", detail),
            SmsOutcome::Throttled { after, detail } => {
                assert_eq!(after, Some(9));
                ("throttled", detail)
            }
            SmsOutcome::NotSent { detail } => ("not-sent", detail),
            SmsOutcome::Ambiguous { detail } => ("ambiguous", detail),
        };
        assert_eq!(class, expected, "{status}");
        assert!(
            detail.contains(&status.to_string()) && !detail.contains("336"),
            "{detail}"
        );
        assert_eq!(vendor.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_looked_up() {
    let two = taken().replace(
        "</messageheaders>",
        "<messageheader id=\"1183C73D-2E62-4F60-B610-30F160BDFBD6\"/></messageheaders>",
    );
    for body in [
        "",
        "<html></html>",
        "{}",
        "<messageheaders/>",
        "<messageheaders><messageheader/></messageheaders>",
        "<messageheaders><messageheader id=\"a b\"/></messageheaders>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><messageheaders/>",
        &two,
    ] {
        let vendor = Vendor::start([xml("200 OK", body)]).await;
        let outcome = client(&vendor.url).send(&sms("a")).await;
        assert!(
            matches!(outcome, SmsOutcome::Ambiguous { .. }),
            "{body}: {outcome:?}"
        );
    }
}

fn id(n: u32) -> String {
    format!("00000000-0000-0000-0000-{n:012}")
}

/// A header of the list; `change` replaces one piece of it.
fn header(n: u32, at: &str, change: (&str, &str)) -> String {
    let id = id(n).to_ascii_uppercase();
    let header = format!(
        "<messageheader id=\"{id}\" uri=\"https://api.esendex.com/v1.0/messageheaders/{id}\"><reference>EX0000000</reference>\
         <status>Submitted</status><submittedat>{at}</submittedat><type>SMS</type><to><phonenumber>33612345678</phonenumber></to>\
         <from><phonenumber>33755512345</phonenumber></from><summary>Il y a le feu &amp; de la...</summary>\
         <direction>Outbound</direction><parts>1</parts><username>ann@example.com</username></messageheader>"
    );
    header.replace(change.0, change.1)
}

fn list(headers: &[String]) -> Act {
    let count = headers.len();
    xml(
        "200 OK",
        &format!(
            "<messageheaders startindex=\"0\" count=\"{count}\" totalcount=\"{count}\" xmlns=\"http://api.esendex.com/ns/\">{}</messageheaders>",
            headers.concat()
        ),
    )
}

fn body(words: &str) -> Act {
    xml(
        "200 OK",
        &format!(
            "<messagebody xmlns=\"http://api.esendex.com/ns/\"><bodytext>{words}</bodytext><characterset>GSM</characterset></messagebody>"
        ),
    )
}

/// Around 18:00, when the text was handed over.
fn span() -> Range<Timestamp> {
    "2026-11-21T17:59:00Z".parse().unwrap().."2026-11-21T18:02:00Z".parse().unwrap()
}

const WORDS: &str = "Il y a le feu & de la\nfumée au deuxième étage";
const AT: &str = "2026-11-21T18:00:05.433Z";

fn text() -> Sms {
    let text = sms(WORDS);
    assert_eq!(text.encoding, Encoding::Gsm7);
    text
}

#[tokio::test]
async fn a_text_is_found_among_those_that_only_look_like_it() {
    let same = ("", "");
    let headers = [
        header(10, "2026-11-21T18:02:00Z", same),
        header(9, "2026-11-21T18:01:30Z", same),
        header(8, AT, ("33612345678", "33600000000")),
        header(7, AT, ("33755512345", "33700000000")),
        header(6, AT, ("Outbound", "Inbound")),
        header(5, AT, ("Il y a", "Il y avait")),
        header(4, AT, same),
        header(3, "2026-11-21T17:59:30", same),
        header(2, "2026-11-21T17:58:00Z", same),
    ];
    let whole = WORDS.replace('&', "&amp;");
    let vendor = Vendor::start([
        list(&headers),
        body(&whole),
        body("Il y a le feu &amp; de la joie"),
        body(&whole),
    ])
    .await;
    let found = client(&vendor.url).look_up(&text(), span()).await;
    assert_eq!(found, LookUp::Seen(vec![id(3), id(9)]), "oldest first");
    let asked: Vec<String> = vendor
        .asked()
        .iter()
        .map(|a| a.head.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(
        asked,
        [
            "GET /v1.0/messageheaders?startindex=0&count=100&accountreference=EX0000000 HTTP/1.1"
                .to_owned(),
            format!("GET /v1.0/messageheaders/{}/body HTTP/1.1", id(9)),
            format!("GET /v1.0/messageheaders/{}/body HTTP/1.1", id(4)),
            format!("GET /v1.0/messageheaders/{}/body HTTP/1.1", id(3)),
        ]
    );
}

#[tokio::test]
async fn a_summary_that_is_the_whole_text_needs_no_more() {
    let whole = header(1, AT, ("Il y a le feu &amp; de la...", "Bonjour  à tous"));
    let vendor = Vendor::start([list(&[whole])]).await;
    let found = client(&vendor.url)
        .look_up(&sms("Bonjour\nà tous"), span())
        .await;
    assert_eq!(found, LookUp::Seen(vec![id(1)]));
    assert_eq!(vendor.asked().len(), 1);
}

#[tokio::test]
async fn pages_are_read_until_an_older_text_and_not_for_ever() {
    let other: Vec<String> = (0..100)
        .map(|n| header(n, AT, ("33612345678", "33600000000")))
        .collect();
    let vendor = Vendor::start([list(&other)]).await;
    assert_eq!(
        client(&vendor.url).look_up(&text(), span()).await,
        LookUp::Seen(Vec::new())
    );
    let asked = vendor.asked();
    assert_eq!(asked.len(), 20);
    assert!(
        asked[19].head.contains("startindex=1900&"),
        "{}",
        asked[19].head
    );

    let mut last = other.clone();
    last[99] = header(99, "2026-11-21T17:00:00Z", ("", ""));
    let vendor = Vendor::start([list(&other), list(&last)]).await;
    assert_eq!(
        client(&vendor.url).look_up(&text(), span()).await,
        LookUp::Seen(Vec::new())
    );
    assert_eq!(vendor.asked().len(), 2);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_asked_for_again_later() {
    let cut = list(&[header(1, AT, ("", ""))]);
    let table = [
        vec![xml("401 No", "")],
        vec![xml("500 Oops", "")],
        vec![xml("200 OK", "<html/>")],
        vec![Act::ResetAfterReading],
        vec![cut.clone(), xml("500 Oops", "")],
        vec![cut, xml("200 OK", "<messageheaders/>")],
    ];
    for acts in table {
        let vendor = Vendor::start(acts).await;
        let found = client(&vendor.url).look_up(&text(), span()).await;
        assert!(matches!(found, LookUp::NotNow { .. }), "{found:?}");
    }
}

#[tokio::test]
async fn the_standing_tells_credit_and_account() {
    let accounts = |reference: &str, left: &str| {
        xml(
            "200 OK",
            &format!(
                "<accounts xmlns=\"http://api.esendex.com/ns/\"><account id=\"x\"><reference>EX0000001</reference></account>\
             <account id=\"y\"><reference>{reference}</reference><messagesremaining>{left}</messagesremaining></account></accounts>"
            ),
        )
    };
    for (act, expected) in [
        (
            accounts("ex0000000", "19"),
            Standing::Works("messages left: 19".to_owned()),
        ),
        (
            accounts("EX0000000", "0"),
            Standing::Refused("no credit is left: buy some at Esendex for the account".to_owned()),
        ),
        (
            accounts("EX9999999", "9"),
            Standing::Refused(
                "the user works, but may not use this account: look at account_reference"
                    .to_owned(),
            ),
        ),
        (
            accounts("EX0000000", "many"),
            Standing::Works("the account is there".to_owned()),
        ),
        (
            xml("200 OK", "<html/>"),
            Standing::Refused("the answer is not Esendex’s: look at url".to_owned()),
        ),
        (
            xml("401 No", ""),
            Standing::Refused("HTTP 401: look at user and password_file".to_owned()),
        ),
        (
            xml("500 Oops", ""),
            Standing::CannotTell("HTTP 500; try again later".to_owned()),
        ),
    ] {
        let vendor = Vendor::start([act]).await;
        assert_eq!(client(&vendor.url).standing().await, expected);
    }
}
