//! A text as it is sent and billed: encoding, parts, and what it takes to fit (DESIGN 3
//! Preferences, 4.4; GSM 03.38 / 3GPP TS 23.038, 3GPP TS 23.040).
//!
//! [`tidy`] makes line ends and composed letters out of whatever a mail held, [`compose`] applies
//! an account's preference and limit, [`measure`] counts a text exactly as it stands. All are
//! linear in the text. Must not know where a text came from or which provider takes it.

mod gsm;
mod look_alikes;
mod names;
mod pack;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

pub use names::Forcing;

/// What may be changed in a text so that it fits GSM-7: an account's preference (DESIGN 3).
///
/// `Smart` and `Ascii` change a text only where that makes *all* of it fit GSM-7: if some
/// character forces Unicode anyway, the typography is kept as written, because giving it up would
/// buy nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncodingPreference {
    /// Look-alikes (`’ “ – …`, no-break spaces, ligatures) become GSM-7.
    #[default]
    Smart,
    /// As written.
    Plain,
    /// As `Smart`, and accents that GSM-7 lacks are dropped (`ê` becomes `e`).
    Ascii,
}

/// The written preference is none of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the encoding is `smart`, `plain` or `ascii`")]
pub struct EncodingPreferenceError;

impl FromStr for EncodingPreference {
    type Err = EncodingPreferenceError;
    fn from_str(s: &str) -> Result<Self, EncodingPreferenceError> {
        match s {
            "smart" => Ok(Self::Smart),
            "plain" => Ok(Self::Plain),
            "ascii" => Ok(Self::Ascii),
            _ => Err(EncodingPreferenceError),
        }
    }
}

/// How a text travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// The GSM 7-bit default alphabet with its extension table: 160 septets, or 153 per part.
    #[serde(rename = "GSM-7")]
    Gsm7,
    /// UTF-16 code units: 70, or 67 per part.
    #[serde(rename = "UCS-2")]
    Ucs2,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        })
    }
}

/// What becomes of a text with too many parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverLimit {
    /// It is cut and ends in `...`.
    #[default]
    Truncate,
    /// It is refused.
    Refuse,
}

/// The longest text an account sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartLimit {
    /// Parts; 0 is read as 1.
    pub max_parts: u32,
    /// What happens over it.
    pub over: OverLimit,
}

/// The text has more parts than allowed, and the account wants that refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text has {parts} parts; at most {limit} are allowed")]
pub struct TooLong {
    /// Parts the text has.
    pub parts: u32,
    /// Parts allowed.
    pub limit: u32,
}

/// One kind of change made to a text so that it fits GSM-7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// What was written.
    pub from: char,
    /// What is sent; empty where it was dropped.
    pub to: String,
    /// How often.
    pub count: u32,
}

/// A text ready to be sent, with all that the bill will say. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct SmsText {
    /// Exactly what is sent.
    pub text: String,
    /// How it travels.
    pub encoding: Encoding,
    /// Billed parts; an empty text is one.
    pub parts: u32,
    /// Septets (GSM-7) or UTF-16 code units (UCS-2) in all.
    pub units: u32,
    /// Units of each part, in order.
    pub part_units: Vec<u32>,
    /// The characters that force Unicode, in order of appearance, at most [`MOST_LISTED`]. Those
    /// that the preference could have replaced are not among them: taking them away is no help.
    pub forcing: Vec<Forcing>,
    /// What was replaced, in order of appearance, at most [`MOST_LISTED`].
    pub replaced: Vec<Replaced>,
    /// Whether the end was cut off to keep the limit.
    pub truncated: bool,
    /// Parts it would have had uncut; the same as `parts` where nothing was cut.
    pub whole_parts: u32,
}

impl fmt::Debug for SmsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmsText")
            .field("encoding", &self.encoding)
            .field("parts", &self.parts)
            .field("units", &self.units)
            .field("truncated", &self.truncated)
            .finish_non_exhaustive()
    }
}

/// The most distinct characters a report names.
pub const MOST_LISTED: usize = 50;

/// Makes a mail's text fit to be a text message, before any preference applies: NFC; CR LF and
/// every other line end become LF; a tab becomes a space; other control characters, which no
/// phone shows, go. Idempotent.
#[must_use]
pub fn tidy(text: &str) -> String {
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n')) {
        return text.to_owned();
    }
    let mut after_cr = false;
    // Controls go first: what stood on both sides of one may compose.
    let shown: String = text
        .chars()
        .filter_map(|c| {
            let second_half = after_cr && c == '\n';
            after_cr = c == '\r';
            match c {
                '\n' if second_half => None,
                '\r' | '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
                '\t' => Some(' '),
                c if c.is_control() => None,
                c => Some(c),
            }
        })
        .collect();
    match is_nfc_quick(shown.chars()) {
        IsNormalized::Yes => shown,
        IsNormalized::No | IsNormalized::Maybe => shown.nfc().collect(),
    }
}

