//! Encoding and parts against answers nobody here wrote (`sms/` of the conformance data).
#![expect(clippy::expect_used, reason = "a test says what failed by failing")]

mod corpus;

use postel_core::text::{self, Encoding, EncodingPreference};
use serde_json::Value;

fn u32_of(value: &Value) -> u32 {
    value
        .as_u64()
        .and_then(|n| u32::try_from(n).ok())
        .expect("a count")
}

#[test]
fn vectors_three_tools_agree_on() {
    let Some(folder) = corpus::folder("sms") else {
        return;
    };
    let lines = std::fs::read_to_string(folder.join("vectors.jsonl")).unwrap();
    let (mut cases, mut misses) = (0, Vec::new());
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let written = case["text"].as_str().unwrap();
        let got = text::measure(written);
        let parts: Option<Vec<u32>> = case["parts"]
            .as_array()
            .map(|p| p.iter().map(u32_of).collect());
        let right = got.text == written
            && got.encoding.to_string() == case["encoding"]
            && got.parts == u32_of(&case["segments"])
            && got.units == u32_of(&case["units"])
            && parts.is_none_or(|parts| parts == got.part_units)
            && got.forcing.is_empty() == (got.encoding == Encoding::Gsm7)
            && text::compose(written, EncodingPreference::Plain, None) == Ok(got);
        cases += 1;
        if !right {
            misses.push(case["id"].as_str().unwrap().to_owned());
        }
    }
    println!(
        "conformance sms vectors: {} of {cases}",
        cases - misses.len()
    );
    assert!(cases >= 1251, "{cases} cases");
    assert!(misses.is_empty(), "{misses:?}");
}

#[test]
fn texts_where_dividing_the_length_goes_wrong() {
    let Some(folder) = corpus::folder("sms") else {
        return;
    };
    let rows =
        corpus::csv_rows(&std::fs::read_to_string(folder.join("naive_disagreements.csv")).unwrap());
    for row in &rows[1..] {
        let written: String = serde_json::from_str(&row[2]).unwrap();
        let got = text::measure(&written);
        let answer = (
            got.encoding.to_string(),
            got.parts.to_string(),
            got.units.to_string(),
        );
        assert_eq!(
            answer,
            (row[3].clone(), row[4].clone(), row[5].clone()),
            "{}",
            row[0]
        );
    }
    println!(
        "conformance sms naive disagreements: {0} of {0}",
        rows.len() - 1
    );
    assert!(rows.len() > 50);
}

/// The alphabet, from four tools; code points where they differ (only ESC, which is no
/// character but the escape itself) are not asked about. Every other code point is outside.
#[test]
fn the_alphabet_is_exactly_the_table() {
    let Some(folder) = corpus::folder("sms") else {
        return;
    };
    let rows =
        corpus::csv_rows(&std::fs::read_to_string(folder.join("gsm0338_table.csv")).unwrap());
    let mut septets = std::collections::BTreeMap::new();
    for row in &rows[1..] {
        let c = char::from_u32(u32::from_str_radix(&row[0], 16).unwrap()).unwrap();
        if row[2..6].iter().any(String::is_empty) {
            assert_eq!(c, '\u{1b}');
            continue;
        }
        septets.insert(c, u32::try_from(row[2].len() / 2).unwrap());
    }
    for c in '\0'..=char::MAX {
        let got = text::measure(c.encode_utf8(&mut [0; 4]));
        match septets.get(&c) {
            Some(n) => assert_eq!((got.encoding, got.units), (Encoding::Gsm7, *n), "{c:?}"),
            None => assert_eq!(got.encoding, Encoding::Ucs2, "{c:?}"),
        }
    }
    println!("conformance sms alphabet: {0} of {0}", septets.len());
    assert!(septets.len() >= 137);
}

#[test]
fn segments_of_a_vendors_calculator() {
    let Some(folder) = corpus::folder("sms") else {
        return;
    };
    let cases = std::fs::read_to_string(folder.join("twilio_segment_cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&cases).unwrap();
    for case in &cases {
        let got = text::measure(case["text"].as_str().unwrap());
        assert_eq!(got.encoding.to_string(), case["enc"], "{}", case["name"]);
        assert_eq!(got.parts, u32_of(&case["segs"]), "{}", case["name"]);
    }
    println!("conformance sms vendor segments: {0} of {0}", cases.len());
    assert!(!cases.is_empty());
}
