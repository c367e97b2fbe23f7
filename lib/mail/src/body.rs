//! Which part of a mail is its text, and that text decoded (DESIGN 4.4).
//!
//! Charsets, transfer encodings, flowed text and HTML are undone here; nothing is cut.

use std::fmt;

use crate::flowed::unflow;
use crate::html::html_to_text;
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

/// All plain parts shown in the mail one after the other (Apple Mail writes several around a picture); without
/// text in any, the HTML parts as text.
pub(crate) fn read(tree: &Tree<'_>) -> Body {
    for (media, origin) in [
        ("text/plain", BodyOrigin::Plain),
        ("text/html", BodyOrigin::Html),
    ] {
        let mut text = String::new();
        for leaf in tree
            .leaves
            .iter()
            .filter(|l| l.media.value == media && is_shown(l))
        {
            let part = leaf_text(leaf, origin);
            if part.trim().is_empty() {
                continue;
            }
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&part);
            if text.len() >= MAX_TEXT {
                text.truncate(text.floor_char_boundary(MAX_TEXT));
                break;
            }
        }
        if !text.is_empty() {
            return Body { text, origin };
        }
    }
    Body {
        text: String::new(),
        origin: BodyOrigin::None,
    }
}

/// Whether a part is shown in the mail and not beside it.
fn is_shown(leaf: &Leaf<'_>) -> bool {
    leaf.disposition.value != "attachment"
}

fn leaf_text(leaf: &Leaf<'_>, origin: BodyOrigin) -> String {
    let content = leaf
        .content
        .get(..leaf.content.len().min(MAX_PART))
        .unwrap_or_default();
    let bytes = transfer::decode(content, &leaf.encoding);
    let label = leaf.media.text("charset");
    let text = charset::decode(&bytes, label.as_deref());
    if origin == BodyOrigin::Html {
        return html_to_text(&text);
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
    if is("format", "flowed") {
        unflow(&text, is("delsp", "yes"))
    } else {
        text
    }
}

/// One kind of line end, no control characters but the tab.
fn plain_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' => {
                rest.next_if_eq(&'\n');
                out.push('\n');
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
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
