//! A mail as the header fields and the body that DKIM hashes.
//!
//! Strict where the mail parser is lenient: a header that two readers could split differently
//! (a bare CR, a control character, a line that is no field) is not split at all, so that
//! no field can be read by one and not be signed for the other. Must not know about signatures.

use std::borrow::Cow;
use std::collections::HashMap;

/// Fields beyond this, and the header is refused: work is bounded.
const MAX_FIELDS: usize = 1_000;
/// Octets of header beyond this, likewise.
const MAX_HEADER: usize = 256 * 1024;

/// Why a mail's header cannot be told apart surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// A CR without LF, or lines that end now in CRLF, now in LF.
    LineEnds,
    /// A NUL or another control character in the header.
    Control,
    /// A header line that is neither `Name: value` nor the continuation of one.
    NotAField,
    /// Past [`MAX_FIELDS`] or [`MAX_HEADER`].
    TooLong,
}

impl Unclear {
    /// One sentence for a person.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::LineEnds => {
                "The lines of the mail do not all end in CRLF, so what was signed cannot be told."
            }
            Self::Control => "The header of the mail holds control characters.",
            Self::NotAField => {
                "The header of the mail holds a line that is not of the form \"Name: value\"."
            }
            Self::TooLong => "The header of the mail is too long to be checked.",
        }
    }
}

/// One header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    /// As written, without the colon.
    pub(super) name: &'a [u8],
    /// All after the colon, with folds and the final CRLF.
    pub(super) value: &'a [u8],
}

/// A mail split at its empty line.
#[derive(Debug)]
pub(super) struct Mail<'a> {
    pub(super) fields: Vec<Field<'a>>,
    pub(super) body: &'a [u8],
    /// Lower-case name → its fields' places, top to bottom.
    by_name: HashMap<String, Vec<usize>>,
}

/// The mail with CRLF line ends. One that has LF throughout (a file on a Unix machine) is rewritten;
/// a bare CR, or both kinds of line end in one mail, is refused.
pub(super) fn with_crlf(raw: &[u8]) -> Result<Cow<'_, [u8]>, Unclear> {
    let (mut crlf, mut lf) = (0_usize, 0_usize);
    let mut previous = 0_u8;
    for &byte in raw {
        match (previous, byte) {
            (b'\r', b'\n') => crlf += 1,
            (b'\r', _) => return Err(Unclear::LineEnds),
            (_, b'\n') => lf += 1,
            _ => {}
        }
        previous = byte;
    }
    if previous == b'\r' || (crlf > 0 && lf > 0) {
        return Err(Unclear::LineEnds);
    }
    if lf == 0 {
        return Ok(Cow::Borrowed(raw));
    }
    let mut whole = Vec::with_capacity(raw.len().saturating_add(lf));
    for &byte in raw {
        if byte == b'\n' {
            whole.push(b'\r');
        }
        whole.push(byte);
    }
    Ok(Cow::Owned(whole))
}

/// Whether a mail that could not be split seems to be signed at all, so that its refusal can be told.
pub(super) fn mentions_signature(raw: &[u8]) -> bool {
    const NAME: &[u8] = b"dkim-signature";
    let header = raw.get(..MAX_HEADER).unwrap_or(raw);
    header.split(|&b| b == b'\n' || b == b'\r').any(|line| {
        line.get(..NAME.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(NAME))
    })
}

impl<'a> Mail<'a> {
    /// Splits a mail that [`with_crlf`] let through.
    pub(super) fn split(mail: &'a [u8]) -> Result<Self, Unclear> {
        let mut fields = Vec::new();
        let mut rest = mail;
        while !rest.is_empty() && !rest.starts_with(b"\r\n") {
            if fields.len() == MAX_FIELDS || mail.len().saturating_sub(rest.len()) > MAX_HEADER {
                return Err(Unclear::TooLong);
            }
            let end = field_end(rest)?;
            let (text, after) = rest.split_at_checked(end).ok_or(Unclear::NotAField)?;
            fields.push(field(text)?);
            rest = after;
        }
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, field) in fields.iter().enumerate() {
            let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
            by_name.entry(name).or_default().push(place);
        }
        Ok(Self {
            fields,
            body: rest.strip_prefix(b"\r\n").unwrap_or_default(),
            by_name,
        })
    }

    /// The places of all fields of this lower-case name, top to bottom.
    pub(super) fn places(&self, name: &str) -> &[usize] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }
}

