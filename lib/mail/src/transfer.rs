//! Content-Transfer-Encoding (RFC 2045 6): base64 and quoted-printable, decoded with what can be saved.
//!
//! Knows nothing of headers or charsets. Linear; the output is never longer than the input.

/// Decodes a body; an encoding nobody knows is taken for none.
pub(crate) fn decode(bytes: &[u8], encoding: &str) -> Vec<u8> {
    match encoding {
        "base64" => base64(bytes),
        "quoted-printable" => quoted_printable(bytes),
        _ => bytes.to_vec(),
    }
}

/// How long the body is when decoded, without decoding it: exact for base64, an upper bound for quoted-printable.
pub(crate) fn decoded_size(bytes: &[u8], encoding: &str) -> usize {
    match encoding {
        "base64" => {
            let digit = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
            bytes.iter().filter(digit).count() * 3 / 4
        }
        _ => bytes.len(),
    }
}

/// Base64; foreign bytes are skipped, padding ends a group and not the text.
pub(crate) fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3 + 3);
    let mut group = 0_u32;
    let mut count = 0_u8;
    for b in bytes {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                flush(&mut out, group, count);
                (group, count) = (0, 0);
                continue;
            }
            _ => continue,
        };
        group = group << 6 | u32::from(value);
        count += 1;
        if count == 4 {
            flush(&mut out, group, count);
            (group, count) = (0, 0);
        }
    }
    flush(&mut out, group, count);
    out
}

/// Writes the whole bytes of `count` six-bit digits.
fn flush(out: &mut Vec<u8>, group: u32, count: u8) {
    let (shifted, bytes) = match count {
        4 => (group, 3),
        3 => (group << 6, 2),
        2 => (group << 12, 1),
        _ => return,
    };
    out.extend(shifted.to_be_bytes().into_iter().skip(1).take(bytes));
}

/// Quoted-printable; an escape that is none stays as it is written.
fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let text = crate::headers::trim_line_end(line);
        let end = line.get(text.len()..).unwrap_or_default();
        let text = trim_blanks(text);
        let (text, soft) = match text.strip_suffix(b"=") {
            Some(text) => (text, true),
            None => (text, false),
        };
        escapes(text, &mut out);
        if !soft {
            out.extend_from_slice(end);
        }
    }
    out
}

/// Blanks at the end of a quoted-printable line were added on the way (RFC 2045 6.7 rule 3).
fn trim_blanks(line: &[u8]) -> &[u8] {
    let kept = line
        .iter()
        .rposition(|b| !matches!(b, b' ' | b'\t'))
        .map_or(0, |i| i + 1);
    line.get(..kept).unwrap_or_default()
}

/// `=XX` in either case of hex digits.
pub(crate) fn escapes(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some((first, rest)) = text.split_first() {
        text = rest;
        let escaped = match rest {
            [high, low, tail @ ..] if *first == b'=' => {
                hex(*high).zip(hex(*low)).map(|(h, l)| (h << 4 | l, tail))
            }
            _ => None,
        };
        match escaped {
            Some((byte, tail)) => {
                out.push(byte);
                text = tail;
            }
            None => out.push(*first),
        }
    }
}

pub(crate) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_with_soft_breaks_and_broken_escapes() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"caf=C3=A9", "café".as_bytes()),
            (b"one=  \r\ntwo", b"onetwo"),
            (b"blank  \r\nnext", b"blank\r\nnext"),
            (b"a=ZZb=4", b"a=ZZb=4"),
            (b"=c3=a9=\n", "é".as_bytes()),
            (b"=20\n", b" \n"),
        ];
        for (raw, text) in cases {
            assert_eq!(decode(raw, "quoted-printable"), text, "{raw:?}");
        }
    }

    #[test]
    fn base64_saves_what_it_can() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"aGVs\r\nbG8=", b"hello"),
            (b"aGVsbG8", b"hello"),
            (b"aGk=aGk=", b"hihi"),
            (b"!!aG*k", b"hi"),
            (b"", b""),
        ];
        for (raw, text) in cases {
            assert_eq!(base64(raw), text, "{raw:?}");
        }
    }
}
