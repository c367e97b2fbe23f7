//! What mail programs say with an element's class or id: that a quote or a signature is in it, or begins with it.
//!
//! A table; which lines that is, and whether it counts, is decided elsewhere.

use html5ever::tokenizer::Tag;

use super::tags;
use crate::cut::CutKind;

/// What an element says of the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// All that is in it is this.
    Inside(CutKind),
    /// All from its beginning on is this.
    From(CutKind),
}

/// Reads an element. Gmail's `<div class="gmail_quote">` says nothing: answers below a quote are written into it.
pub(super) fn sign(tag: &Tag) -> Option<Sign> {
    if matches!(
        tags::attribute(tag, "id"),
        Some("divRplyFwdMsg" | "appendonsend")
    ) {
        return Some(Sign::From(CutKind::Quote));
    }
    let classes = tags::attribute(tag, "class").unwrap_or_default();
    let is = |wanted: &str| {
        classes
            .split_ascii_whitespace()
            .any(|class| class == wanted)
    };
    if is("gmail_signature") || is("moz-signature") {
        return Some(Sign::Inside(CutKind::Signature));
    }
    let cites = &*tag.name == "blockquote"
        && (is("gmail_quote")
            || tags::attribute(tag, "type").is_some_and(|t| t.eq_ignore_ascii_case("cite")));
    let quotes = cites || is("gmail_attr") || is("moz-cite-prefix") || is("yahoo_quoted");
    quotes.then_some(Sign::Inside(CutKind::Quote))
}
