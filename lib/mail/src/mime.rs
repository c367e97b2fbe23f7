//! The parts of a mail (RFC 2046), walked without recursion and within limits.
//!
//! Gives the leaves in order and the containers on the way; which of them is the text is not decided here.
//! Attached messages are leaves: what is inside them was written by somebody else, some other time.

use crate::headers::{self, Headers};
use crate::params::Params;

/// Deepest nesting that is read; real mail stays under ten.
const MAX_DEPTH: usize = 24;
/// Most parts that are read.
const MAX_PARTS: usize = 1_000;
/// Longest boundary that is honoured (RFC 2046 says 70).
const MAX_BOUNDARY: usize = 512;

/// A part that holds no parts.
pub(crate) struct Leaf<'a> {
    /// `Content-Type`, `text/plain` where absent.
    pub(crate) media: Params,
    /// `Content-Disposition`, empty where absent.
    pub(crate) disposition: Params,
    /// `Content-Transfer-Encoding`, lower case.
    pub(crate) encoding: String,
    /// The body as transferred.
    pub(crate) content: &'a [u8],
}

/// All that was found in one mail.
#[derive(Default)]
pub(crate) struct Tree<'a> {
    pub(crate) leaves: Vec<Leaf<'a>>,
    /// Media types of the multiparts, in order of their beginning.
    pub(crate) containers: Vec<Params>,
    /// The mail is a multipart, and lines stand before its first delimiter.
    pub(crate) preamble: bool,
    pub(crate) too_deep: bool,
    pub(crate) too_many: bool,
}

/// An entity still to be looked at.
struct Entity<'a> {
    media: Params,
    disposition: Params,
    encoding: String,
    content: &'a [u8],
    depth: usize,
}

impl<'a> Entity<'a> {
    /// `field` finds a field of the entity's header section by name.
    fn new(
        field: impl Fn(&str) -> Option<&'a [u8]>,
        content: &'a [u8],
        default_type: &[u8],
    ) -> Entity<'a> {
        let mut media = Params::parse(field("content-type").unwrap_or(default_type));
        if !media.value.contains('/') {
            "text/plain".clone_into(&mut media.value);
        }
        Entity {
            media,
            disposition: Params::parse(field("content-disposition").unwrap_or_default()),
            encoding: Params::parse(field("content-transfer-encoding").unwrap_or_default()).value,
            content,
            depth: 0,
        }
    }
}

/// Walks a mail whose header section has been split already. Time: size × depth, both bounded.
pub(crate) fn walk<'a>(headers: &Headers<'a>, body: &'a [u8]) -> Tree<'a> {
    let mut tree = Tree::default();
    let mut waiting = vec![Entity::new(|name| headers.last(name), body, b"text/plain")];
    while let Some(entity) = waiting.pop() {
        if tree.leaves.len() + tree.containers.len() + waiting.len() >= MAX_PARTS {
            tree.too_many = true;
            break;
        }
        let Some(boundary) = boundary(&entity) else {
            tree.leaves.push(Leaf {
                media: entity.media,
                disposition: entity.disposition,
                encoding: entity.encoding,
                content: entity.content,
            });
            continue;
        };
        if entity.depth >= MAX_DEPTH {
            tree.too_deep = true;
            break;
        }
        if entity.depth == 0 {
            tree.preamble = has_preamble(entity.content, &boundary);
        }
        let Some(pieces) = split_parts(entity.content, &boundary) else {
            tree.too_many = true;
            break;
        };
        let default_type: &[u8] = if entity.media.value == "multipart/digest" {
            b"message/rfc822"
        } else {
            b"text/plain"
        };
        waiting.extend(pieces.into_iter().rev().map(|piece| {
            let (headers, content) = split_part(piece);
            let part = Entity::new(|name| headers.first(name), content, default_type);
            Entity {
                depth: entity.depth + 1,
                ..part
            }
        }));
        tree.containers.push(entity.media);
    }
    tree
}