/// Counts a text exactly as it stands: no character is changed.
#[must_use]
pub fn measure(text: &str) -> SmsText {
    finish(text.to_owned(), Vec::new(), |_| false)
}

/// Applies an account's preference, then its limit.
///
/// `Plain` changes nothing; the others [`tidy`] the text first. Truncation cuts between what a
/// reader sees as characters, leaves no blank before its `...`, and keeps within the limit.
///
/// # Errors
/// [`TooLong`] where the limit says [`OverLimit::Refuse`]; the text cannot be sent as it is.
pub fn compose(
    text: &str,
    preference: EncodingPreference,
    limit: Option<PartLimit>,
) -> Result<SmsText, TooLong> {
    let written = match preference {
        EncodingPreference::Plain => text.to_owned(),
        EncodingPreference::Smart | EncodingPreference::Ascii => tidy(text),
    };
    let changed = look_alikes::substitute(&written, preference, usize::MAX);
    let mendable = |c| look_alikes::replacement(c, preference).is_some();
    let whole = if changed.fits {
        finish(changed.text.clone(), changed.replaced, mendable)
    } else {
        finish(written.clone(), Vec::new(), mendable)
    };
    let Some(limit) = limit else {
        return Ok(whole);
    };
    let max = limit.max_parts.max(1);
    if whole.parts <= max {
        return Ok(whole);
    }
    if limit.over == OverLimit::Refuse {
        return Err(TooLong {
            parts: whole.parts,
            limit: max,
        });
    }
    let mut cut = pack::truncate(&whole.text, whole.encoding, max);
    let mut replacing = changed.fits;
    if !changed.fits && look_alikes::substitute(&cut, preference, usize::MAX).fits {
        // What forces Unicode lies beyond the cut: the longer GSM-7 beginning is sent.
        cut = pack::truncate(&changed.text, Encoding::Gsm7, max);
        replacing = true;
    }
    let replaced = if replacing {
        let kept = cut.len().saturating_sub(pack::ELLIPSIS.len());
        look_alikes::substitute(&written, preference, kept).replaced
    } else {
        Vec::new()
    };
    Ok(SmsText {
        truncated: true,
        whole_parts: whole.parts,
        ..finish(cut, replaced, mendable)
    })
}

