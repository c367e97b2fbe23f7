//! Which part of a mail is its text, and that text decoded (DESIGN 4.4).
//!
//! Charsets, transfer encodings, flowed text and HTML are undone here; nothing is cut.

use std::borrow::Cow;
use std::fmt;

use crate::clearsigned;
use crate::cut::Mark;
use crate::flowed::unflow;
use crate::html::html_to_marked_text;
use crate::mime::{Leaf, Tree};
use crate::{charset, transfer};

/// Longest text that is kept, in bytes: a hundred times the longest text message, with its quoted history.
const MAX_TEXT: usize = 256 * 1024;
/// Longest part that is decoded, in bytes as transferred.
const MAX_PART: usize = 8 * 1024 * 1024;

/// The text of a mail, before cutting.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// Lines end with `\n`; quoted lines of flowed and HTML text begin with `> `. At most 256 KiB.
    pub text: String,
    /// Where it came from.
    pub origin: BodyOrigin,
    /// Which lines an HTML mail's program marked as quotes and signatures, for [`crate::cut::CutOptions`].
    pub marks: Vec<Mark>,
}

/// The kind of part a text came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyOrigin {
    /// A `text/plain` part.
    Plain,
    /// A `text/html` part, because no plain part holds text.
    Html,
    /// There is no part with text.
    None,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({:?}, {} bytes)", self.origin, self.text.len())
    }
}

/// An attached file: not sent, only named.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// File name, decoded; empty where it has none.
    pub name: String,
    /// Media type, lower case.
    pub content_type: String,
    /// Size in bytes after decoding.
    pub size: usize,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({}, {} bytes)", self.content_type, self.size)
    }
}

/// The plain parts shown in the mail one after the other (Apple Mail writes several around a picture), else the HTML
/// parts as text. Where all plain parts are footers, as lists and virus scanners add to an HTML mail, the HTML counts.
pub(crate) fn read(tree: &Tree<'_>) -> Body {
    let plain = pieces(tree, BodyOrigin::Plain);
    if plain.iter().any(|piece| !is_footer(&piece.text)) {
        return joined(plain, BodyOrigin::Plain);
    }
    let mut all = pieces(tree, BodyOrigin::Html);
    let origin = match (all.is_empty(), plain.is_empty()) {
        (false, _) => BodyOrigin::Html,
        (true, false) => BodyOrigin::Plain,
        (true, true) => BodyOrigin::None,
    };
    all.extend(plain);
    all.sort_by_key(|piece| piece.at);
    joined(all, origin)
}

/// The text of one part.
struct Piece {
    /// The part's place in the mail.
    at: usize,
    text: String,
    marks: Vec<Mark>,
}

/// The texts of all shown parts of one kind that hold any.
fn pieces(tree: &Tree<'_>, origin: BodyOrigin) -> Vec<Piece> {
    let media = if origin == BodyOrigin::Html {
        "text/html"
    } else {
        "text/plain"
    };
    let mut pieces = Vec::new();
    let mut length = 0;
    for (at, leaf) in tree.leaves.iter().enumerate() {
        if length >= MAX_TEXT {
            break;
        }
        if leaf.media.value == media && is_shown(leaf) {
            let (text, marks) = leaf_text(leaf, origin);
            if !text.trim().is_empty() {
                length += text.len();
                pieces.push(Piece { at, text, marks });
            }
        }
    }
    pieces
}

/// A text that begins with a line of dashes, underscores or the like.
fn is_footer(text: &str) -> bool {
    let first = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    first.len() > 1 && first.chars().all(|c| matches!(c, '-' | '_' | '=' | '*'))
}

/// One piece under the other. A mark that runs to the end of its own piece ends there.
fn joined(pieces: Vec<Piece>, origin: BodyOrigin) -> Body {
    let mut text = String::new();
    let mut marks = Vec::new();
    let mut above = 0_usize;
    for piece in pieces {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
            above += 1;
        }
        let lines = piece.text.split('\n').count();
        marks.extend(piece.marks.into_iter().map(|mark| Mark {
            kind: mark.kind,
            lines: above + mark.lines.start..above + mark.lines.end.min(lines),
        }));
        text.push_str(&piece.text);
        above += lines.saturating_sub(1);
    }
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    Body {
        text,
        origin,
        marks,
    }
}

/// Whether a part is shown in the mail and not beside it.
fn is_shown(leaf: &Leaf<'_>) -> bool {
    leaf.disposition.value != "attachment"
}

fn leaf_text(leaf: &Leaf<'_>, origin: BodyOrigin) -> (String, Vec<Mark>) {
    let content = leaf
        .content
        .get(..leaf.content.len().min(MAX_PART))
        .unwrap_or_default();
    let bytes = transfer::decode(content, &leaf.encoding);
    let declared = leaf.media.text("charset");
    let in_page = || {
        if origin == BodyOrigin::Html {
            page_charset(&bytes)
        } else {
            None
        }
    };
    let text = charset::decode(&bytes, declared.or_else(in_page).as_deref());
    if origin == BodyOrigin::Html {
        return html_to_marked_text(&text);
    }
    let text = plain_lines(
        text.get(..text.floor_char_boundary(MAX_TEXT))
            .unwrap_or(&text),
    );
    let is = |name: &str, value: &str| {
        leaf.media
            .text(name)
            .is_some_and(|v| v.eq_ignore_ascii_case(value))
    };
    // Before the lines are joined: the armour is made of lines, and escapes are at their beginnings.
    let text = match clearsigned::unwrap(&text) {
        Cow::Owned(bare) => bare,
        Cow::Borrowed(_) => text,
    };
    let text = if is("format", "flowed") {
        unflow(&text, is("delsp", "yes"))
    } else {
        text
    };
    (text, Vec::new())
}

