//! DKIM rule by rule: each refusal beside the twin that passes, over real DNS on loopback.
//!
//! Long because it is one table of rules, in the order of RFC 6376.
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::LazyLock;
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use postel_auth::dkim::testing::{Signing, TestKey};
use postel_auth::dkim::verify;
use postel_auth::dns::Dns;
use postel_auth::testing::{Data, Zone, ZoneServer};
use postel_core::evidence::MAX_SIGNATURES;
use postel_core::evidence::{Dkim, DkimResult};

const NOW: i64 = 1_790_000_000;
const KEY_AT: &str = "sel._domainkey.example.com";
const MAIL: &str = "Received: from a by b; Mon, 21 Sep 2026 13:33:20 +0000\r\n\
    From: Ann <ann@example.com>\r\n\
    To: +33612345678@sms.example.net\r\n\
    Subject: Dinner\r\n \tat  eight\r\n\
    Date: Mon, 21 Sep 2026 13:33:20 +0000\r\n\
    Message-ID: <1@example.com>\r\n\
    Content-Type: text/plain\r\n\
    \r\n\
    Bring  wine.\r\n\r\nAnn\r\n\r\n";

static RSA: LazyLock<TestKey> = LazyLock::new(TestKey::rsa);
static ED25519: LazyLock<TestKey> = LazyLock::new(TestKey::ed25519);

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// A signature as the product wants it, an hour old.
fn signing() -> Signing {
    Signing::new("example.com", "sel", NOW - 3_600)
}

fn signed(change: impl FnOnce(&mut Signing)) -> String {
    let mut signing = signing();
    change(&mut signing);
    String::from_utf8(RSA.sign(MAIL.as_bytes(), &signing)).unwrap()
}

async fn verify_in(zone: Zone, mail: &[u8]) -> (Vec<Dkim>, usize) {
    let server = ZoneServer::start(zone).await.unwrap();
    let dns = Dns::server(server.address()).unwrap();
    let found = verify(&dns, mail, now()).await;
    (found, server.questions())
}

async fn all(mail: impl AsRef<[u8]>) -> Vec<Dkim> {
    let zone = Zone::new().txt(KEY_AT, &RSA.record());
    verify_in(zone, mail.as_ref()).await.0
}