/// How long the field is that `rest` begins with, continuation lines and final CRLF included.
fn field_end(rest: &[u8]) -> Result<usize, Unclear> {
    let mut end = 0_usize;
    loop {
        let line = rest.get(end..).unwrap_or_default();
        let Some(lf) = line.iter().take(MAX_HEADER).position(|&b| b == b'\n') else {
            // The header ends without a line end, or in a line longer than any header may be.
            let whole = line.len() <= MAX_HEADER;
            return Err(if whole {
                Unclear::NotAField
            } else {
                Unclear::TooLong
            });
        };
        end = end.saturating_add(lf).saturating_add(1);
        if end > MAX_HEADER {
            return Err(Unclear::TooLong);
        }
        if !matches!(rest.get(end), Some(b' ' | b'\t')) {
            return Ok(end);
        }
    }
}

/// A field from its text. No blank before the colon, which RFC 5322 4.5 calls obsolete and readers differ on.
fn field(text: &[u8]) -> Result<Field<'_>, Unclear> {
    let colon = text
        .iter()
        .position(|&b| b == b':')
        .ok_or(Unclear::NotAField)?;
    let (name, rest) = text.split_at_checked(colon).ok_or(Unclear::NotAField)?;
    let value = rest.get(1..).unwrap_or_default();
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return Err(Unclear::NotAField);
    }
    let control = |b: &u8| b.is_ascii_control() && !matches!(b, b'\t' | b'\r' | b'\n');
    if value.iter().any(control) {
        return Err(Unclear::Control);
    }
    Ok(Field { name, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(mail: &[u8]) -> Result<Vec<String>, Unclear> {
        Mail::split(mail).map(|m| {
            m.fields
                .iter()
                .map(|f| String::from_utf8(f.name.to_vec()).unwrap())
                .collect()
        })
    }

    #[test]
    fn lf_throughout_is_rewritten_and_a_mixture_is_refused() {
        assert_eq!(&*with_crlf(b"A: 1\n\nhi\n").unwrap(), b"A: 1\r\n\r\nhi\r\n");
        assert_eq!(&*with_crlf(b"A: 1\r\n").unwrap(), b"A: 1\r\n");
        for bad in [
            &b"A: 1\r\n\nhi\r\n"[..],
            b"A: 1\rB: 2\r\n",
            b"A: 1\r\r\n",
            b"A: 1\r\n\r",
            b"A: 1\n\rB",
        ] {
            assert_eq!(with_crlf(bad).unwrap_err(), Unclear::LineEnds, "{bad:?}");
        }
    }

    #[test]
    fn fields_keep_their_folds_and_the_body_starts_after_the_empty_line() {
        let mail = Mail::split(b"A: 1\r\n 2\r\nb:3\r\n\r\nA: body\r\n").unwrap();
        assert_eq!(mail.fields.len(), 2);
        assert_eq!(mail.fields[0].value, b" 1\r\n 2\r\n");
        assert_eq!(mail.places("b"), [1]);
        assert_eq!(mail.body, b"A: body\r\n");
        assert_eq!(Mail::split(b"A: 1\r\n").unwrap().body, b"");
    }

    #[test]
    fn a_header_that_readers_could_split_differently_is_not_split() {
        use Unclear::{Control, NotAField, TooLong};
        let many = b"A: 1\r\n".repeat(MAX_FIELDS + 1);
        let long = [b"A: ".as_slice(), &vec![b'x'; MAX_HEADER], b"\r\n"].concat();
        for (mail, want) in [
            (&b"From : a@b.c\r\n\r\n"[..], NotAField),
            (b" A: 1\r\n\r\n", NotAField),
            (b"A: 1\r\nno colon\r\n\r\n", NotAField),
            (b": 1\r\n\r\n", NotAField),
            ("Fr\u{f6}m: 1\r\n\r\n".as_bytes(), NotAField),
            (b"A: 1", NotAField),
            (b"A: x\0y\r\n\r\n", Control),
            (b"A: x\x0cy\r\n\r\n", Control),
            (&many, TooLong),
            (&long, TooLong),
        ] {
            assert_eq!(names(mail).unwrap_err(), want);
        }
        assert_eq!(names(b"A: 1\r\n \r\nB: 2\r\n\r\n").unwrap(), ["A", "B"]);
        assert_eq!(names(b"A: \xc3\xa9\tx\r\n\r\n\0").unwrap(), ["A"]);
    }
}
