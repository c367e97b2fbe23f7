//! Small XML answers as a tree. Pure. What a document type could bring (entities, DTDs) is refused, depth is
//! bounded, and the length is whatever the caller let in. Must not know what the elements mean.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Deeper than any answer.
const DEEPEST: usize = 16;

/// An element. Namespaces are not looked at: Esendex writes some answers with and some without.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Without a prefix.
    pub(super) name: String,
    /// Its attribute `id`.
    pub(super) id: Option<String>,
    children: Vec<Element>,
    words: String,
}

/// It is not well-formed, or holds what is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

impl Element {
    /// The children of this name, in order.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// The first child of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// What stands in the first child of this name; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.child(name).map_or("", |c| c.words.as_str())
    }

    /// What stands in the children, whatever their names.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.children.iter().map(|c| c.words.trim())
    }
}

/// Reads a document.
pub(super) fn read(bytes: &[u8]) -> Result<Element, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable)?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|_| Unreadable)? {
            Event::Start(start) => {
                if open.len() > DEEPEST {
                    return Err(Unreadable);
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => inner(&mut open)?.children.push(element(&start)?),
            Event::End(_) => {
                let done = open.pop().ok_or(Unreadable)?;
                inner(&mut open)?.children.push(done);
            }
            Event::Text(text) => inner(&mut open)?.words.push_str(&text.xml10_content()),
            Event::CData(text) => inner(&mut open)?.words.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref().map_err(|_| Unreadable)? {
                    Some(c) => c,
                    None => predefined(&reference.xml10_content())?,
                };
                inner(&mut open)?.words.push(c);
            }
            Event::DocType(_) => return Err(Unreadable),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    let mut roots = open
        .pop()
        .filter(|_| open.is_empty())
        .ok_or(Unreadable)?
        .children;
    match (roots.pop(), roots.is_empty()) {
        (Some(root), true) => Ok(root),
        _ => Err(Unreadable),
    }
}

fn inner(open: &mut [Element]) -> Result<&mut Element, Unreadable> {
    open.last_mut().ok_or(Unreadable)
}

fn element(start: &BytesStart<'_>) -> Result<Element, Unreadable> {
    let mut element = Element {
        name: start.local_name().into_inner().to_owned(),
        ..Element::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| Unreadable)?;
        if attribute.key.local_name().into_inner() == "id" {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            element.id = Some(value.map_err(|_| Unreadable)?.into_owned());
        }
    }
    Ok(element)
}

/// XML 1.0, 4.6.
fn predefined(entity: &str) -> Result<char, Unreadable> {
    match entity {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_attributes_and_references_are_read() {
        let root = read(
            b"\xef\xbb\xbf<?xml version='1.0'?><n:a xmlns:n='x'><b id=\"1&amp;2\">x &lt;&#233;&#x1F44B; y</b><b/><c><![CDATA[<z>&]]></c></n:a>",
        )
        .unwrap();
        assert_eq!(root.name, "a");
        assert_eq!(root.text("b"), "x <é👋 y");
        assert_eq!(root.child("b").unwrap().id.as_deref(), Some("1&2"));
        assert_eq!(root.all("b").count(), 2);
        assert_eq!(root.text("c"), "<z>&");
        assert_eq!(root.text("absent"), "");
    }

    #[test]
    fn what_is_no_plain_document_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(50), "</a>".repeat(50));
        let bomb = "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>";
        for bad in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "</a>",
            "<a>&x;</a>",
            "<a b=c/>",
            "<html",
            bomb,
            &deep,
        ] {
            assert_eq!(read(bad.as_bytes()).err(), Some(Unreadable), "{bad}");
        }
        assert!(read(b"<a>\xff</a>").is_err());
    }
}
