//! Body cutting and the text that is billed: nothing is lost, nothing is made up, what is counted is what is sent.
//!
//! Input: lines of options (`subject: …`, `sign: …`, `quote: FROM TO`, `signature: FROM TO`) up to a blank one, then the text.
//! Without a blank line all of it is text.

use postel_core::text::{
    Encoding, EncodingPreference, OverLimit, PartLimit, compose, measure, tidy,
};
use postel_mail::cut::{CutKind, CutOptions, Cutting, Mark, cut};

/// See the module.
pub fn holds(data: &[u8]) {
    let whole = String::from_utf8_lossy(data);
    let (head, text) = whole.split_once("\n\n").unwrap_or(("", &whole));
    let mut subject = None;
    let mut signatures = Vec::new();
    let mut marks = Vec::new();
    for line in head.lines() {
        match line.split_once(": ") {
            Some(("subject", value)) => subject = Some(value),
            Some(("sign", value)) => signatures.push(value),
            Some(("quote", lines)) => marks.extend(mark(CutKind::Quote, lines)),
            Some(("signature", lines)) => marks.extend(mark(CutKind::Signature, lines)),
            _ => {}
        }
    }
    let options = CutOptions {
        signatures: &signatures,
        subject,
        marks: &marks,
    };
    let cutting = cut(text, &options);
    adds_up(text, &cutting);
    assert_eq!(cut(text, &options), cutting, "the same twice");
    billed(&cutting.kept);
}

fn mark(kind: CutKind, lines: &str) -> Option<Mark> {
    let (start, end) = lines.split_once(' ')?;
    let lines = start.parse().ok()?..end.parse().ok()?;
    Some(Mark { kind, lines })
}

/// What was kept and what was cut are the lines of the text, in its order, each once.
pub(crate) fn adds_up(text: &str, cutting: &Cutting) {
    let kept = &cutting.kept;
    assert!(kept.len() <= text.len());
    assert!(!kept.contains("\n\n\n") && !kept.contains('\r'));
    assert_eq!(kept.trim(), kept, "ends are trimmed");
    let cut: Vec<&str> = cutting.cut.iter().map(|c| c.text.as_str()).collect();
    let cut = cut.join("\n");
    subset_in_order(text, kept);
    subset_in_order(text, &cut);
    let letters = |s: &str| s.bytes().filter(u8::is_ascii_alphanumeric).count();
    assert_eq!(letters(kept) + letters(&cut), letters(text), "letters");
}

/// Each line of `part` that shows anything is a line of `text`, quote marks and blanks at its ends apart, in the same order.
fn subset_in_order(text: &str, part: &str) {
    fn shown(line: &str) -> &str {
        line.trim_matches(|c: char| c == '>' || !c.is_ascii_graphic())
    }
    let mut lines = text.split(['\n', '\r']).map(shown);
    for line in part.split(['\n', '\r']).map(shown) {
        let found = line.is_empty() || lines.any(|candidate| candidate == line);
        assert!(found, "a line that is not in the text: {line:?}");
    }
}

/// What is counted is what is sent, within the limit, in parts that a network takes.
pub(crate) fn billed(text: &str) {
    assert_eq!(tidy(&tidy(text)), tidy(text), "tidying twice");
    for preference in [
        EncodingPreference::Smart,
        EncodingPreference::Plain,
        EncodingPreference::Ascii,
    ] {
        let whole = compose(text, preference, None).unwrap();
        for max_parts in [1, 2, 6] {
            let over = OverLimit::Truncate;
            let sms = compose(text, preference, Some(PartLimit { max_parts, over })).unwrap();
            assert!(sms.parts <= max_parts, "{} parts", sms.parts);
            assert_eq!(sms.truncated, whole.parts > max_parts);
            assert!(!sms.truncated || sms.text.ends_with("..."));
            assert_eq!(sms.whole_parts, whole.parts);
            let counted = measure(&sms.text);
            assert_eq!(counted.encoding, sms.encoding);
            assert_eq!(counted.part_units, sms.part_units);
            assert_eq!(usize::try_from(sms.parts).unwrap(), sms.part_units.len());
            assert_eq!(sms.part_units.iter().sum::<u32>(), sms.units);
            let room = match (sms.encoding, sms.parts) {
                (Encoding::Gsm7, 1) => 160,
                (Encoding::Gsm7, _) => 153,
                (Encoding::Ucs2, 1) => 70,
                (Encoding::Ucs2, _) => 67,
            };
            assert!(sms.part_units.iter().all(|units| *units <= room));
        }
    }
}
