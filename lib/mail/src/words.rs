//! Unstructured header text (RFC 5322 2.2.1) with encoded words (RFC 2047) → one clean line.
//!
//! For display and for the text only: no address is ever read from what this returns.

use crate::{charset, headers, transfer};

/// Longest value that is decoded, in bytes.
const MAX_VALUE: usize = 16 * 1024;

/// Unfolded, runs of blanks squeezed, decoded, control characters removed, trimmed.
pub(crate) fn text(value: &[u8]) -> String {
    let decoded = decode(&headers::squeezed(value, MAX_VALUE));
    let clean: String = decoded
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect();
    clean.trim().to_owned()
}

/// One encoded word, split.
struct Word<'a> {
    charset: &'a [u8],
    bytes: Vec<u8>,
}

/// Replaces encoded words; blanks between two of them vanish, and the bytes of neighbours in one charset are
/// joined before decoding, because many mailers split inside a character.
fn decode(value: &[u8]) -> String {
    let mut out = String::new();
    let mut plain: Vec<u8> = Vec::new();
    let mut pending: Option<Word<'_>> = None;
    let mut rest = value;
    while let Some((first, tail)) = rest.split_first() {
        if let Some((word, after)) = encoded_word(rest) {
            let adjacent = pending.is_some() && plain.iter().all(u8::is_ascii_whitespace);
            match &mut pending {
                Some(last) if adjacent && last.charset.eq_ignore_ascii_case(word.charset) => {
                    last.bytes.extend_from_slice(&word.bytes);
                }
                _ => {
                    flush(
                        &mut out,
                        pending.take(),
                        if adjacent { &[] } else { &plain },
                    );
                    pending = Some(word);
                }
            }
            plain.clear();
            rest = after;
        } else {
            plain.push(*first);
            rest = tail;
        }
    }
    flush(&mut out, pending, &plain);
    out
}

fn flush(out: &mut String, word: Option<Word<'_>>, plain: &[u8]) {
    if let Some(word) = word {
        out.push_str(&charset::decode(
            &word.bytes,
            std::str::from_utf8(word.charset).ok(),
        ));
    }
    out.push_str(&charset::decode(plain, None));
}

/// `=?charset[*language]?B|Q?text?=` at the start of the bytes, and what follows it.
fn encoded_word(bytes: &[u8]) -> Option<(Word<'_>, &[u8])> {
    let rest = bytes.strip_prefix(b"=?")?;
    let (charset, rest) = token(rest, 60)?;
    let (encoding, rest) = token(rest, 1)?;
    let end = rest.windows(2).take(4_096).position(|w| w == b"?=")?;
    let (payload, after) = (rest.get(..end)?, rest.get(end + 2..)?);
    let bytes = match encoding {
        b"b" | b"B" => transfer::base64(payload),
        b"q" | b"Q" => {
            let spaced: Vec<u8> = payload
                .iter()
                .map(|b| if *b == b'_' { b' ' } else { *b })
                .collect();
            let mut out = Vec::with_capacity(spaced.len());
            transfer::escapes(&spaced, &mut out);
            out
        }
        _ => return None,
    };
    let charset = charset.split(|b| *b == b'*').next().unwrap_or(charset);
    Some((Word { charset, bytes }, after))
}

/// What stands before the next `?`, at most `longest` bytes.
fn token(bytes: &[u8], longest: usize) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().take(longest + 1).position(|b| *b == b'?')?;
    (end > 0).then_some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words() {
        let cases: [(&[u8], &str); 10] = [
            (b" Hello\r\n world", "Hello world"),
            (b"=?utf-8?q?caf=C3=A9_noir?=", "café noir"),
            (b"=?utf-8?B?Y2Fm?= =?utf-8?B?w6k=?=", "café"),
            (b"=?utf-8?q?caf=C3?=\r\n =?utf-8?q?=A9?=", "café"),
            (b"Re: =?iso-8859-1?q?=E9t=E9?= now", "Re: été now"),
            (b"=?iso-8859-1*fr?q?=E9?=", "é"),
            (b"=?broken", "=?broken"),
            (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
            (b"=?utf-8?q?a=0D=0ABcc:_x?=", "aBcc: x"),
            (b"\xe9t\xe9", "été"),
        ];
        for (raw, text_wanted) in cases {
            assert_eq!(text(raw), text_wanted, "{:?}", String::from_utf8_lossy(raw));
        }
    }
}
