//! Characters that GSM-7 lacks and what may stand for them: look-alikes for everybody, bare
//! letters for accounts that prefer `ascii`. Tables; must not know about parts.

use unicode_normalization::UnicodeNormalization;

use super::{EncodingPreference, MOST_LISTED, Replaced, gsm};

/// A text after substitution.
pub(super) struct Substituted {
    /// With everything replaced that could be; what could not stands as it was.
    pub(super) text: String,
    /// What was replaced, in order of appearance.
    pub(super) replaced: Vec<Replaced>,
    /// Whether all of it is GSM-7 now.
    pub(super) fits: bool,
}

/// Replaces all that the preference allows, until `enough` bytes are made.
pub(super) fn substitute(text: &str, preference: EncodingPreference, enough: usize) -> Substituted {
    if enough >= text.len() && gsm::is_plain(text) {
        return Substituted {
            text: text.to_owned(),
            replaced: Vec::new(),
            fits: true,
        };
    }
    let mut out = Substituted {
        text: String::with_capacity(text.len()),
        replaced: Vec::new(),
        fits: true,
    };
    for c in text.chars() {
        if out.text.len() >= enough {
            break;
        }
        if gsm::septets(c).is_some() {
            out.text.push(c);
        } else if let Some(instead) = replacement(c, preference) {
            out.text.push_str(&instead);
            note(&mut out.replaced, c, instead);
        } else {
            out.text.push(c);
            out.fits = false;
        }
    }
    out
}

/// Counts one replacement.
fn note(replaced: &mut Vec<Replaced>, from: char, to: String) {
    if let Some(known) = replaced.iter_mut().find(|r| r.from == from) {
        known.count = known.count.saturating_add(1);
    } else if replaced.len() < MOST_LISTED {
        replaced.push(Replaced { from, to, count: 1 });
    }
}

/// What stands for a character that GSM-7 lacks, in GSM-7 (empty: nothing), if the preference
/// allows anything.
pub(super) fn replacement(c: char, preference: EncodingPreference) -> Option<String> {
    match preference {
        EncodingPreference::Plain => None,
        EncodingPreference::Smart => look_alike(c),
        EncodingPreference::Ascii => look_alike(c).or_else(|| bare_letters(c)),
    }
}

/// What looks the same to a reader. Long because it is one table.
fn look_alike(c: char) -> Option<String> {
    let same = match c {
        '`' | '´' | '‘' | '’' | '‚' | '‛' | 'ʹ' | 'ʻ' | 'ʼ' | 'ʽ' | 'ˈ' | '′' | '‵' | '＇' => {
            "'"
        }
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' | '‶' | '〝' | '〞' | '〟' | '＂' => {
            "\""
        }
        '‹' | '〈' => "<",
        '›' | '〉' => ">",
        '\u{2010}'..='\u{2015}' | '−' | '⁃' | '﹘' | '﹣' | '•' | '‣' | '◦' | '∙' | '▪' | '●' => {
            "-"
        }
        '…' => "...",
        '‥' => "..",
        '·' | '․' => ".",
        '‼' => "!!",
        '⁇' => "??",
        '⁈' => "?!",
        '⁉' => "!?",
        '⁄' | '∕' => "/",
        '∶' | 'ː' => ":",
        '∗' | '⁎' => "*",
        '×' | '✕' => "x",
        '¦' | '∣' => "|",
        '˜' | '∼' | '⁓' => "~",
        'ˆ' => "^",
        '‗' => "_",
        '\t'
        | '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => " ",
        // Invisible: soft hyphen, zero-width characters, direction marks, variation selectors.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => "",
        // Greek capitals of Latin shape: GSM-7 has only those Latin lacks.
        'Α' => "A",
        'Β' => "B",
        'Ε' => "E",
        'Ζ' => "Z",
        'Η' => "H",
        'Ι' => "I",
        'Κ' => "K",
        'Μ' => "M",
        'Ν' => "N",
        'Ο' => "O",
        'Ρ' => "P",
        'Τ' => "T",
        'Υ' => "Y",
        'Χ' => "X",
        // Ligatures, full-width forms and letters of mathematics: what they are made of.
        '\u{fb00}'..='\u{fb06}' | '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}' => {
            return in_gsm(c.nfkd());
        }
        _ => return None,
    };
    Some(same.to_owned())
}

/// The letters left when accents that GSM-7 lacks are dropped, and what single signs are spelt with.
fn bare_letters(c: char) -> Option<String> {
    let spelt = match c {
        'Œ' => "OE",
        'œ' => "oe",
        'ẞ' => "SS",
        'Ð' | 'Đ' => "D",
        'ð' | 'đ' => "d",
        'Þ' => "Th",
        'þ' => "th",
        'Ł' => "L",
        'ł' => "l",
        'Ħ' => "H",
        'ħ' => "h",
        'ı' => "i",
        'Ŋ' => "N",
        'ŋ' => "n",
        'Ŧ' => "T",
        'ŧ' => "t",
        'µ' | 'μ' => "u",
        '°' | '˚' => "o",
        '©' => "(c)",
        '®' => "(r)",
        '±' => "+/-",
        '÷' => "/",
        '¢' => "c",
        // A digit alone would make another number of 10² and 1½.
        '²' => "^2",
        '³' => "^3",
        '¼' => " 1/4",
        '½' => " 1/2",
        '¾' => " 3/4",
        '→' => "->",
        '←' => "<-",
        _ => {
            let letters = c.nfkd().filter(|d| !matches!(d, '\u{300}'..='\u{36f}'));
            return in_gsm(letters).filter(|l| !l.contains(|d: char| d.is_ascii_digit()));
        }
    };
    Some(spelt.to_owned())
}

/// The characters as a string, if GSM-7 has each of them (a backtick as its look-alike).
fn in_gsm(letters: impl Iterator<Item = char>) -> Option<String> {
    letters
        .map(|c| if c == '`' { '\'' } else { c })
        .map(|c| gsm::septets(c).map(|_| c))
        .collect()
}
