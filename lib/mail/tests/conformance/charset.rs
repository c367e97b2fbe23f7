//! 41 charsets in three transfer encodings, plain and HTML: text and subject.

use crate::{cases, corpus, squeeze};

/// Cases that are answered differently, and why.
const MISSES: &[(&str, &str)] = &[(
    "cs-223",
    "the mail itself is broken: its line end was put between the two bytes of a UTF-16 character; none of the three \
     recorded parsers reads it (votes: 0). All of the sentence is read, with a stray character after it.",
)];

#[test]
fn charsets() {
    let Some(folder) = corpus("charset") else {
        return;
    };
    let cases = cases(&folder.join("cases.jsonl"));
    let mut missed = Vec::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let raw = base64(case["eml_base64"].as_str().unwrap());
        let mail = postel_mail::parse(&raw);
        let text = squeeze(case["text"].as_str().unwrap());
        let subject = case["subject"].as_str().unwrap();
        if squeeze(&mail.body.text) != text || mail.subject.as_deref() != Some(subject) {
            println!(
                "{id} {}: {:?} {:?} for {text:?}",
                case["charset_label"], mail.body.text, mail.subject
            );
            missed.push(id.to_owned());
        }
    }
    println!(
        "conformance charset: {} of {}",
        cases.len() - missed.len(),
        cases.len()
    );
    let known: Vec<&str> = MISSES.iter().map(|(id, _)| *id).collect();
    assert_eq!(missed, known, "misses are listed with their reasons");
}

fn base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for c in text.bytes() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let Some(value) = alphabet.iter().position(|a| *a == c) else {
            continue;
        };
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff).try_into().unwrap());
        }
    }
    bytes
}
