//! Mails of ten parsers' own test suites: our text against what at least two of three parsers read.
//!
//! Compared with every run of white space as one blank, as the answers were recorded. Judged are the cases whose
//! agreed text is not empty: where it is empty the mail has HTML only (and we give its text) or nothing at all.

use postel_mail::{FromFault, FromField};

use crate::{cases, corpus, squeeze};

/// Cases that are answered differently, and why.
const MISSES: &[(&str, &str)] = &[
    (
        "mail-parser/malformed__005.eml",
        "hostile: the outer boundary `a--` and the inner `a----` make one line both; the outer one wins (RFC 2046 5.1.2), \
         two of the parsers prefer the inner",
    ),
    (
        "mail-parser/malformed__012.eml",
        "three attached messages and no text: what is inside attached messages is not sent (DESIGN 4.4)",
    ),
    (
        "php-mime-mail-parser/issue126",
        "two Content-Type fields: the last counts, because that is the one a DKIM signature covers (RFC 6376 5.4.2); \
         a copy put on top of a signed mail must not change what it says",
    ),
];

/// Cases that no parser could read when the answers were recorded: 8-bit letters in a wrong or missing charset became
/// U+FFFD in the agreeing answers and `?` in the agreed one. We read the letters (Windows-1252), so they are not judged.
const UNREAD: &[&str] = &[
    "mail-parser/legacy__033.eml",
    "mail-parser/legacy__052.eml",
    "php-mime-mail-parser/m0019",
    "php-mime-mail-parser/m0023",
    "enmime/parts__chardet-success-iso-8859-1.raw",
];

#[test]
fn mime() {
    let Some(folder) = corpus("mime") else { return };
    let (mut judged, mut unread) = (0, 0);
    let mut missed = Vec::new();
    for case in cases(&folder.join("oracle.jsonl")) {
        let id = case["id"].as_str().unwrap().to_owned();
        let raw = std::fs::read(folder.join(case["path"].as_str().unwrap())).unwrap();
        let mail = postel_mail::parse(&raw);
        let Some(text) = case["consensus"]["text"]["value"].as_str() else {
            continue;
        };
        if text.is_empty() {
            continue;
        }
        let got = squeeze(&mail.body.text);
        if UNREAD.contains(&id.as_str()) {
            unread += 1;
            // The evidence: put what they put where they failed, and the texts are the same.
            assert!(text.contains('?') && !got.contains('\u{fffd}'), "{id}");
            assert_eq!(got.replace(|c: char| !c.is_ascii(), "?"), text, "{id}");
            continue;
        }
        judged += 1;
        if got != text {
            let same = got
                .chars()
                .zip(text.chars())
                .take_while(|(a, b)| a == b)
                .count();
            let cut = |t: &str| {
                t.chars()
                    .skip(same.saturating_sub(20))
                    .take(160)
                    .collect::<String>()
            };
            println!(
                "{id} {:?} {:?}\n  got    {:?}\n  wanted {:?}",
                mail.body.origin,
                mail.unreadable,
                cut(&got),
                cut(text)
            );
            missed.push(id);
        }
    }
    assert!(judged > 0, "no case has an agreed text");
    println!(
        "conformance mime: {} of {judged}, and {unread} that the recorded parsers could not read",
        judged - missed.len()
    );
    assert_eq!(unread, UNREAD.len());
    let known: Vec<&str> = MISSES.iter().map(|(id, _)| *id).collect();
    assert_eq!(missed, known, "misses are listed with their reasons");
    assert!((judged - missed.len()) * 100 >= judged * 97);
}

/// Fields that others read and we call ambiguous, each for its reason.
const STRICT: &[(&str, FromFault)] = &[
    // Addresses side by side without a comma, two fields, and a header section that begins with a blank.
    (
        "mimekit-messages/mbox__jwz-summary.txt",
        FromFault::NoAddress,
    ),
    ("php-mime-mail-parser/m0016", FromFault::SeveralFields),
    (
        "enmime/low-quality__bad-header-start.raw",
        FromFault::Missing,
    ),
    (
        "enmime/mail__malformed-multiple-address-header-values.raw",
        FromFault::SeveralAddresses,
    ),
    (
        "enmime/mail__qp-utf8-header-recursed.raw",
        FromFault::SeveralAddresses,
    ),
];

#[test]
fn senders_are_the_agreed_ones_or_ambiguous_for_a_known_reason() {
    let Some(folder) = corpus("mime") else { return };
    let (mut judged, mut strict) = (0, Vec::new());
    for case in cases(&folder.join("oracle.jsonl")) {
        let id = case["id"].as_str().unwrap().to_owned();
        let raw = std::fs::read(folder.join(case["path"].as_str().unwrap())).unwrap();
        let Some(wanted) = case["consensus"]["from"]["value"]
            .as_str()
            .filter(|from| !from.is_empty())
        else {
            continue;
        };
        judged += 1;
        match postel_mail::parse(&raw).from {
            FromField::One(spec) => assert_eq!(
                spec.to_string().to_lowercase(),
                wanted.to_lowercase(),
                "{id}"
            ),
            FromField::Ambiguous(fault) => strict.push((id, fault)),
        }
    }
    println!(
        "conformance mime senders: {} of {judged}, the rest ambiguous",
        judged - strict.len()
    );
    let known: Vec<(String, FromFault)> = STRICT
        .iter()
        .map(|(id, fault)| ((*id).to_owned(), *fault))
        .collect();
    assert_eq!(strict, known);
}

/// Subjects that no recorded parser could read (`?` or a mangled U+FFFD in the agreed one); we read the letters.
#[test]
fn subjects() {
    let Some(folder) = corpus("mime") else { return };
    let (mut judged, mut unread) = (0, 0);
    for case in cases(&folder.join("oracle.jsonl")) {
        let raw = std::fs::read(folder.join(case["path"].as_str().unwrap())).unwrap();
        let mail = postel_mail::parse(&raw);
        let Some(wanted) = case["consensus"]["subject"]["value"].as_str() else {
            continue;
        };
        let got = squeeze(mail.subject.as_deref().unwrap_or_default());
        if got != wanted && got.starts_with("Die Hasen und die Frösche") {
            unread += 1;
            continue;
        }
        judged += 1;
        assert_eq!(got, wanted, "{}", case["id"]);
    }
    assert!(judged > 0);
    println!(
        "conformance mime subjects: {judged} of {judged}, and {unread} that the recorded parsers could not read"
    );
}
