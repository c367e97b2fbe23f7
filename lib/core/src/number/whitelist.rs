//! The ASCII whitelist in front of the phone library: what passes holds digits and separators
//! only, so nothing is dug out of a sentence and no letter becomes a digit.

use super::NumberFault;

/// Longest writing that is read at all, in bytes; the longest number with separators is far shorter.
const LONGEST: usize = 100;

/// The writing in plain ASCII: digits, `- . / ( )` and blanks, with at most one `+` before the
/// first digit (`p` is turned into it). Everything else is a fault.
pub(super) fn whitelisted(written: &str) -> Result<String, NumberFault> {
    let written = written.trim_matches([' ', '\t', '\r', '\n']);
    if written.len() > LONGEST {
        return Err(NumberFault::TooLong);
    }
    let mut plain = String::with_capacity(written.len());
    let mut digits = 0_u32;
    for (at, c) in written.char_indices() {
        match ascii_of(c) {
            Some(d @ '0'..='9') => {
                digits += 1;
                plain.push(d);
            }
            Some('+') if digits == 0 && !plain.contains('+') => plain.push('+'),
            Some(separator @ ('-' | '.' | '/' | '(' | ')' | ' ')) => plain.push(separator),
            Some('\0') => {}
            Some('p' | 'P') if at == 0 => plain.push('+'),
            _ => return Err(offender(written.get(at..).unwrap_or_default(), digits)),
        }
    }
    if digits == 0 {
        return Err(NumberFault::NotANumber);
    }
    Ok(plain)
}

/// Which fault the first character outside the whitelist is: an extension where digits stand
/// before it and after it, a letter, or simply no number.
fn offender(rest: &str, digits_before: u32) -> NumberFault {
    let word = rest.trim_start_matches([';', ',', '#']);
    let marked = word.len() < rest.len();
    let name = word.trim_start_matches(|c: char| c.is_alphabetic());
    let spoken = word.strip_suffix(name).unwrap_or_default().to_lowercase();
    let named = matches!(
        spoken.as_str(),
        "x" | "ext" | "extn" | "extension" | "poste" | "int" | "anexo" | "доб"
    );
    let inner = name.trim_start_matches(['.', ' ', '=', ':', '#', '\u{a0}']);
    let numbered = inner.starts_with(|c: char| c.is_ascii_digit());
    if digits_before >= 5 && numbered && (named || (marked && spoken.is_empty())) {
        return NumberFault::Extension;
    }
    if rest.starts_with(char::is_alphabetic) {
        return NumberFault::Letters;
    }
    NumberFault::NotANumber
}

/// The ASCII a character of a written number stands for; `\0` for those that show nothing.
/// Only what people's keyboards and word processors put there: any other script's digits, and
/// the narrow no-break space that no phone library takes, are left to be refused.
fn ascii_of(c: char) -> Option<char> {
    Some(match c {
        '\u{ff10}'..='\u{ff19}' => shifted(c, 0xff10)?,
        '\u{660}'..='\u{669}' => shifted(c, 0x660)?,
        '\u{6f0}'..='\u{6f9}' => shifted(c, 0x6f0)?,
        '\u{ff0b}' => '+',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}' | '\u{ff0d}' => '-',
        '\u{ff0e}' => '.',
        '\u{ff0f}' => '/',
        '\u{ff08}' => '(',
        '\u{ff09}' => ')',
        '\u{a0}' | '\u{3000}' => ' ',
        '\u{ad}' | '\u{200b}' | '\u{2060}' => '\0',
        '\0' => return None,
        c if c.is_ascii() => c,
        _ => return None,
    })
}

/// The digit that stands as far after `0` as `c` after `zero`.
fn shifted(c: char, zero: u32) -> Option<char> {
    char::from_digit(u32::from(c).checked_sub(zero)?, 10)
}