/// What the `<meta>` of an HTML page says of its charset, which counts where the part's header says nothing.
fn page_charset(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(1_024))?).to_ascii_lowercase();
    let (_, after) = head.split_once("charset=")?;
    let label: String = after
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    // A page that could be searched like this is not UTF-16, whatever it says.
    (!label.is_empty() && !label.starts_with("utf-16")).then_some(label)
}

/// One kind of line end, no control characters but the tab.
fn plain_lines(text: &str) -> String {
    // What may be a control character: one octet tells, of those beyond ASCII the first.
    let may = |b: u8| (b < b' ' && !matches!(b, b'\n' | b'\t')) || matches!(b, 0x7f | 0xc2);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest
        .bytes()
        .position(may)
        .and_then(|at| rest.split_at_checked(at))
    {
        out.push_str(before);
        let mut chars = after.chars();
        match chars.next() {
            Some('\r') => out.push('\n'),
            Some(c) if !c.is_control() => out.push(c),
            Some(_) | None => {}
        }
        rest = chars.as_str();
        if after.starts_with("\r\n") {
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
    }
    out.push_str(rest);
    out
}

/// The parts that are not text shown in the mail.
pub(crate) fn attachments(tree: &Tree<'_>) -> Vec<Attachment> {
    tree.leaves
        .iter()
        .filter(|leaf| {
            !is_shown(leaf) || !matches!(leaf.media.value.as_str(), "text/plain" | "text/html")
        })
        .map(|leaf| Attachment {
            name: leaf
                .disposition
                .text("filename")
                .or_else(|| leaf.media.text("name"))
                .unwrap_or_default(),
            content_type: leaf.media.value.clone(),
            size: transfer::decoded_size(leaf.content, &leaf.encoding),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn of(raw: &str) -> (String, BodyOrigin) {
        let body = parse(format!("From: a@b\r\n{raw}").as_bytes()).body;
        (body.text.trim_end().to_owned(), body.origin)
    }

    fn mixed(parts: &[&str]) -> (String, BodyOrigin) {
        let parts: String = parts
            .iter()
            .map(|part| format!("--x\r\n{part}\r\n"))
            .collect();
        of(&format!(
            "Content-Type: multipart/mixed; boundary=x\r\n\r\n{parts}--x--"
        ))
    }

    const HTML: &str = "Content-Type: text/html\r\n\r\n<p>html";
    const PLAIN: &str = "Content-Type: text/plain\r\n\r\nplain";
    const BOTH: &str = "Content-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\n\r\nplain\r\n--y\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--y--";
    const EMPTY_PLAIN: &str = "Content-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\n\r\n \u{a0}\r\n--y\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--y--";
    const FOOTER: &str = "Content-Type: text/plain\r\n\r\n____\r\nfooter";
    const FILE: &str =
        "Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment\r\n\r\nfile";

    #[test]
    fn which_part_is_the_text() {
        use BodyOrigin::{Html, None, Plain};
        for (parts, text, origin) in [
            (&[PLAIN, HTML][..], "plain", Plain),
            (&[HTML, PLAIN], "plain", Plain),
            (&[BOTH, FILE], "plain", Plain),
            (&[BOTH, FOOTER], "plain\n____\nfooter", Plain),
            (&[PLAIN, FILE, PLAIN], "plain\nplain", Plain),
            (&[HTML, FOOTER], "html\n____\nfooter", Html),
            (&[EMPTY_PLAIN], "html", Html),
            (&[EMPTY_PLAIN, FOOTER], "html\n____\nfooter", Html),
            (&[HTML, FILE, HTML], "html\nhtml", Html),
            (&[FOOTER], "____\nfooter", Plain),
            (&[FILE], "", None),
            (&[], "", None),
        ] {
            assert_eq!(mixed(parts), (text.to_owned(), origin), "{parts:?}");
        }
    }

    #[test]
    fn flowed_and_charset_parameters_are_honoured() {
        let flowed = "Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\none \r\ntwo\r\n>q \r\n>r\r\n";
        assert_eq!(of(flowed), ("onetwo\n> qr".to_owned(), BodyOrigin::Plain));
        let page = "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<meta charset=3D\"koi8-r\">=F0=D2";
        assert_eq!(of(page), ("Пр".to_owned(), BodyOrigin::Html));
    }

    #[test]
    fn attachments_are_named_and_measured() {
        let raw = "Content-Type: application/pdf; name=\"=?utf-8?q?=C3=A9?=.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=";
        let mail = parse(format!("From: a@b\r\n{raw}").as_bytes());
        let wanted = Attachment {
            name: "é.pdf".to_owned(),
            content_type: "application/pdf".to_owned(),
            size: 5,
        };
        assert_eq!(mail.attachments, [wanted]);
        assert!(!format!("{mail:?}").contains("é.pdf"));
    }
}
