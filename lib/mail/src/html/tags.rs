//! What each HTML element means for text: the tables of HTML to text.
//!
//! Knows names and attributes; keeps no state.

use html5ever::tokenizer::Tag;

/// How an element sits in the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layout {
    /// Runs on in the line.
    Inline,
    /// Begins and ends a line.
    Block,
    /// Begins and ends a line, with an empty line around it.
    Paragraph,
    /// A block in which blanks and line ends count.
    Preformatted,
    /// A list item.
    Item,
    /// A table cell.
    Cell,
    /// Has no content.
    Void,
    /// Is not shown.
    Hidden,
}

impl Layout {
    /// Whether it ends an open paragraph.
    pub(super) fn breaks(self) -> bool {
        matches!(
            self,
            Layout::Block | Layout::Paragraph | Layout::Preformatted | Layout::Item
        )
    }
}

/// The layout of an element; unknown ones are inline.
pub(super) fn layout(tag: &Tag) -> Layout {
    match &*tag.name {
        // Outlook writes every line as a paragraph without margins.
        "p" if attribute(tag, "class").is_some_and(|c| c.starts_with("MsoNormal")) => Layout::Block,
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "ul" | "ol" | "dl"
        | "fieldset" => Layout::Paragraph,
        "div" | "section" | "article" | "header" | "footer" | "main" | "nav" | "aside"
        | "address" | "center" | "dt" | "dd" | "tr" | "table" | "tbody" | "thead" | "tfoot"
        | "caption" | "figure" | "figcaption" | "body" | "html" | "details" | "summary"
        | "form" | "legend" => Layout::Block,
        "pre" | "listing" | "plaintext" => Layout::Preformatted,
        "li" => Layout::Item,
        "td" | "th" => Layout::Cell,
        "br" | "hr" | "img" | "wbr" | "input" | "meta" | "link" | "base" | "col" | "area"
        | "source" | "track" | "embed" | "param" | "basefont" | "frame" => Layout::Void,
        "script" | "style" | "title" | "textarea" | "xmp" | "iframe" | "noembed" | "noframes"
        | "template" | "select" | "datalist" | "audio" | "video" | "canvas" | "svg" | "xml" => {
            Layout::Hidden
        }
        _ => Layout::Inline,
    }
}

/// The value of an attribute.
pub(super) fn attribute<'t>(tag: &'t Tag, name: &str) -> Option<&'t str> {
    tag.attrs
        .iter()
        .find(|a| &*a.name.local == name)
        .map(|a| &*a.value)
}

/// Not shown because of its own attributes: `hidden`, or a style that takes it away (preview lines of newsletters).
pub(super) fn is_hidden(tag: &Tag) -> bool {
    if attribute(tag, "hidden").is_some() {
        return true;
    }
    let Some(style) = attribute(tag, "style") else {
        return false;
    };
    let style: String = style
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    style.split(';').any(|rule| {
        matches!(
            rule.trim_end_matches("!important"),
            "display:none"
                | "visibility:hidden"
                | "mso-hide:all"
                | "max-height:0"
                | "max-height:0px"
                | "font-size:0"
                | "font-size:0px"
                | "opacity:0"
        )
    })
}

/// A `blockquote` used as an indent (the indent button of Gmail and Outlook writes one without border), not a quote.
pub(super) fn only_indents(tag: &Tag) -> bool {
    if ["cite", "type", "class", "id"]
        .iter()
        .any(|name| attribute(tag, name).is_some())
    {
        return false;
    }
    attribute(tag, "style").is_some_and(|style| {
        let style = style.to_ascii_lowercase().replace(' ', "");
        style.contains("border:none")
            || style.contains("margin-left:40px") && !style.contains("border-left")
    })
}