/// The only signature of a mail, with the RSA key published.
async fn one(mail: impl AsRef<[u8]>) -> Dkim {
    let mut found = all(mail).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// The only signature of the plain mail, with these records published.
async fn with_records(key: &TestKey, records: &[&str]) -> Dkim {
    let zone = records
        .iter()
        .fold(Zone::new(), |zone, text| zone.txt(KEY_AT, text));
    let (mut found, _) = verify_in(zone, &key.sign(MAIL.as_bytes(), &signing())).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[track_caller]
fn is(found: &Dkim, result: DkimResult, why: &str) {
    assert!(
        found.result == result && found.why.contains(why),
        "wanted {result:?} ({why:?}), found {found:?}"
    );
}

#[tokio::test]
async fn both_keys_pass_under_every_canonicalisation() {
    for key in [&*RSA, &*ED25519] {
        for (relaxed_headers, relaxed_body) in
            [(true, true), (true, false), (false, true), (false, false)]
        {
            let mut signing = signing();
            (signing.relaxed_headers, signing.relaxed_body) = (relaxed_headers, relaxed_body);
            let mail = key.sign(MAIL.as_bytes(), &signing);
            let (found, questions) = verify_in(Zone::new().txt(KEY_AT, &key.record()), &mail).await;
            assert_eq!((found.len(), questions), (1, 1));
            is(&found[0], DkimResult::Pass, "example.com");
            assert_eq!(found[0].unsigned_copies, Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn a_signature_says_what_it_signed_and_when() {
    let found = one(signed(|s| s.expires_at = Some(NOW + 60))).await;
    is(&found, DkimResult::Pass, "example.com");
    assert_eq!(found.domain.unwrap().as_str(), "example.com");
    assert_eq!(found.selector, "sel");
    assert_eq!(
        found.signed_headers,
        ["from", "to", "cc", "subject", "date", "message-id"]
    );
    assert_eq!(found.signed_at.unwrap().as_second(), NOW - 3_600);
    assert_eq!(found.expires_at.unwrap().as_second(), NOW + 60);
    assert_eq!(found.body_length, None);
}

#[tokio::test]
async fn a_mail_without_a_signature_has_no_evidence_and_asks_nothing() {
    let (found, questions) = verify_in(Zone::new(), MAIL.as_bytes()).await;
    assert!(found.is_empty());
    assert_eq!(questions, 0);
    assert!(all("").await.is_empty());
    assert!(all("odd \0 thing").await.is_empty());
}

#[tokio::test]
async fn a_changed_body_or_signed_header_fails() {
    let mail = signed(|_| {});
    is(&one(&mail).await, DkimResult::Pass, "");
    for (from, to, why) in [
        ("wine", "beer", "body"),
        ("Ann\r\n\r\n", "Ann\r\nP.S.\r\n", "body"),
        ("Ann <ann@", "Bob <bob@", "does not fit"),
        ("+33612345678", "+33687654321", "does not fit"),
        ("Subject: Dinner", "Subject: Lunch", "does not fit"),
        ("Message-ID: <1", "Message-ID: <2", "does not fit"),
        ("To: +33612345678@sms.example.net\r\n", "", "does not fit"),
        ("t=1789996400", "t=1789999999", "does not fit"),
    ] {
        let changed = mail.replace(from, to);
        assert_ne!(changed, mail, "{from}");
        is(&one(&changed).await, DkimResult::Fail, why);
    }
    // Not signed, or the same when relaxed: no harm.
    for (from, to) in [
        ("from a by b", "from c by d"),
        (
            "Subject: Dinner\r\n \tat  eight",
            "SUBJECT:Dinner at eight ",
        ),
        ("Bring  wine.", "Bring wine. \t"),
        ("Ann\r\n\r\n", "Ann\r\n"),
    ] {
        let changed = mail.replace(from, to);
        assert_ne!(changed, mail, "{from}");
        is(&one(&changed).await, DkimResult::Pass, "");
    }
    // Simple forgives none of that.
    let simple = signed(|s| (s.relaxed_headers, s.relaxed_body) = (false, false));
    is(&one(&simple).await, DkimResult::Pass, "");
    let tighter = simple.replace("Bring  wine", "Bring wine");
    is(&one(tighter).await, DkimResult::Fail, "body");
    let wider = simple.replace("To: +", "To:  +");
    is(&one(wider).await, DkimResult::Fail, "fit");
}

#[tokio::test]
async fn a_changed_body_asks_dns_nothing() {
    let zone = Zone::new().txt(KEY_AT, &RSA.record());
    let mail = signed(|_| {}).replace("wine", "beer");
    let (_, questions) = verify_in(zone, mail.as_bytes()).await;
    assert_eq!(questions, 0);
}

#[tokio::test]
async fn a_header_field_added_after_signing_is_named() {
    let mail = signed(|_| {});
    for added in [
        "From: x@evil.example",
        "To: x",
        "Subject: x",
        "Date: x",
        "Message-ID: <x>",
    ] {
        let name = added.split(':').next().unwrap().to_ascii_lowercase();
        // Above the signed one: the signature still holds, so the copy must be known.
        let above = one(format!("{added}\r\n{mail}")).await;
        is(&above, DkimResult::Pass, "");
        assert_eq!(above.unsigned_copies, [name.as_str()]);
        // Below it: DKIM signs from the bottom up, so it takes the place of the signed one.
        let below = mail.replace("Content-Type:", &format!("{added}\r\nContent-Type:"));
        let below = one(below).await;
        is(&below, DkimResult::Fail, "fit");
        assert_eq!(below.unsigned_copies, [name.as_str()]);
        // Where h= gives the name once more than there are fields, adding one breaks the signature.
        let closed = signed(|s| s.headers.push(name.clone()));
        is(&one(&closed).await, DkimResult::Pass, "");
        let reopened = one(format!("{added}\r\n{closed}")).await;
        is(&reopened, DkimResult::Fail, "fit");
    }
    // Cc is in h= although the mail has none: absence is signed.
    is(
        &one(format!("Cc: x\r\n{mail}")).await,
        DkimResult::Fail,
        "fit",
    );
    let without = signed(|s| s.headers.retain(|h| h != "cc"));
    let open = one(format!("Cc: x\r\n{without}")).await;
    is(&open, DkimResult::Pass, "");
    assert_eq!(open.unsigned_copies, ["cc"]);
    // A field that is not signed at all is named too.
    let loose = one(signed(|s| {
        s.headers.retain(|h| h != "subject" && h != "date")
    }))
    .await;
    assert_eq!(loose.unsigned_copies, ["subject", "date"]);
    // One Content-Type may be left out of h=; a second one is somebody's addition.
    let typed = one(format!("Content-Type: text/html\r\n{mail}")).await;
    is(&typed, DkimResult::Pass, "");
    assert_eq!(typed.unsigned_copies, ["content-type"]);
}

#[tokio::test]
async fn a_length_lets_text_be_added_and_says_so() {
    // "Bring wine.\r\n\r\nAnn\r\n", relaxed.
    let mail = signed(|s| s.length = Some(20));
    for mail in [mail.clone(), mail.clone() + "And send money.\r\n"] {
        let found = one(mail).await;
        is(&found, DkimResult::Pass, "");
        assert_eq!(found.body_length, Some(20));
    }
    let changed = mail.replace("Ann\r\n\r\n", "Anne\r\n");
    is(&one(changed).await, DkimResult::Fail, "body");
    is(
        &one(signed(|s| s.length = Some(21))).await,
        DkimResult::Fail,
        "shorter",
    );
    let nothing = one(signed(|s| s.length = Some(0))).await;
    is(&nothing, DkimResult::Pass, "");
    assert_eq!(nothing.body_length, Some(0));
    is(
        &one(signed(|s| s.more = "l=9x".into())).await,
        DkimResult::Neutral,
        "l=",
    );
    let endless = one(signed(|s| s.more = format!("l={}", "9".repeat(70)))).await;
    is(&endless, DkimResult::Fail, "shorter");
}

#[tokio::test]
async fn a_signature_has_its_time() {
    for (signed_at, expires_at, result, why) in [
        (None, None, DkimResult::Pass, ""),
        (Some(NOW - 900_000_000), None, DkimResult::Pass, ""),
        (Some(NOW + 3_600), None, DkimResult::Pass, ""),
        (Some(NOW + 3_601), None, DkimResult::Fail, "future"),
        (Some(999_999_999_999), None, DkimResult::Fail, "future"),
        (Some(NOW - 10), Some(NOW + 1), DkimResult::Pass, ""),
        (Some(NOW - 10), Some(NOW), DkimResult::Fail, "expired"),
        (None, Some(NOW), DkimResult::Fail, "expired"),
        (None, Some(999_999_999_999), DkimResult::Pass, ""),
        (
            Some(NOW - 10),
            Some(NOW - 10),
            DkimResult::Neutral,
            "before",
        ),
    ] {
        let found = one(signed(|s| {
            (s.signed_at, s.expires_at) = (signed_at, expires_at)
        }))
        .await;
        is(&found, result, why);
    }
    for bad in ["-1", "1.5", "", "1234567890123", "now"] {
        let odd = |tag: &str| {
            let more = format!("{tag}={bad}");
            signed(|s| (s.signed_at, s.more) = (None, more))
        };
        is(&one(odd("t")).await, DkimResult::Neutral, "t=");
        is(&one(odd("x")).await, DkimResult::Neutral, "x=");
    }
}

#[tokio::test]
async fn a_signature_that_breaks_the_grammar_is_neutral() {
    let mail = signed(|_| {});
    for (from, to, why) in [
        ("v=1", "v=2", "version"),
        ("v=1;", "", "lacks v="),
        ("v=1", "v=1.0", "version"),
        ("a=rsa-sha256", "a=rsa-md5", "a="),
        ("a=rsa-sha256;", "", "lacks a="),
        ("d=example.com;", "", "lacks d="),
        ("d=example.com", "d=", "lacks d="),
        ("d=example.com", "d=legitimate.com(.evil.com", "d="),
        ("d=example.com", "d=example.com\0.evil.com", "control"),
        ("s=sel;", "", "lacks s="),
        ("s=sel", "s=sel._domainkey.evil.example#", "s="),
        ("s=sel", "s=..", "s="),
        ("h=from:", "h=", "From"),
        ("h=from:", "h=from::", "h="),
        ("bh=", "bx=", "lacks bh="),
        ("b=", "c2=", "lacks b"),
        ("bh=", "bh=*", "bh="),
        ("c=relaxed/relaxed", "c=relaxed/other", "c="),
        ("v=1;", "v=1; d=evil.example;", "d= twice"),
        ("v=1;", "v=1; nonsense;", "list"),
        ("v=1;", "v=1; q=web/pgp;", "DNS"),
        ("v=1;", "v=1; i=@evil.example;", "i= lies outside"),
        ("v=1;", "v=1; i=@notexample.com;", "i= lies outside"),
        ("v=1;", "v=1; i=@com;", "i= lies outside"),
        ("v=1;", "v=1; i=ann;", "i="),
    ] {
        let changed = mail.replacen(from, to, 1);
        assert_ne!(changed, mail, "{from}");
        is(&one(&changed).await, DkimResult::Neutral, why);
    }
    // The twins: unusual, and right.
    for more in [
        "q=dns/txt",
        "q=web/pgp:dns/txt",
        "z=From:x|To:y",
        "i=@example.com",
        "i=ann@mail.example.com",
        "i=\"a@b\"@example.com",
        "odd_tag1=x",
        "",
    ] {
        let found = one(signed(|s| s.more = more.into())).await;
        is(&found, DkimResult::Pass, "");
    }
    let found = one(signed(|s| s.domain = "EXAMPLE.com".into())).await;
    is(&found, DkimResult::Pass, "");
}

#[tokio::test]
async fn sha1_is_never_believed() {
    let found = one(signed(|s| s.algorithm = Some("rsa-sha1".into()))).await;
    is(&found, DkimResult::Policy, "SHA-1");
}

#[tokio::test]
async fn the_key_record_decides_whether_it_may_be_used() {
    use DkimResult::{Fail, Pass, Permerror, Policy};
    let (rsa, ed) = (RSA.record(), ED25519.record());
    let p = rsa.split_once("p=").unwrap().1;
    let pieces = p.as_bytes().chunks(40);
    let folded: Vec<_> = pieces.map(|c| std::str::from_utf8(c).unwrap()).collect();
    let folded = folded.join(" \t");
    for (record, result, why) in [
        (format!("p={p}"), Pass, ""),
        (format!("v=DKIM1;p={folded};"), Pass, ""),
        (
            format!(" v = DKIM1 ; k = rsa ; p = {p} ; n=note; g=*"),
            Pass,
            "",
        ),
        (format!("k=rsa; v=DKIM1; p={p}"), Permerror, "begin"),
        (format!("v=DKIM2; p={p}"), Permerror, "begin"),
        (format!("v=DKIM1: k=rsa; p={p}"), Permerror, "begin"),
        (format!("v=dkim1; p={p}"), Permerror, "begin"),
        ("v=DKIM1; p=".into(), Permerror, "revoked"),
        ("v=DKIM1; k=rsa".into(), Permerror, "no key"),
        ("v=DKIM1; p=!".into(), Permerror, "cannot be read"),
        ("v=DKIM1; p=AAAA".into(), Permerror, "cannot be read"),
        (format!("v=DKIM1; p={p}; p={p}"), Permerror, "p= twice"),
        (format!("v=DKIM1; h=sha256; p={p}"), Pass, ""),
        (format!("v=DKIM1; h=sha1:sha256; p={p}"), Pass, ""),
        (format!("v=DKIM1; h=sha1; p={p}"), Permerror, "SHA-256"),
        (format!("v=DKIM1; s=email; p={p}"), Pass, ""),
        (format!("v=DKIM1; s=tlsrpt:*; p={p}"), Pass, ""),
        (format!("v=DKIM1; s=tlsrpt; p={p}"), Permerror, "e-mail"),
        (format!("v=DKIM1; t=s; p={p}"), Pass, ""),
        (format!("v=DKIM1; t=x; p={p}"), Pass, ""),
        (format!("v=DKIM1; t=y; p={p}"), Policy, "test"),
        (format!("v=DKIM1; t=s:y; p={p}"), Policy, "test"),
        (format!("v=DKIM1; k=ed25519; p={p}"), Permerror, "kind"),
        (ed, Permerror, "kind"),
        (TestKey::rsa().record(), Fail, "another key"),
    ] {
        is(&with_records(&RSA, &[&record]).await, result, why);
    }
    let short = with_records(&ED25519, &["v=DKIM1; k=ed25519; p=AAAA"]).await;
    is(&short, Permerror, "cannot be read");
    is(&with_records(&ED25519, &[&rsa]).await, Permerror, "kind");
}

#[tokio::test]
async fn a_strict_key_wants_its_own_domain_as_identity() {
    let record = RSA.record().replace("k=rsa", "k=rsa; t=s");
    for (identity, result) in [
        ("ann@example.com", DkimResult::Pass),
        ("ann@mail.example.com", DkimResult::Permerror),
    ] {
        let mail = signed(|s| s.identity = Some(identity.into()));
        let (found, _) = verify_in(Zone::new().txt(KEY_AT, &record), mail.as_bytes()).await;
        is(&found[0], result, "");
    }
}

#[tokio::test]
async fn one_key_per_name_is_wanted() {
    let (rsa, ed) = (RSA.record(), ED25519.record());
    for (records, result, why) in [
        (vec![rsa.as_str()], DkimResult::Pass, ""),
        (vec!["v=spf1 -all", &rsa, "hello", ""], DkimResult::Pass, ""),
        (vec![], DkimResult::Permerror, "no DKIM key"),
        (vec!["v=spf1 -all"], DkimResult::Permerror, "no DKIM key"),
        (vec![&rsa, "v=DKIM1; p="], DkimResult::Permerror, "several"),
        (vec![&rsa, &ed], DkimResult::Permerror, "several"),
    ] {
        is(&with_records(&RSA, &records).await, result, why);
    }
}

#[tokio::test]
async fn dns_trouble_is_worth_another_try() {
    let zone = Zone::new().with(KEY_AT, 60, Data::Failure);
    let (found, _) = verify_in(zone, signed(|_| {}).as_bytes()).await;
    is(&found[0], DkimResult::Temperror, "DNS did not answer");
}

/// An RSA public key of so many bits; nobody has its private half.
fn weak_record(bits: usize) -> String {
    let modulus = vec![0xd5; bits / 8];
    let modulus = der(0x02, &[&[0], modulus.as_slice()].concat());
    let body = [modulus, der(0x02, &[1, 0, 1])].concat();
    format!("v=DKIM1; p={}", BASE64_STANDARD.encode(der(0x30, &body)))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], length.as_slice(), content].concat()
}

#[tokio::test]
async fn a_small_key_is_not_believed_whatever_it_signed() {
    for (bits, result, why) in [
        (512, DkimResult::Policy, "512 bits"),
        (768, DkimResult::Policy, "768 bits"),
        (1016, DkimResult::Policy, "1016 bits"),
        (1024, DkimResult::Fail, "another key"),
        (8192, DkimResult::Fail, "another key"),
        (16_384, DkimResult::Permerror, "16384 bits"),
    ] {
        let found = with_records(&RSA, &[&weak_record(bits)]).await;
        is(&found, result, why);
    }
}

#[tokio::test]
async fn a_mail_that_could_be_split_two_ways_proves_nothing() {
    let mail = signed(|_| {});
    let whole_in_lf = mail.replace("\r\n", "\n");
    is(&one(&whole_in_lf).await, DkimResult::Pass, "");
    for (from, to, why) in [
        ("wine.\r\n", "wine.\n", "CRLF"),
        ("wine.", "wi\rne.", "CRLF"),
        ("Subject: Dinner\r\n", "Subject: Dinner\r", "CRLF"),
        ("Subject: Dinner\r\n", "Subject: Dinner\n", "CRLF"),
        ("\r\n\r\nBring", "\n\r\nBring", "CRLF"),
        ("\r\n\r\nBring", "\r\n\r\n\rBring", "CRLF"),
        ("Subject: D", "Subject: \0D", "control"),
        ("ann@example", "ann@ex\x0cample", "control"),
        ("From: Ann", "From : Ann", "Name: value"),
        ("From: Ann", "junk\r\nFrom: Ann", "Name: value"),
        ("From: Ann", "Fr\u{f6}m: x\r\nFrom: Ann", "Name: value"),
    ] {
        let changed = mail.replacen(from, to, 1);
        assert_ne!(changed, mail, "{from:?}");
        let found = one(&changed).await;
        is(&found, DkimResult::Neutral, why);
        assert_eq!(found.domain, None);
    }
    let folded = format!(" continued\r\n{mail}");
    is(&one(folded).await, DkimResult::Neutral, "Name: value");
    let mbox = format!("From ann@example.com Mon Sep 21 13:33:20 2026\r\n{mail}");
    is(&one(mbox).await, DkimResult::Neutral, "Name: value");
}

#[tokio::test]
async fn other_signatures_may_be_signed_but_never_the_one_itself() {
    let outer = |mail: &str| {
        let mut signing = signing();
        signing.headers.push("dkim-signature".into());
        String::from_utf8(RSA.sign(mail.as_bytes(), &signing)).unwrap()
    };
    let both = outer(&signed(|_| {}));
    let found = all(&both).await;
    assert_eq!(found.len(), 2);
    is(&found[0], DkimResult::Pass, "");
    is(&found[1], DkimResult::Pass, "");
    // The inner one changed: the outer breaks too.
    let (top, rest) = both.split_once("\r\n b=").unwrap();
    let rest = rest.replacen("c=relaxed", "c=simple", 1);
    let found = all(format!("{top}\r\n b={rest}")).await;
    is(&found[0], DkimResult::Fail, "fit");
    // Alone, h=dkim-signature signs that there is no other.
    is(&one(outer(MAIL)).await, DkimResult::Pass, "");
}

#[tokio::test]
async fn each_of_several_signatures_is_judged_for_itself() {
    let mut other = signing();
    other.domain = "list.example".into();
    let found = all(RSA.sign(signed(|_| {}).as_bytes(), &other)).await;
    assert_eq!(found.len(), 2);
    is(
        &found[0],
        DkimResult::Permerror,
        "sel._domainkey.list.example",
    );
    is(&found[1], DkimResult::Pass, "example.com");
}

/// Only the DKIM-Signature field.
fn field(change: impl FnOnce(&mut Signing)) -> String {
    let mail = signed(change);
    mail.split_once("Received:").unwrap().0.to_owned()
}

#[tokio::test]
async fn work_is_bounded() {
    let started = Instant::now();
    // Many signatures: the first ten are looked at, and ask at most once each.
    let many: String = (0..60)
        .map(|i| field(|s| s.selector = format!("s{i}")))
        .collect();
    let (found, questions) = verify_in(Zone::new(), (many + MAIL).as_bytes()).await;
    assert_eq!((found.len(), questions), (MAX_SIGNATURES, MAX_SIGNATURES));
    // Every one another hash of the body: four are made.
    let lengths: String = (0..10).map(|i| field(|s| s.length = Some(i))).collect();
    let found = all(lengths + MAIL).await;
    let neutral = |d: &&Dkim| d.result == DkimResult::Neutral;
    assert_eq!((found.len(), found.iter().filter(neutral).count()), (10, 6));
    // Header fields by the ten thousand, names in h= by the thousand, a value of a megabyte.
    let mail = signed(|_| {});
    let fields = "X: 1\r\n".repeat(10_000) + &mail;
    is(&one(fields).await, DkimResult::Neutral, "too long");
    let names = mail.replacen("h=", &format!("h={}", "x:".repeat(5_000)), 1);
    is(&one(names).await, DkimResult::Neutral, "h=");
    let long = mail.replacen("Subject: ", &format!("Subject: {}", "x".repeat(1 << 20)), 1);
    is(&one(long).await, DkimResult::Neutral, "too long");
    let tags = mail.replacen("v=1;", &format!("v=1;{}", "a=1;".repeat(10_000)), 1);
    is(&one(tags).await, DkimResult::Neutral, "twice");
    // A large body of the worst kind: blanks and empty lines.
    let body = " \t \r\n".repeat(1 << 20);
    let large = format!("From: a@example.com\r\n\r\n{body}.");
    let large = RSA.sign(large.as_bytes(), &signing());
    is(&one(large).await, DkimResult::Pass, "");
    println!("dkim bounds: {:?}", started.elapsed());
}

#[tokio::test]
async fn a_signature_made_by_another_hand_passes() {
    use mail_auth::common::crypto::Ed25519Key;
    use mail_auth::common::headers::HeaderWriter as _;
    use mail_auth::dkim::DkimSigner;
    let key = Ed25519Key::from_pkcs8_der(&Ed25519Key::generate_pkcs8().unwrap()).unwrap();
    let p = BASE64_STANDARD.encode(key.public_key());
    let header = DkimSigner::from_key(key)
        .domain("example.com")
        .selector("sel")
        .headers(["From", "To", "Subject", "Date", "Message-ID"])
        .sign(MAIL.as_bytes())
        .unwrap()
        .to_header();
    let zone = Zone::new().txt(KEY_AT, &format!("v=DKIM1; k=ed25519; p={p}"));
    let server = ZoneServer::start(zone).await.unwrap();
    let dns = Dns::server(server.address()).unwrap();
    // It writes the time of day into t=: be later than any.
    let later: Timestamp = "2200-01-01T00:00:00Z".parse().unwrap();
    let found = verify(&dns, format!("{header}{MAIL}").as_bytes(), later).await;
    is(&found[0], DkimResult::Pass, "");
}
