//! Splits raw bytes into header fields and body (RFC 5322 2.1–2.2, with the obsolete syntax of 4.5).
//!
//! The one header splitter of the crate: whatever is read of a header is read from here, so that no two readers
//! can see different fields in one mail. It knows where fields begin and end, not what they mean.

/// Longest header section that is read, in bytes; real mail stays under 64 KiB.
pub(crate) const MAX_HEADER_BYTES: usize = 256 * 1024;

/// Most fields that are kept.
const MAX_FIELDS: usize = 2_000;

/// One field: the name without its colon and the raw value with its folds.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    /// Name as written, trailing blanks (obsolete syntax) removed.
    pub(crate) name: &'a [u8],
    /// All between the colon and the last line end, folds included.
    pub(crate) value: &'a [u8],
}

/// A header section and where the body begins.
pub(crate) struct Headers<'a> {
    fields: Vec<Field<'a>>,
    /// Offset of the first body byte; the end of the input where no empty line ends the header section.
    pub(crate) body: usize,
    /// The section or the number of fields is beyond the limits: what follows was not read.
    pub(crate) too_long: bool,
    /// A NUL or a carriage return without line feed stands in the section.
    pub(crate) stray_bytes: bool,
    /// Fields whose name is not exactly what it looks like (`From\0:`, `From` after a bare CR).
    disguised: Vec<String>,
}

impl<'a> Headers<'a> {
    /// All fields with this name (compared without case), in order.
    pub(crate) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        self.fields
            .iter()
            .filter(move |f| f.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|f| f.value)
    }

    /// The last field of this name. The last, because that is the one a DKIM signature covers (RFC 6376 5.4.2):
    /// a copy put on top of a signed mail must not win.
    pub(crate) fn last(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).last()
    }

    /// The first field of this name: what every other reader takes of the fields of a part.
    pub(crate) fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Whether a field with this name exists.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Whether something in the section could be taken by another reader for a field of this (lower-case) name.
    pub(crate) fn disguised(&self, name: &str) -> bool {
        self.disguised.iter().any(|d| d == name)
    }

    /// All fields, in order.
    pub(crate) fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }
}

/// Splits at the first empty line. A line without a field name belongs to nothing and is skipped; a line that
/// begins with a blank continues the field before it, even when it holds nothing else. Linear in the header.
pub(crate) fn split(raw: &[u8]) -> Headers<'_> {
    let mut headers = Headers {
        fields: Vec::new(),
        body: raw.len(),
        too_long: false,
        stray_bytes: false,
        disguised: Vec::new(),
    };
    let mut at = 0;
    // Start of the field being collected, its name and where its value begins.
    let mut open: Option<(&[u8], usize)> = None;
    while let Some(rest) = raw.get(at..).filter(|r| !r.is_empty()) {
        let line = rest.split_inclusive(|b| *b == b'\n').next().unwrap_or(rest);
        let text = trim_line_end(line);
        let next = at.saturating_add(line.len());
        if text.is_empty() && line.len() > text.len() {
            close(&mut headers, raw, open.take(), at);
            headers.body = next;
            return headers;
        }
        if next > MAX_HEADER_BYTES || headers.fields.len() >= MAX_FIELDS {
            headers.too_long = true;
            headers.body = body_after(raw, at);
            break;
        }
        note_oddities(&mut headers, text);
        if !text.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
            close(&mut headers, raw, open.take(), at);
            open = field_name(text)
                .map(|(name, colon)| (name, at.saturating_add(colon).saturating_add(1)));
        }
        at = next;
    }
    close(&mut headers, raw, open.take(), at);
    headers
}

/// The line without its line feed and the carriage return before it.
pub(crate) fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The value unfolded, each run of blanks one space, none at the ends; at most `most` bytes. Where a reader has a limit,
/// this comes before it: a signature in relaxed form (RFC 6376 3.4.2) sees no added blanks, so they must push
/// nothing out of sight.
pub(crate) fn squeezed(value: &[u8], most: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len().min(most));
    for word in value
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
    {
        if out.len() >= most {
            break;
        }
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
    out.truncate(most);
    out
}

fn close<'a>(
    headers: &mut Headers<'a>,
    raw: &'a [u8],
    open: Option<(&'a [u8], usize)>,
    end: usize,
) {
    if let Some((name, start)) = open {
        let value = trim_line_end(raw.get(start..end).unwrap_or_default());
        headers.fields.push(Field { name, value });
    }
}

