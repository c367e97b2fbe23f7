//! Shapes made to hurt: everything ends, quickly, with an answer.

use std::time::{Duration, Instant};

use postel_mail::{FromField, Mail, Unreadable, html_to_text, parse, unflow};

use crate::corpus;

/// Generous: a debug build on a busy machine. What is quadratic takes minutes.
const LIMIT: Duration = Duration::from_secs(30);

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let took = start.elapsed();
    println!("{what}: {took:?}");
    assert!(took < LIMIT, "{what} took {took:?}");
    result
}

fn mail(what: &str, raw: &[u8]) -> Mail {
    timed(what, || parse(raw))
}

#[test]
fn nested_multiparts() {
    let mut raw = b"From: a@b.example\r\n".to_vec();
    for level in 0..200 {
        raw.extend(
            format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
                .bytes(),
        );
    }
    raw.extend_from_slice(b"\r\ntext");
    assert_eq!(
        mail("200 levels", &raw).unreadable,
        Some(Unreadable::TooDeep)
    );
}

#[test]
fn many_parts() {
    let mut raw =
        b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    for _ in 0..10_000 {
        raw.extend_from_slice(b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n");
    }
    assert_eq!(
        mail("10,000 parts", &raw).unreadable,
        Some(Unreadable::TooManyParts)
    );
}

#[test]
fn long_headers() {
    for (what, filler) in [
        ("1 MB in one line", "x"),
        ("1 MB of folds", "\r\n "),
        ("1 MB of fields", "\r\nX: y"),
        ("1 MB of brackets", "("),
    ] {
        let raw = format!(
            "From: a@b.example\r\nSubject: {}\r\n\r\nbody",
            filler.repeat(1_000_000 / filler.len())
        );
        let mail = mail(what, raw.as_bytes());
        assert_eq!(mail.unreadable, Some(Unreadable::HeaderTooLong), "{what}");
        assert!(matches!(mail.from, FromField::Ambiguous(_)), "{what}");
    }
}

#[test]
fn long_values_within_the_header_limit() {
    for (what, name, unit) in [
        ("encoded words", "Subject", "=?utf-8?q?x?= "),
        ("broken encoded words", "Subject", "=?utf-8?q?"),
        ("addresses", "To", "a@b.example, "),
        ("comments", "To", "(("),
        ("ids", "References", "<a@b> "),
        ("open ids", "References", "<"),
        ("parameters", "Content-Type", "text/plain; a=b"),
        ("quotes", "Content-Type", "text/plain; a=\"\\"),
        ("groups", "From", "a:"),
        ("angles", "From", "<"),
    ] {
        let raw = format!(
            "X: y\r\n{name}: {}\r\n\r\nbody",
            unit.repeat(200_000 / unit.len())
        );
        let _: Mail = mail(what, raw.as_bytes());
    }
}

#[test]
fn large_bodies() {
    let types = [
        "text/plain; format=flowed",
        "text/html",
        "multipart/mixed; boundary=b",
    ];
    let encodings = ["7bit", "base64", "quoted-printable"];
    for media in types {
        for encoding in encodings {
            for unit in [
                "\r\n", ">", "=", "--b\r\n", "a \r\n", "<b>", "&", "<a b", "\0", "\r", "&amp;x ",
            ] {
                let body = unit.repeat(200_000 / unit.len());
                let raw = format!(
                    "From: a@b.example\r\nContent-Type: {media}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}"
                );
                let mail = mail(&format!("{media} {encoding} {unit:?}"), raw.as_bytes());
                assert!(mail.body.text.len() <= 520 * 1024);
            }
        }
    }
}

#[test]
fn hostile_html() {
    let attributes: String = (0..50_000).map(|n| format!(" a{n}=b")).collect();
    for (what, html) in [
        ("open divs", "<div>".repeat(50_000)),
        ("open quotes", "<blockquote>x".repeat(30_000)),
        ("ends only", "</div></p>".repeat(30_000)),
        (
            "divs and wrong ends",
            "<div>".repeat(1_000) + &"<i></b>".repeat(30_000),
        ),
        ("lists", "<ul><li>x".repeat(30_000)),
        ("tables", "<table><tr><td>x".repeat(30_000)),
        ("attributes", format!("<p{attributes}>x</p>")),
        ("attributes in an open tag", format!("<p{attributes}")),
        (
            "many long tags",
            format!("<p {}>x", "a b c d e f g h ".repeat(400)).repeat(60),
        ),
        ("comment", format!("<!--{}", "-".repeat(500_000))),
        ("script", format!("<script>{}", "</scrip".repeat(50_000))),
        ("entities", "&notanentity".repeat(40_000)),
        (
            "tags in a tag",
            format!("{}>", "<a ".repeat(2_000)).repeat(60),
        ),
        ("less-thans", "<".repeat(500_000)),
    ] {
        let text = timed(what, || html_to_text(&html));
        assert!(text.len() <= 520 * 1024, "{what}: {}", text.len());
    }
}

#[test]
fn flowed_quotes() {
    let text = ">".repeat(1_000_000);
    assert!(timed("quote marks", || unflow(&text, true)).len() <= text.len() + 2);
}

#[test]
fn odd_bytes() {
    for raw in [
        &b""[..],
        b"\0",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b":",
        b": x\r\n",
        b"From",
        b"\xff\xfe\0\0",
        b" \r\n\r\n",
    ] {
        let mail = parse(raw);
        assert!(matches!(mail.from, FromField::Ambiguous(_)), "{raw:?}");
        assert!(mail.body_offset <= raw.len());
    }
    for byte in 0..=255_u8 {
        for template in [
            &b"From: a@b.example\r\n?Subject: x\r\n\r\nbody"[..],
            b"From: a?@b.example\r\n\r\nbody",
            b"From: a@b.example\r\n\r\n?",
        ] {
            let raw: Vec<u8> = template
                .iter()
                .map(|b| if *b == b'?' { byte } else { *b })
                .collect();
            let _: Mail = parse(&raw);
        }
    }
}

/// Every file of the corpus, whole, cut at many places and with bytes changed: an answer each time.
#[test]
fn every_file_of_the_corpus_whole_and_damaged() {
    let start = Instant::now();
    let Some(folder) = corpus("mime") else { return };
    let mut waiting = vec![folder];
    let mut read = 0;
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let raw = std::fs::read(&path).unwrap();
        let _: Mail = parse(&raw);
        read += 1;
        for step in 1..20 {
            let cut = raw.len() * step / 20;
            let _: Mail = parse(&raw[..cut.min(20_000)]);
            let mut changed = raw[..raw.len().min(20_000)].to_vec();
            for (i, b) in changed.iter_mut().enumerate() {
                if i % 97 == step {
                    *b = b.wrapping_mul(31).wrapping_add(u8::try_from(step).unwrap());
                }
            }
            let _: Mail = parse(&changed);
        }
    }
    assert!(read > 100, "only {read} files");
    assert!(start.elapsed() < LIMIT * 4, "{:?}", start.elapsed());
    println!("hostile: {read} files read");
}