/// The boundary of a multipart; `None` for everything else. Where the parameter is missing (gateways of telephone
/// companies forget to indent it), the first line that looks like a delimiter gives it.
fn boundary(entity: &Entity<'_>) -> Option<Vec<u8>> {
    if entity.media.main_type() != "multipart" {
        return None;
    }
    let declared = entity
        .media
        .raw("boundary")
        .map(<[u8]>::trim_ascii_end)
        .filter(|b| !b.is_empty());
    let found = || {
        let lines = entity.content.split(|b| *b == b'\n').take(20);
        lines
            .filter_map(|line| line.strip_prefix(b"--"))
            .map(<[u8]>::trim_ascii_end)
            .find(|b| b.len() > 2)
    };
    declared
        .or_else(found)
        .filter(|b| b.len() <= MAX_BOUNDARY)
        .map(<[u8]>::to_vec)
}

/// A part's header section and body; a part that does not begin with a field has no header section.
fn split_part(piece: &[u8]) -> (Headers<'_>, &[u8]) {
    let headers = headers::split(piece);
    let begins_with_field = headers
        .fields()
        .first()
        .is_some_and(|f| piece.starts_with(f.name));
    let begins_empty = headers::trim_line_end(
        piece
            .split_inclusive(|b| *b == b'\n')
            .next()
            .unwrap_or_default(),
    )
    .is_empty();
    if begins_with_field || begins_empty {
        let content = piece.get(headers.body..).unwrap_or_default();
        (headers, content)
    } else {
        (headers::split(b""), piece)
    }
}

/// The pieces between the delimiter lines (RFC 2046 5.1.1); `None` when there are too many. Text before the first
/// and after the closing delimiter is nobody's. A missing closing delimiter ends the last piece at the end.
fn split_parts<'a>(content: &'a [u8], boundary: &[u8]) -> Option<Vec<&'a [u8]>> {
    let mut pieces = Vec::new();
    let mut start: Option<usize> = None;
    let mut at = 0;
    for line in content.split_inclusive(|b| *b == b'\n') {
        let next = at + line.len();
        if let Some(closing) = delimiter(line, boundary) {
            if let Some(from) = start.take() {
                pieces.push(headers::trim_line_end(
                    content.get(from..at).unwrap_or_default(),
                ));
                if pieces.len() > MAX_PARTS {
                    return None;
                }
            }
            if closing {
                return Some(pieces);
            }
            start = Some(next);
        }
        at = next;
    }
    if let Some(from) = start {
        pieces.push(content.get(from..).unwrap_or_default());
    }
    Some(pieces)
}

/// Whether the first line that is not empty is no delimiter of this boundary.
fn has_preamble(content: &[u8], boundary: &[u8]) -> bool {
    content
        .split_inclusive(|b| *b == b'\n')
        .find(|line| !line.trim_ascii().is_empty())
        .is_some_and(|line| delimiter(line, boundary).is_none())
}

/// Whether a line is a delimiter of this boundary, and then whether it is the closing one.
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let rest = line
        .strip_prefix(b"--")?
        .strip_prefix(boundary)?
        .trim_ascii_end();
    match rest {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(raw: &[u8]) -> Vec<String> {
        let headers = headers::split(raw);
        let tree = walk(&headers, raw.get(headers.body..).unwrap_or_default());
        tree.leaves
            .iter()
            .map(|l| format!("{}={}", l.media.value, String::from_utf8_lossy(l.content)))
            .collect()
    }

    #[test]
    fn parts_in_order_with_defaults() {
        let raw = b"Content-Type: multipart/mixed; boundary=\"x\"\r\n\r\npreamble\r\n--x\r\n\r\none\r\n--x \r\nContent-Type: text/html\r\n\r\ntwo\r\n--xy\r\n--x--\r\nepilogue";
        assert_eq!(types(raw), ["text/plain=one", "text/html=two\r\n--xy"]);
    }

    #[test]
    fn the_outer_boundary_ends_an_unclosed_inner_part() {
        let raw = b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\none\n--a\n\ntwo\n--a--\n";
        assert_eq!(types(raw), ["text/plain=one", "text/plain=two"]);
    }

    #[test]
    fn a_forgotten_boundary_is_found() {
        let raw = b"Content-Type: multipart/mixed;\nboundary=a1b\n\n--a1b\n\none\n--a1b--\n";
        assert_eq!(types(raw), ["text/plain=one"]);
    }

    #[test]
    fn a_part_without_header_or_empty_line_is_text() {
        let raw = b"Content-Type: multipart/mixed; boundary=a\n\n--a\njust text\n--a--\n";
        assert_eq!(types(raw), ["text/plain=just text"]);
    }
}