/// Where the body begins, for a section that is too long to be read: after the first empty line.
fn body_after(raw: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(rest) = raw.get(at..).filter(|r| !r.is_empty()) {
        let line = rest.split_inclusive(|b| *b == b'\n').next().unwrap_or(rest);
        at = at.saturating_add(line.len());
        if trim_line_end(line).is_empty() {
            return at;
        }
    }
    raw.len()
}

/// Name and position of the colon of a line that begins a field: printable ASCII, blanks before the colon allowed.
fn field_name(line: &[u8]) -> Option<(&[u8], usize)> {
    let colon = line.iter().position(|b| *b == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(|b| (33..=126).contains(b))).then_some((name, colon))
}

/// Remembers what another reader could take for a field although this one does not.
fn note_oddities(headers: &mut Headers<'_>, text: &[u8]) {
    let bare_cr = text.contains(&b'\r');
    if !bare_cr && !text.contains(&0) && text.is_ascii() && field_name(text).is_some() {
        let exact = field_name(text)
            .is_some_and(|(n, _)| n.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-'));
        if exact {
            return;
        }
    }
    if bare_cr || text.contains(&0) {
        headers.stray_bytes = true;
    }
    for (index, piece) in text.split(|b| *b == b'\r').enumerate() {
        // A continuation line is nobody's field, unless a bare CR starts a new line in it.
        if index == 0 && piece.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
            continue;
        }
        let Some(colon) = piece.iter().position(|b| *b == b':') else {
            continue;
        };
        let written = piece.get(..colon).unwrap_or_default();
        if written.len() > 64 {
            continue;
        }
        let seen: String = written
            .iter()
            .filter(|b| b.is_ascii_alphanumeric() || **b == b'-')
            .map(|b| char::from(b.to_ascii_lowercase()))
            .collect();
        let plain = index == 0
            && written
                .trim_ascii_end()
                .eq_ignore_ascii_case(seen.as_bytes());
        if !plain && matches!(seen.as_str(), "from" | "sender" | "to" | "cc") {
            headers.disguised.push(seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(raw: &[u8]) -> Vec<String> {
        split(raw)
            .fields()
            .iter()
            .map(|f| String::from_utf8_lossy(f.name).into_owned())
            .collect()
    }

    #[test]
    fn folds_belong_to_their_field_and_only_an_empty_line_ends_the_section() {
        let raw = b"A: 1\r\n \r\n 2\r\nno field here\r\nB : x\n\r\nbody";
        let headers = split(raw);
        assert_eq!(names(raw), ["A", "B"]);
        assert_eq!(headers.last("a"), Some(&b" 1\r\n \r\n 2"[..]));
        assert_eq!(raw.get(headers.body..), Some(&b"body"[..]));
    }

    #[test]
    fn a_mail_without_an_empty_line_has_no_body() {
        assert_eq!(split(b"A: 1\r\nB: 2").body, 10);
        assert_eq!(split(b"").body, 0);
    }

    #[test]
    fn a_disguised_from_is_noticed() {
        for raw in [
            &b"Subject: x\rFrom: a@b\r\n\r\n"[..],
            b"From\0: a@b\r\n\r\n",
            b"\x0bFrom: a@b\r\n\r\n",
            b"Fr om: a@b\r\n\r\n",
            b"Subject: x\r\n y\rFrom: a@b\r\n\r\n",
        ] {
            assert!(split(raw).disguised("from"), "{raw:?}");
        }
        for raw in [
            &b"From: a@b\r\n\r\n"[..],
            b"From : a@b\r\n\r\n",
            b"X-From: a\r\n from: b\r\n\r\n",
        ] {
            assert!(!split(raw).disguised("from"), "{raw:?}");
        }
    }

    #[test]
    fn an_endless_header_is_cut_off() {
        let mut raw = b"A: ".to_vec();
        raw.resize(1_000_000, b'x');
        raw.extend_from_slice(b"\r\nFrom: a@b\r\n\r\nbody");
        let headers = split(&raw);
        assert!(headers.too_long);
        assert_eq!(raw.get(headers.body..), Some(&b"body"[..]));
    }
}
