//! `Content-Type` and `Content-Disposition` values with their parameters (RFC 2045 5.1, RFC 2183, RFC 2231).
//!
//! Lenient: mailers write these in every broken way, and nothing of who sent a mail depends on them.

use crate::{charset, headers, transfer, words};

/// Most parameters that are read of one field.
const MAX_PARAMS: usize = 64;
/// Longest field that is read, in bytes.
const MAX_FIELD: usize = 16 * 1024;

/// A value and its parameters, all names in lower case.
#[derive(Default, Debug, Clone)]
pub(crate) struct Params {
    /// The value before the first `;`, lower case, without blanks.
    pub(crate) value: String,
    params: Vec<(String, Vec<u8>)>,
}

impl Params {
    /// Reads a field's value; a comment is skipped, the rest is taken as it comes.
    pub(crate) fn parse(field: &[u8]) -> Params {
        let mut pieces = if field.len() > MAX_FIELD {
            split(&headers::squeezed(field, MAX_FIELD))
        } else {
            split(field)
        }
        .into_iter();
        let value = pieces.next().unwrap_or_default();
        let value = value
            .split(u8::is_ascii_whitespace)
            .find(|w| !w.is_empty())
            .unwrap_or_default();
        let params = pieces
            .take(MAX_PARAMS)
            .filter_map(|piece| {
                let equals = piece.iter().position(|b| *b == b'=')?;
                let name = lower(piece.get(..equals)?.trim_ascii());
                Some((name, unquote(piece.get(equals + 1..)?.trim_ascii())))
            })
            .collect();
        Params {
            value: lower(value),
            params,
        }
    }

    /// The part of a media type before the slash.
    pub(crate) fn main_type(&self) -> &str {
        self.value.split('/').next().unwrap_or_default()
    }

    /// The bytes of a plain parameter.
    pub(crate) fn raw(&self, name: &str) -> Option<&[u8]> {
        self.params
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_slice())
    }

    /// A parameter as text: plain, with encoded words (wrong but common), or in the pieces of RFC 2231.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.raw(name) {
            Some(value) => Some(words::text(value)),
            None => self.extended(name),
        }
    }

    /// `name*=charset'language'text`, `name*0=…`, `name*0*=…`.
    fn extended(&self, name: &str) -> Option<String> {
        if let Some(value) = self.raw(&format!("{name}*")) {
            let (label, bytes) = percent(value, true);
            return Some(clean(&charset::decode(&bytes, label.as_deref())));
        }
        let mut bytes = Vec::new();
        let mut label = None;
        for index in 0..MAX_PARAMS {
            if let Some(value) = self.raw(&format!("{name}*{index}")) {
                bytes.extend_from_slice(value);
            } else if let Some(value) = self.raw(&format!("{name}*{index}*")) {
                let (found, piece) = percent(value, index == 0);
                label = label.or(found);
                bytes.extend(piece);
            } else {
                break;
            }
        }
        (!bytes.is_empty()).then(|| clean(&charset::decode(&bytes, label.as_deref())))
    }
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Splits off `charset'language'` where there may be one and resolves `%XX`.
fn percent(value: &[u8], with_charset: bool) -> (Option<String>, Vec<u8>) {
    let mut parts = value.splitn(3, |b| *b == b'\'');
    let (label, text) = match (with_charset, parts.next(), parts.next(), parts.next()) {
        (true, Some(label), Some(_), Some(text)) => (Some(lower(label)), text),
        _ => (None, value),
    };
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match tail {
            [high, low, after @ ..] if *first == b'%' => {
                if let Some((h, l)) = transfer::hex(*high).zip(transfer::hex(*low)) {
                    out.push(h << 4 | l);
                    rest = after;
                } else {
                    out.push(*first);
                }
            }
            _ => out.push(*first),
        }
    }
    (label, out)
}

fn lower(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_ascii_lowercase()
}

/// Splits at `;` outside quotes and drops comments and folds.
fn split(field: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = vec![];
    let mut piece = Vec::new();
    let (mut quoted, mut escaped, mut comment) = (false, false, 0_u32);
    for b in field
        .iter()
        .copied()
        .filter(|b| !matches!(b, b'\r' | b'\n'))
    {
        if escaped {
            escaped = false;
            if comment == 0 {
                piece.push(b);
            }
            continue;
        }
        match b {
            b'\\' if quoted || comment > 0 => {
                escaped = true;
                if comment == 0 {
                    piece.push(b);
                }
            }
            // A bracket inside a bare token begins no comment: some mailers write such boundaries unquoted.
            b'(' if comment > 0 || !quoted && piece.last().is_none_or(u8::is_ascii_whitespace) => {
                comment += 1
            }
            b')' if !quoted && comment > 0 => comment -= 1,
            _ if comment > 0 => {}
            b'"' => {
                quoted = !quoted;
                piece.push(b);
            }
            b';' if !quoted => pieces.push(std::mem::take(&mut piece)),
            _ => piece.push(b),
        }
    }
    pieces.push(piece);
    pieces
}

/// The content of a quoted string, or a token as it stands.
fn unquote(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"") else {
        return value.to_vec();
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(b) = rest.next() {
        match b {
            b'"' => break,
            b'\\' => out.extend(rest.next()),
            b => out.push(*b),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_in_all_their_forms() {
        let cases: [(&str, &str, &str); 8] = [
            ("text/plain; charset=utf-8", "charset", "utf-8"),
            (
                "text/plain; charset = \"utf-8\" (comment; x=1)",
                "charset",
                "utf-8",
            ),
            (
                "a/b; name=\"semi;colon \\\"q\\\"\"",
                "name",
                "semi;colon \"q\"",
            ),
            ("a/b; name*=utf-8''caf%C3%A9", "name", "café"),
            (
                "a/b; name*0*=utf-8''caf%C3; name*1*=%A9; name*2=.txt",
                "name",
                "café.txt",
            ),
            ("a/b; name=\"=?utf-8?q?caf=C3=A9?=\"", "name", "café"),
            ("a/b;\r\n\tNAME=x", "name", "x"),
            ("a/b; name=\"open", "name", "open"),
        ];
        for (field, name, value) in cases {
            assert_eq!(
                Params::parse(field.as_bytes()).text(name).as_deref(),
                Some(value),
                "{field}"
            );
        }
        assert_eq!(Params::parse(b"Text/Plain (x); a=b").value, "text/plain");
        assert_eq!(Params::parse(b"").value, "");
    }
}
