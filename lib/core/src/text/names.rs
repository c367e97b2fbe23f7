//! Names of the characters that force Unicode, so that a sender knows what to take out (DESIGN P4).

use std::fmt;

use super::{MOST_LISTED, gsm};

/// One character that forces Unicode. `Display`: `’ (right single quotation mark, U+2019)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forcing {
    /// The character.
    pub character: char,
    /// How often it occurs.
    pub count: u32,
}

impl Forcing {
    /// What people call it, or the kind of character it is; empty for the rest.
    #[must_use]
    pub fn name(self) -> &'static str {
        name_of(self.character)
    }

    /// Its code point, as `U+2019`.
    #[must_use]
    pub fn code(self) -> String {
        format!("U+{:04X}", u32::from(self.character))
    }
}

impl fmt::Display for Forcing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What shows nothing, or acts on its neighbours, is named only.
        if !name_hides(self.character) {
            write!(f, "{} ", self.character)?;
        }
        match self.name() {
            "" => write!(f, "({})", self.code()),
            name => write!(f, "({name}, {})", self.code()),
        }
    }
}

/// The distinct characters outside GSM-7 that `mendable` does not cover, in order of appearance.
pub(super) fn forcing(text: &str, mendable: impl Fn(char) -> bool) -> Vec<Forcing> {
    let mut found: Vec<Forcing> = Vec::new();
    for c in text.chars().filter(|c| gsm::septets(*c).is_none()) {
        if let Some(known) = found.iter_mut().find(|f| f.character == c) {
            known.count = known.count.saturating_add(1);
        } else if found.len() < MOST_LISTED && !mendable(c) {
            found.push(Forcing {
                character: c,
                count: 1,
            });
        }
    }
    found
}

/// Whether printing it by itself shows nothing or disturbs what stands beside it.
fn name_hides(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{a0}' | '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{61c}'
        | '\u{180e}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
        | '\u{3000}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{10ffff}'
    )
}

/// Names of what mails really hold; for the rest, their kind.
fn name_of(c: char) -> &'static str {
    match c {
        '\t' => "tab",
        '`' => "backtick",
        '´' => "acute accent",
        '‘' => "left single quotation mark",
        '’' => "right single quotation mark",
        '‚' => "low single quotation mark",
        '“' => "left double quotation mark",
        '”' => "right double quotation mark",
        '„' => "low double quotation mark",
        '«' => "left guillemet",
        '»' => "right guillemet",
        '‐' => "hyphen",
        '‑' => "non-breaking hyphen",
        '–' => "en dash",
        '—' => "em dash",
        '−' => "minus sign",
        '…' => "ellipsis",
        '•' => "bullet",
        '·' => "middle dot",
        '°' => "degree sign",
        '²' => "superscript two",
        '³' => "superscript three",
        'º' => "ordinal o",
        'ª' => "ordinal a",
        '×' => "multiplication sign",
        '÷' => "division sign",
        '±' => "plus-minus sign",
        'µ' => "micro sign",
        '©' => "copyright sign",
        '®' => "registered sign",
        '™' => "trade mark sign",
        '¢' => "cent sign",
        '½' => "one half",
        '→' => "right arrow",
        'œ' | 'Œ' => "oe ligature",
        'ç' => "small c with cedilla",
        '\u{a0}' => "no-break space",
        '\u{202f}' => "narrow no-break space",
        '\u{ad}' => "soft hyphen",
        '\u{200b}' => "zero-width space",
        '\u{200c}' => "zero-width non-joiner",
        '\u{200d}' => "zero-width joiner",
        '\u{feff}' => "byte order mark",
        '\u{fffd}' => "replacement character: something was not readable",
        '\u{2028}' => "line separator",
        '\u{2029}' => "paragraph separator",
        _ => kind_of(c),
    }
}

/// What kind of character it is, by its block; empty for the rest.
fn kind_of(c: char) -> &'static str {
    match c {
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => "control character",
        '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => "accented letter",
        '\u{300}'..='\u{36f}' => "combining accent",
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => "Greek letter",
        '\u{400}'..='\u{52f}' => "Cyrillic letter",
        '\u{530}'..='\u{58f}' => "Armenian letter",
        '\u{590}'..='\u{5ff}' => "Hebrew letter",
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' => "Arabic letter",
        '\u{900}'..='\u{dff}' => "Indic letter",
        '\u{e00}'..='\u{e7f}' => "Thai letter",
        '\u{3040}'..='\u{30ff}' => "Japanese kana",
        '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' => "Chinese character",
        '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7af}' => "Korean letter",
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "direction mark"
        }
        '\u{2000}'..='\u{200a}' | '\u{205f}' | '\u{3000}' => "typographic space",
        '\u{20a0}'..='\u{20cf}' => "currency sign",
        '\u{2190}'..='\u{21ff}' => "arrow",
        '\u{2200}'..='\u{22ff}' => "mathematical sign",
        '\u{fe00}'..='\u{fe0f}' => "variation selector",
        '\u{fb00}'..='\u{fb06}' => "ligature",
        '\u{ff01}'..='\u{ff5e}' => "full-width character",
        '\u{1f1e6}'..='\u{1f1ff}' => "half of a flag",
        '\u{1f3fb}'..='\u{1f3ff}' => "skin tone",
        '\u{2600}'..='\u{27bf}' if !PICTURES.contains(&c) => "symbol",
        '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}' => "emoji",
        '\u{e000}'..='\u{f8ff}' => "private character",
        _ => "",
    }
}

/// Those of the old symbols that are shown as coloured pictures by themselves (UTS #51, Emoji_Presentation).
const PICTURES: &[char] = &[
    '\u{2614}', '\u{2615}', '\u{2648}', '\u{2649}', '\u{264a}', '\u{264b}', '\u{264c}', '\u{264d}',
    '\u{264e}', '\u{264f}', '\u{2650}', '\u{2651}', '\u{2652}', '\u{2653}', '\u{267f}', '\u{2693}',
    '\u{26a1}', '\u{26aa}', '\u{26ab}', '\u{26bd}', '\u{26be}', '\u{26c4}', '\u{26c5}', '\u{26ce}',
    '\u{26d4}', '\u{26ea}', '\u{26f2}', '\u{26f3}', '\u{26f5}', '\u{26fa}', '\u{26fd}', '\u{2705}',
    '\u{270a}', '\u{270b}', '\u{2728}', '\u{274c}', '\u{274e}', '\u{2753}', '\u{2754}', '\u{2755}',
    '\u{2757}', '\u{2795}', '\u{2796}', '\u{2797}', '\u{27b0}', '\u{27bf}',
];

#[cfg(test)]
mod tests {
    use super::Forcing;

    #[test]
    fn a_person_can_tell_which_character_it_is() {
        let shown = |character| {
            Forcing {
                character,
                count: 1,
            }
            .to_string()
        };
        assert_eq!(shown('’'), "’ (right single quotation mark, U+2019)");
        assert_eq!(shown('😀'), "😀 (emoji, U+1F600)");
        assert_eq!(shown('☃'), "☃ (symbol, U+2603)");
        assert_eq!(shown('✅'), "✅ (emoji, U+2705)");
        assert_eq!(shown('\u{200b}'), "(zero-width space, U+200B)");
        assert_eq!(shown('፩'), "፩ (U+1369)");
    }
}
