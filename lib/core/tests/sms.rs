//! Encoding and parts against answers nobody here wrote (`sms/` of the conformance data).
#![expect(clippy::expect_used, reason = "a test says what failed by failing")]

mod corpus;

use postel_core::text::{self, Encoding, EncodingPreference, OverLimit, PartLimit};
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

/// Whatever the text: parts are packed full and within bounds, nothing but the end is lost, and
/// what is announced is what is sent.
#[test]
fn no_text_breaks_a_promise() {
    let alphabet: Vec<char> =
        "ab ^€é’…–\u{a0}\u{200b}ê½œ😀👩\u{200d}\u{fe0f}🇫🇷\u{301}\r\n\t\0ж漢〝"
            .chars()
            .collect();
    let mut seed = 0x9e37_79b9_u32;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        usize::try_from(seed).unwrap() % below
    };
    for round in 0..4_000 {
        // Early characters of the alphabet more often, so that GSM-7 texts occur.
        let reach = 1 + next(alphabet.len());
        let length = next(400);
        let written: String = (0..length).map(|_| alphabet[next(reach)]).collect();
        let preference = [
            EncodingPreference::Smart,
            EncodingPreference::Plain,
            EncodingPreference::Ascii,
        ][next(3)];
        let max_parts = u32::try_from(1 + next(4)).unwrap();
        let whole = text::compose(&written, preference, None).unwrap();
        let limit = |over| Some(PartLimit { max_parts, over });
        let cut = text::compose(&written, preference, limit(OverLimit::Truncate)).unwrap();
        let refused = text::compose(&written, preference, limit(OverLimit::Refuse));
        assert_eq!(text::tidy(&text::tidy(&written)), text::tidy(&written));
        for sent in [&whole, &cut] {
            let counted = text::measure(&sent.text);
            assert_eq!(
                (sent.encoding, sent.parts, &sent.part_units),
                (counted.encoding, counted.parts, &counted.part_units)
            );
            let each = match (sent.encoding, sent.parts) {
                (Encoding::Gsm7, 1) => 160,
                (Encoding::Gsm7, _) => 153,
                (Encoding::Ucs2, 1) => 70,
                (Encoding::Ucs2, _) => 67,
            };
            assert!(sent.part_units.iter().all(|units| *units <= each));
            // Only an unsplit pair leaves a unit free.
            let full = sent
                .part_units
                .split_last()
                .map_or(&[][..], |(_, full)| full);
            assert!(full.iter().all(|units| units + 1 >= each));
            assert_eq!(sent.units, sent.part_units.iter().sum::<u32>());
        }
        assert_eq!(cut.truncated, whole.parts > max_parts, "round {round}");
        assert_eq!(cut.whole_parts, whole.parts);
        assert_eq!(refused.is_err(), cut.truncated);
        if cut.truncated {
            let kept = cut.text.strip_suffix("...").unwrap();
            assert!(cut.parts <= max_parts && kept == kept.trim_end());
            let same_alphabet = cut.encoding == whole.encoding;
            assert!(
                !same_alphabet || whole.text.starts_with(kept),
                "round {round}"
            );
        } else {
            assert_eq!(cut, whole);
        }
    }
}
