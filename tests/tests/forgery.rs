//! Mails that must not send a text, each with its twin that must: the real parser, the real resolver
//! and verifier against DNS on loopback, the real decision.
//!
//! A forger here has what forgers have: a server, a domain and keys of his own, any header, any
//! envelope, and mails the victim once signed. What he has not is the victim's servers, DNS and keys.
#![expect(
    clippy::unwrap_used,
    reason = "an integration test: a panic is its failure"
)]

mod scene;

use scene::{Scene, World, cyrillic};

/// A forged mail and its honest twin.
struct Pair {
    name: &'static str,
    forged: Scene,
    twin: Scene,
}

fn pair(name: &'static str, forged: Scene, twin: Scene) -> Pair {
    Pair { name, forged, twin }
}

/// From the forger's server with his own envelope: SPF passes, for his domain.
fn forger() -> Scene {
    Scene::from_forger()
}

/// From the victim's server.
fn honest() -> Scene {
    Scene::honest()
}

/// Signed by the victim, passed on by a forger.
fn replayed() -> Scene {
    Scene::from_forger().signed()
}

/// Signed by the victim and forwarded by somebody to whom it was not sent from the victim's server.
fn signed() -> Scene {
    Scene::from_forger().signed()
}

#[rustfmt::skip]
fn names() -> Vec<Pair> {
    vec![
        pair("the address as display name", forger().from(r#""ann@example.com" <mallory@attacker.test>"#), honest().from(r#""mallory@attacker.test" <ann@example.com>"#)),
        pair("the address as unquoted display name", honest().from("ann@example.com <mallory@attacker.test>"), honest().from("Ann <ann@example.com>")),
        pair("the address as encoded display name", forger().from("=?utf-8?q?ann=40example.com?= <mallory@attacker.test>"), honest().from("=?utf-8?q?Ann?= <ann@example.com>")),
        pair("the address as display name alone", honest().from(r#""ann@example.com""#), honest().from("ann@example.com")),
        pair("the address as comment", forger().from("mallory@attacker.test (ann@example.com)"), honest().from("ann@example.com (Ann)")),
        pair("the address as encoded word", honest().from("=?utf-8?q?ann=40example.com?="), honest().from("=?utf-8?q?Ann?= <ann@example.com>")),
        pair("two pairs of brackets, victim first", honest().from("<ann@example.com> <mallory@attacker.test>"), honest().from("<ann@example.com>")),
        pair("two pairs of brackets, victim last", honest().from("<mallory@attacker.test> <ann@example.com>"), honest().from("Ann <ann@example.com>")),
        pair("the address after the brackets", honest().from("<mallory@attacker.test> ann@example.com"), honest().from("<ann@example.com>")),
        pair("the address as quoted local part", forger().from(r#""ann@example.com"@attacker.test"#), honest().from(r#""ann"@example.com"#)),
        pair("two at signs", honest().from("ann@example.com@attacker.test"), honest().from("ann@example.com")),
        pair("a NUL in the address", honest().from("ann@example.com\0@attacker.test"), honest().from("ann@example.com")),
        pair("a direction mark in the address", honest().from("ann\u{202e}@example.com"), honest().from("Ann\u{e9} <ann@example.com>")),
        pair("a zero-width space in the domain", honest().from("ann@exam\u{200b}ple.com"), honest().from("ann@example.com")),
        pair("a domain literal", honest().from("ann@[192.0.2.7]"), honest().from("ann@example.com")),
    ]
}

#[rustfmt::skip]
fn fields() -> Vec<Pair> {
    vec![
        pair("a second From, victim first", honest().below("From: mallory@attacker.test"), honest()),
        pair("a second From, victim last", honest().above("From: mallory@attacker.test"), honest()),
        pair("a second From in other case", honest().above("fRoM: mallory@attacker.test"), honest().field("fRoM: ann@example.com")),
        pair("a second From with a space before the colon", honest().above("From : mallory@attacker.test"), honest()),
        pair("a second From after a bare LF", honest().above("X-Note: a\nFrom: mallory@attacker.test"), honest().above("X-Note: a")),
        pair("a second From after a bare CR", honest().above("X-Note: a\rFrom: mallory@attacker.test"), honest().above("X-Note: a")),
        pair("two addresses, victim first", honest().from("ann@example.com, mallory@attacker.test"), honest().from("ann@example.com")),
        pair("two addresses, victim last", honest().from("mallory@attacker.test, ann@example.com"), honest().from("ann@example.com")),
        pair("two authors and a Sender", honest().from("ann@example.com, bob@example.com").below("Sender: ann@example.com"), honest().below("Sender: ann@example.com")),
        pair("two Sender fields", honest().below("Sender: ann@example.com\r\nSender: mallory@attacker.test"), honest().below("Sender: ann@example.com")),
        pair("the victim as Sender alone", forger().below("Sender: ann@example.com").from("mallory@attacker.test"), honest().below("Sender: secretary@example.com")),
        pair("the victim as Reply-To alone", forger().below("Reply-To: ann@example.com").from("mallory@attacker.test"), honest().below("Reply-To: other@example.com")),
        pair("the victim as Resent-From alone", forger().below("Resent-From: ann@example.com").from("mallory@attacker.test"), honest().below("Resent-From: ann@example.com")),
        pair("no From at all", honest().field("X-From: ann@example.com"), honest()),
        pair("an empty From", honest().from(""), honest()),
        pair("a group", honest().from("Staff: ann@example.com;"), honest().from("Staff <ann@example.com>")),
        pair("an empty group", honest().from("undisclosed:;"), honest()),
        pair("a source route", honest().from("<@relay.example:ann@example.com>"), honest().from("<ann@example.com>")),
    ]
}

#[rustfmt::skip]
fn domains() -> Vec<Pair> {
    vec![
        pair("a Cyrillic look-alike", forger().from(cyrillic()), honest()),
        pair("a domain that begins as the victim's", forger().from("ann@example.com.attacker.test"), honest()),
        pair("a domain that ends as the victim's", forger().from("ann@notexample.com"), honest()),
        pair("a look-alike digit", forger().from("ann@examp1e.com"), honest()),
        pair("another top-level domain", forger().from("ann@example.test"), honest()),
        pair("the victim's domain with a final dot", forger().from("ann@example.com."), honest()),
        pair("the victim's domain in full-width letters", forger().from("ann@\u{ff45}xample.com"), honest()),
        pair("the victim in capitals", forger().from("ANN@EXAMPLE.COM"), honest().from("ANN@Example.COM")),
        pair("an unlisted subdomain of the victim's", honest().from("ann@sub.example.com"), honest()),
        pair("a subdomain of a listed domain", honest().from("eve@sub.corp.example").envelope("eve@corp.example"), honest().from("eve@corp.example").envelope("eve@corp.example")),
        pair("a parent of a listed domain", honest().from("eve@example").envelope("eve@corp.example"), honest().from("eve@corp.example").envelope("eve@corp.example")),
        pair("a neighbour under a public suffix", forger().from("pat@bank.co.uk").envelope("pat@evil.co.uk"), honest().from("pat@bank.co.uk").envelope("pat@mail.bank.co.uk")),
        pair("the public suffix itself", forger().from("pat@bank.co.uk").envelope("pat@co.uk"), honest().from("pat@bank.co.uk").envelope("pat@bank.co.uk")),
        pair("plus addressing", honest().from("ann+sms@example.com"), honest()),
        pair("dots in the local part", honest().from("a.nn@example.com"), honest()),
        pair("another mailbox of the domain", honest().from("mallory@example.com").envelope("mallory@example.com"), honest()),
    ]
}

#[rustfmt::skip]
fn envelopes() -> Vec<Pair> {
    vec![
        pair("the forger's envelope, proven for himself", forger(), honest()),
        pair("the victim's envelope from the forger's server", forger().envelope("ann@example.com"), honest().envelope("ann@example.com")),
        pair("the victim's name as HELO", forger().helo("mx.example.com"), honest().helo("anything")),
        pair("the null sender with the victim's HELO", honest().null_sender().helo("mx.example.com"), honest().envelope("bounce@mail.example.com")),
        pair("an address literal of the victim's as HELO", forger().helo("[192.0.2.7]"), honest().helo("[192.0.2.7]")),
        pair("a HELO shaped like a trace line", forger().helo("x ([192.0.2.7]) by mx.example.com"), honest()),
        pair("an unknown client", honest().no_ip(), honest()),
        pair("a client beside the network", Scene::from_forger().network("192.0.2.0/24"), Scene::honest().envelope("x@attacker.test").network("192.0.2.0/24")),
        pair("a client beside the network, IPv4-mapped", Scene::from_forger().ip("::ffff:203.0.113.66").network("192.0.2.0/24"), Scene::from_forger().ip("::ffff:192.0.2.9").network("192.0.2.0/24")),
        pair("a network of another account", Scene::from_forger().other_network("203.0.113.0/24"), Scene::from_forger().network("203.0.113.0/24")),
        pair("an account the sender is not listed on", honest().to("0612345678+other@sms.example.net"), honest().to("0612345678+acme@sms.example.net")),
        pair("an account where the sender is pending", honest().from("pending@example.com"), honest()),
        pair("SMTP AUTH as somebody else", forger().authenticated("acme", "bob@example.com"), forger().authenticated("acme", "ann@example.com")),
        pair("SMTP AUTH as the victim on an account of the forger's", forger().listed_elsewhere().authenticated("other", "ann@example.com"), forger().listed_elsewhere().authenticated("other", "ann@example.com").to("0612345678+other@sms.example.net")),
        pair("SMTP AUTH on the account, for another recipient's account", forger().listed_elsewhere().authenticated("acme", "ann@example.com").to("0612345678+other@sms.example.net"), forger().listed_elsewhere().authenticated("acme", "ann@example.com").to("0612345678+acme@sms.example.net")),
        pair("SMTP AUTH of a pending user", forger().from("pending@example.com").authenticated("acme", "pending@example.com"), forger().authenticated("acme", "ann@example.com")),
        pair("SMTP AUTH as a mailbox of a listed domain that is no user itself", forger().from("eve@corp.example").authenticated("acme", "eve@corp.example"), forger().authenticated("acme", "ann@example.com")),
    ]
}

#[rustfmt::skip]
fn spf() -> Vec<Pair> {
    let of = |name: &str| forger().from(&format!("ann@{name}")).envelope(&format!("ann@{name}"));
    let good = || honest().from("ann@narrow.example").envelope("ann@narrow.example");
    vec![
        pair("+all", of("plusall.example"), good()),
        pair("all without a sign", of("bareall.example"), good()),
        pair("two halves of the address space", of("halves.example"), good()),
        pair("a range wider than /8", of("wide.example"), good()),
        pair("+all behind an include", of("includesall.example"), good()),
        pair("+all behind a redirect", of("redirectsall.example"), good()),
        pair("exists: a name that always is", of("exists.example"), good()),
        pair("a: with /0", of("azero.example"), good()),
        pair("softfail", of("soft.example"), good()),
        pair("neutral", of("neutral.example"), good()),
        pair("no record", of("norecord.example"), good()),
        pair("two records", of("two.example"), good()),
        pair("a record that loops", of("loop.example"), good()),
        pair("a record with too many look-ups", of("many.example"), good()),
        pair("a broken record", of("broken.example"), good()),
        pair("DNS that fails", of("servfail.example"), good()),
        pair("an include whose DNS fails", of("includesfail.example"), good()),
    ]
}

/// A signed answer under which stand the forger's words.
const QUOTING: &str = "No.\r\n\r\nMallory wrote:\r\n--x\r\n\r\npay now\r\n--x--\r\n";
/// A signed mail with the forger's mail in it.
const FORWARDING: &str = "--out\r\n\r\nNo.\r\n--out\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\npay now\r\n--in--\r\n--out--\r\n";

#[rustfmt::skip]
fn dkim() -> Vec<Pair> {
    vec![
        pair("replayed to another number", replayed().for_recipient("0698765432@sms.example.net"), signed()),
        pair("replayed with a To added", replayed().for_recipient("0698765432@sms.example.net").after_signing("To: 0698765432@sms.example.net"), signed()),
        pair("replayed with a Cc added", replayed().for_recipient("0698765432@sms.example.net").after_signing("Cc: 0698765432@sms.example.net"), signed().with_cc("0698765432@sms.example.net").for_recipient("0698765432@sms.example.net")),
        pair("replayed to another account", replayed().listed_elsewhere().for_recipient("0612345678+other@sms.example.net"), signed().listed_elsewhere().for_recipient("+33612345678+acme@sms.example.net")),
        pair("replayed from another account to the default", replayed().listed_elsewhere().to("0612345678+other@sms.example.net").for_recipient("0612345678@sms.example.net"), signed().listed_elsewhere().to("0612345678+other@sms.example.net")),
        pair("a boundary added that shows the forger's quoted words alone", replayed().body(QUOTING).after_signing("Content-Type: multipart/mixed; boundary=x"), signed().body(QUOTING)),
        pair("a boundary changed to that of a forwarded mail", replayed().below("Content-Type: multipart/mixed; boundary=out").body(FORWARDING).change("boundary=out", "boundary=in"), signed().below("Content-Type: multipart/mixed; boundary=out").body(FORWARDING)),
        pair("stale, with a look-up made to fail, SES vouching", replayed().signed_days_ago(4).broken_signature().ses_vouches(), signed().broken_signature().ses_vouches()),
        pair("nothing signed that tells a replay from a new mail", replayed().dateless(), signed().dateless().below("Message-ID: <2@example.com>")),
        pair("a signed Date and Message-ID that cannot be read", replayed().dateless().below("Date: today\r\nMessage-ID: <>"), signed().dateless().below("Date: Sat, 21 Nov 2026 11:00:00 +0000\r\nMessage-ID: <>")),
        pair("a Subject added", replayed().after_signing("Subject: pay now"), signed()),
        pair("a Date added to look fresh", replayed().signed_days_ago(10).no_t().after_signing("Date: Sat, 21 Nov 2026 11:00:00 +0000"), signed().no_t()),
        pair("a Message-ID added to look new", replayed().after_signing("Message-ID: <new@example.com>"), signed()),
        pair("a From added", replayed().after_signing("From: ann@example.com"), signed()),
        pair("words appended after l=", replayed().length(7).append("pay now"), signed().append("")),
        pair("l= over the whole body", replayed().length(1_000_000), signed()),
        pair("l= over exactly the body", replayed().length(7), signed()),
        pair("stale", replayed().signed_days_ago(4), signed().signed_days_ago(2)),
        pair("stale, without t=", replayed().signed_days_ago(4).no_t(), signed().signed_days_ago(2).no_t()),
        pair("from the future", replayed().signed_days_ago(-2), signed()),
        pair("expired", replayed().expired(), signed()),
        pair("the forger's own domain", forger().signed_by_forger("attacker.test"), signed()),
        pair("the victim's domain with the forger's key", forger().signed_by_forger("example.com"), signed()),
        pair("the top-level domain", forger().signed_by_forger("com"), signed()),
        pair("d= the forger's, i= the victim's", forger().signed_by_forger("attacker.test").identity("@example.com"), signed().identity("@mail.example.com")),
        pair("From unsigned", replayed().unsigned("from"), signed()),
        pair("To unsigned", replayed().unsigned("to"), signed()),
        pair("Subject unsigned", replayed().unsigned("subject"), signed()),
        pair("Date unsigned", replayed().unsigned("date"), signed()),
        pair("Message-ID unsigned", replayed().unsigned("message-id"), signed()),
        pair("the body changed", replayed().append("pay now"), signed().append("")),
        pair("the Subject changed", replayed().change("Subject: hello", "Subject: pay now"), signed()),
        pair("rsa-sha1", replayed().algorithm("rsa-sha1"), signed()),
        pair("a revoked key", replayed().selector("revoked"), signed()),
        pair("a key for sha1 only", replayed().selector("sha1"), signed()),
        pair("a key not for mail", replayed().selector("web"), signed()),
        pair("a key in test mode", replayed().selector("testing"), signed()),
        pair("a key that is not there", replayed().selector("nowhere"), signed()),
        pair("two keys under one name", replayed().selector("double"), signed()),
        pair("a key whose DNS fails", replayed().selector("servfail"), signed()),
    ]
}

#[rustfmt::skip]
fn headers() -> Vec<Pair> {
    vec![
        pair("a Received of the victim's server", forger().above("Received: from mx.example.com ([192.0.2.7]) by sms.example.net with ESMTP; Sat, 21 Nov 2026 11:00:00 +0000"), honest().above("Received: from laptop ([10.0.0.2]) by mx.example.com with ESMTP; Sat, 21 Nov 2026 11:00:00 +0000")),
        pair("a Received in the network", forger().network("192.0.2.0/24").above("Received: from mx.example.com ([192.0.2.7]) by sms.example.net with ESMTP; Sat, 21 Nov 2026 11:00:00 +0000"), honest().network("192.0.2.0/24")),
        pair("Received-SPF: pass", forger().above("Received-SPF: pass client-ip=192.0.2.7; envelope-from=ann@example.com"), honest().above("Received-SPF: fail client-ip=203.0.113.66")),
        pair("Authentication-Results", forger().above("Authentication-Results: sms.example.net; spf=pass smtp.mailfrom=example.com; dkim=pass header.d=example.com; dmarc=pass header.from=example.com"), honest().above("Authentication-Results: sms.example.net; spf=fail; dkim=fail; dmarc=fail")),
        pair("ARC headers", forger().above("ARC-Authentication-Results: i=1; example.com; dmarc=pass header.from=example.com\r\nARC-Seal: i=1; a=rsa-sha256; cv=none; d=example.com; s=s1; b=AAAA"), honest().above("ARC-Authentication-Results: i=1; example.com; dmarc=fail")),
        pair("SES's verdicts", forger().above("X-SES-Spam-Verdict: PASS\r\nX-SES-Virus-Verdict: PASS\r\nX-SES-RECEIPT: AEFB"), honest().above("X-SES-Spam-Verdict: FAIL")),
        pair("SES's trace line", forger().network("192.0.2.0/24").above("Received: from x (x [192.0.2.7])\r\n by inbound-smtp.eu-west-1.amazonaws.com with SMTP id abc\r\n for 0612345678@sms.example.net;\r\n Sat, 21 Nov 2026 11:00:00 +0000 (UTC)"), honest()),
        pair("Return-Path", forger().above("Return-Path: <ann@example.com>"), honest().above("Return-Path: <x@attacker.test>")),
        pair("XCLIENT-like headers", forger().above("X-Originating-IP: [192.0.2.7]\r\nX-Forwarded-For: 192.0.2.7"), honest().above("X-Originating-IP: [203.0.113.66]")),
        pair("a DKIM-Signature of words", forger().above("DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; h=from:to:subject:date:message-id; bh=AAAA; b=AAAA; dkim=pass"), honest().above("DKIM-Signature: rubbish")),
    ]
}

#[tokio::test]
async fn forged_mails_send_nothing_and_their_twins_do() {
    let world = World::start().await;
    let pairs: Vec<Pair> = [
        names(),
        fields(),
        domains(),
        envelopes(),
        spf(),
        dkim(),
        headers(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(pairs.len() >= 60, "the set has {} pairs", pairs.len());
    let mut faults = Vec::new();
    for pair in &pairs {
        let forged = world.judge(&pair.forged).await;
        if forged.rows > 0 || forged.code == "accepted" {
            faults.push(format!("FORGED AND SENT: {} ({})", pair.name, forged.why));
        }
        let twin = world.judge(&pair.twin).await;
        if twin.rows == 0 {
            faults.push(format!(
                "honest and refused: {}: {} ({})",
                pair.name, twin.code, twin.why
            ));
        }
    }
    println!(
        "forgery set: {} pairs, {} faults",
        pairs.len(),
        faults.len()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Behind each refusal stands the reason it ought to have, not an accident of the scene.
#[tokio::test]
async fn forgeries_are_refused_for_their_own_reason() {
    let world = World::start().await;
    let allowed: &[(&str, Vec<Pair>)] = &[
        ("ambiguous-sender|unknown-sender", names()),
        ("ambiguous-sender|unknown-sender", fields()),
        ("unknown-sender|not-verified|ambiguous-sender", domains()),
        (
            "not-verified|automatic|unknown-sender|not-accepted-yet",
            envelopes(),
        ),
        ("not-verified|try-again", spf()),
        ("not-verified|ambiguous-sender|try-again", dkim()),
        ("not-verified", headers()),
    ];
    for (codes, pairs) in allowed {
        for pair in pairs {
            let forged = world.judge(&pair.forged).await;
            assert!(
                codes.split('|').any(|c| c == forged.code),
                "{}: {} ({})",
                pair.name,
                forged.code,
                forged.why
            );
        }
    }
}

/// Whoever holds a signed mail can write blanks into its fields that a relaxed signature does not see: it stays one message.
#[tokio::test]
async fn blanks_in_signed_fields_make_no_second_message() {
    let world = World::start().await;
    let first = world.judge(&signed()).await.ids;
    assert_eq!(first.len(), 1);
    for (field, blanks) in [
        ("Message-ID:", 1),
        ("Message-ID:", 20_000),
        ("Date:", 300),
        ("Date: Sat, 21 Nov 2026", 300),
        ("Subject:", 20_000),
    ] {
        let folded = format!("{field}{}", "\r\n \t  ".repeat(blanks));
        let again = world.judge(&replayed().change(field, &folded)).await;
        let same = again.ids == first || again.ids.is_empty();
        assert!(same, "{field}, {blanks} folds: sent again");
    }
    let both = replayed().change("Message-ID:", &format!("Message-ID:{}", " ".repeat(20_000)));
    let both = world.judge(&both).await;
    assert_eq!(both.ids, first, "{}", both.why);
}