/// Counts `text`, and names what forces Unicode unless the preference could mend it.
fn finish(text: String, replaced: Vec<Replaced>, mendable: impl Fn(char) -> bool) -> SmsText {
    let encoding = gsm::encoding_of(&text);
    let part_units = pack::part_units(&text, encoding);
    let parts = u32::try_from(part_units.len()).unwrap_or(u32::MAX);
    let forcing = match encoding {
        Encoding::Gsm7 => Vec::new(),
        Encoding::Ucs2 => names::forcing(&text, mendable),
    };
    SmsText {
        encoding,
        parts,
        units: part_units.iter().copied().fold(0, u32::saturating_add),
        part_units,
        forcing,
        replaced,
        truncated: false,
        whole_parts: parts,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EncodingPreference::{Ascii, Plain, Smart};

    fn sent(text: &str, preference: EncodingPreference) -> String {
        compose(text, preference, None).unwrap().text
    }

    fn cut(text: &str, max_parts: u32) -> SmsText {
        let over = OverLimit::Truncate;
        compose(text, Smart, Some(PartLimit { max_parts, over })).unwrap()
    }

    #[test]
    fn smart_changes_look_alikes_where_that_makes_all_fit() {
        let got = compose(
            "L’été «\u{a0}chaud\u{202f}» – 10 €…\r\nOui\u{200b}",
            Smart,
            None,
        )
        .unwrap();
        assert_eq!(got.text, "L'été \" chaud \" - 10 €...\nOui");
        assert_eq!(got.encoding, Encoding::Gsm7);
        assert_eq!(
            got.replaced.first().map(|r| (r.from, r.to.as_str())),
            Some(('’', "'"))
        );
        assert!(got.forcing.is_empty());
        assert_eq!(
            sent("ﬁn Ａ１ Ω\u{2126} ‼ e\u{301}", Smart),
            "fin A1 ΩΩ !! é"
        );
    }

    #[test]
    fn typography_is_kept_where_giving_it_up_buys_nothing() {
        let got = compose("C’est fait… 😀", Smart, None).unwrap();
        assert_eq!(got.text, "C’est fait… 😀");
        assert_eq!(got.encoding, Encoding::Ucs2);
        let named: Vec<_> = got.forcing.iter().map(|f| f.character).collect();
        assert_eq!(named, ['😀']);
        assert_eq!(sent("Être… 😀", Ascii), "Être… 😀");
    }

    #[test]
    fn plain_is_as_written() {
        let text = "L’e\u{301}te\u{301}\r\n\0";
        let got = compose(text, Plain, None).unwrap();
        assert_eq!(got, measure(text));
        assert_eq!(got.text, text);
        let named: Vec<_> = got.forcing.iter().map(|f| (f.character, f.count)).collect();
        assert_eq!(named, [('’', 1), ('\u{301}', 2), ('\0', 1)]);
    }

    #[test]
    fn ascii_drops_only_the_accents_gsm_lacks() {
        assert_eq!(
            sent("Être où? Çà, garçon: œuvre Łódź n° 2", Ascii),
            "Etre où? Çà, garcon: oeuvre Lodz no 2"
        );
        assert_eq!(sent("ê", Smart), "ê");
        assert_eq!(sent("10² m, 1½ h, ①", Ascii), "10² m, 1½ h, ①");
        assert_eq!(sent("10² m, 1½ h, №", Ascii), "10^2 m, 1 1/2 h, No");
        assert_eq!(sent("ångström ñ ß æ", Ascii), "ångström ñ ß æ");
    }

    #[test]
    fn tidy_leaves_line_feeds_and_letters() {
        assert_eq!(
            tidy("a\r\nb\rc\n\u{2028}d\te\0\u{1b}f\u{7f}"),
            "a\nb\nc\n\nd ef"
        );
        assert_eq!(tidy("e\u{301}"), "é");
        let once = tidy("\r\r\n\n\t");
        assert_eq!(tidy(&once), once);
        assert_eq!(tidy("e\0\u{301}"), "é");
    }

    #[test]
    fn truncation_keeps_the_limit_and_says_so() {
        let got = cut(&"abcdefghi ".repeat(40), 1);
        assert!(got.truncated && got.text.ends_with("g..."));
        assert_eq!((got.parts, got.units, got.whole_parts), (1, 160, 3));
        let got = cut(&"abcdefghi ".repeat(40), 2);
        assert_eq!((got.parts, got.units), (2, 306));
        // A blank before the dots goes.
        let got = cut(&format!("{} {}", "a".repeat(156), "b".repeat(20)), 1);
        assert_eq!(got.text, format!("{}...", "a".repeat(156)));
        let got = cut("short", 1);
        assert!(!got.truncated && got.whole_parts == 1);
    }

    #[test]
    fn truncation_cuts_between_characters_a_reader_sees() {
        let family = "👨\u{200d}👩\u{200d}👧"; // 8 units
        let got = cut(&format!("{}{family}b", "é".repeat(64)), 1);
        assert_eq!(got.text, format!("{}...", "é".repeat(64)));
        for text in [
            "🇫🇷".repeat(100),
            "👍🏽".repeat(100),
            format!("{}😀", "e\u{323}\u{302}".repeat(300)),
            family.repeat(50),
        ] {
            for max in 1..4 {
                let got = cut(&text, max);
                let kept = got.text.strip_suffix("...").unwrap();
                let rest = tidy(&text).strip_prefix(kept).unwrap().to_owned();
                assert!(got.parts <= max);
                assert!(!rest.starts_with(['\u{200d}', '\u{1f3fd}', '\u{323}', '\u{302}']));
                assert!(kept.chars().filter(|c| ('🇦'..='🇿').contains(c)).count() % 2 == 0);
            }
        }
        // One endless cluster is cut where it must be.
        let got = cut(&format!("e{}", "\u{30a}".repeat(500)), 1);
        assert!(got.parts == 1 && got.units > 60 && got.text.ends_with("..."));
    }

    #[test]
    fn what_forces_unicode_beyond_the_cut_is_not_paid_for() {
        let got = cut(&format!("L’été {} 😀", "a".repeat(400)), 2);
        assert_eq!(
            (got.encoding, got.parts, got.units),
            (Encoding::Gsm7, 2, 306)
        );
        assert!(got.text.starts_with("L'été"));
        assert_eq!(got.replaced.len(), 1);
        // Nor is a change beyond the cut reported.
        assert!(cut(&format!("{}’", "a".repeat(400)), 2).replaced.is_empty());
        let got = cut(
            &format!("L’été {} 😀 {}", "a".repeat(100), "b".repeat(400)),
            2,
        );
        assert_eq!((got.encoding, got.parts), (Encoding::Ucs2, 2));
        assert!(got.text.starts_with("L’été") && got.text.contains('😀'));
    }

    #[test]
    fn a_limit_may_refuse() {
        let limit = PartLimit {
            max_parts: 2,
            over: OverLimit::Refuse,
        };
        let refused = compose(&"a".repeat(307), Smart, Some(limit));
        assert_eq!(refused, Err(TooLong { parts: 3, limit: 2 }));
        assert!(compose(&"a".repeat(306), Smart, Some(limit)).is_ok());
    }

    #[test]
    fn a_long_hostile_text_takes_linear_time() {
        for text in [
            "\u{301}".repeat(200_000),
            "👨\u{200d}".repeat(100_000),
            "🇫".repeat(100_000),
            "\r".repeat(500_000),
            "’".repeat(200_000),
            "^".repeat(300_000),
        ] {
            assert!(cut(&text, 20).parts <= 20);
            assert!(compose(&text, Ascii, None).is_ok());
        }
    }

    #[test]
    fn debug_shows_no_text() {
        assert!(!format!("{:?}", measure("secret")).contains("secret"));
    }
}
