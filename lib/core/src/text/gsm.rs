//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1).
//! Must not know about parts.

use super::Encoding;

/// Septets a character takes in GSM-7: 1, or 2 for an escape pair; none where GSM-7 lacks it.
pub(super) const fn septets(c: char) -> Option<u32> {
    match c {
        '[' | '\\' | ']' | '^' | '{' | '|' | '}' | '~' | '\u{c}' | '€' => Some(2),
        '`' => None,
        '\n' | '\r' | ' '..='z' => Some(1),
        '¡' | '£' | '¤' | '¥' | '§' | '¿' => Some(1),
        'Ä' | 'Å' | 'Æ' | 'Ç' | 'É' | 'Ñ' | 'Ö' | 'Ø' | 'Ü' | 'ß' => Some(1),
        'à' | 'ä' | 'å' | 'æ' | 'è' | 'é' | 'ì' | 'ñ' | 'ò' | 'ö' | 'ø' | 'ù' | 'ü' => {
            Some(1)
        }
        'Γ' | 'Δ' | 'Θ' | 'Λ' | 'Ξ' | 'Π' | 'Σ' | 'Φ' | 'Ψ' | 'Ω' => Some(1),
        _ => None,
    }
}

/// Whether it is made of ASCII that takes one septet each, as most texts are.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|b| matches!(b, b'\n' | b' '..=b'Z' | b'_' | b'a'..=b'z'))
}

/// GSM-7 if the whole text is of its alphabet, else UCS-2.
pub(super) fn encoding_of(text: &str) -> Encoding {
    if is_plain(text) || text.chars().all(|c| septets(c).is_some()) {
        Encoding::Gsm7
    } else {
        Encoding::Ucs2
    }
}
