//! An HTML body as the text a person sees in it.
//!
//! Works on the token stream of html5ever with a small stack of its own instead of a tree: no recursion, time and
//! memory linear in the input, whatever is nested in what. Style sheets are not read, only `style` attributes.
//! Links come out as their text, tables row by row, quotes with `> ` in front, as in plain mail.

mod lines;
mod marks;
mod tags;

use std::borrow::Cow;
use std::cell::RefCell;

use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    CharacterTokens, EndTag, StartTag, Tag, TagToken, Token, TokenSink, TokenSinkResult, Tokenizer,
    TokenizerOpts,
};
use html5ever::{LocalName, TokenizerResult};

use lines::Lines;
use marks::Sign;
use tags::Layout;

use crate::cut::{CutKind, Mark};

/// Longest input that is read, in bytes: beyond it lie inline pictures, not words.
const MAX_HTML: usize = 4 * 1024 * 1024;
/// Longest tag whose attributes are read; html5ever compares each attribute with all before it.
const MAX_TAG: usize = 8 * 1024;
/// Most elements that are open at once; deeper ones are passed through without being remembered.
const MAX_OPEN: usize = 512;
/// How far up an end tag looks for its start.
const MAX_LOOK: usize = 64;
/// Most marks of quotes and signatures that are remembered.
const MAX_MARKS: usize = 256;
/// Longest `alt` text that stands for its picture: one emoji with all its joiners.
const MAX_ALT: usize = 64;

/// The visible text of an HTML body. Never fails; at most 256 KiB come out.
pub fn html_to_text(html: &str) -> String {
    html_to_marked_text(html).0
}

/// The same, and which of its lines the mail program itself marked as quotes and signatures ([`crate::cut::CutOptions`]).
pub fn html_to_marked_text(html: &str) -> (String, Vec<Mark>) {
    let html = short_tags(
        html.get(..html.floor_char_boundary(MAX_HTML))
            .unwrap_or(html),
    );
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(&html));
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
    tokenizer.end();
    tokenizer.sink.0.into_inner().finish()
}

/// Drops the attributes of tags that are longer than [`MAX_TAG`].
fn short_tags(html: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut from = 0;
    while let Some(found) = html.get(from..).and_then(|rest| rest.find('<')) {
        let open = from + found;
        let rest = html.get(open..).unwrap_or_default();
        let is_tag = rest
            .chars()
            .nth(1)
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '/');
        let window = rest
            .get(..rest.floor_char_boundary(MAX_TAG))
            .unwrap_or(rest);
        let end = window.find('>');
        // Behind a whole tag the search goes on after it, so that each byte is looked at once.
        from = open + end.filter(|_| is_tag).unwrap_or(1);
        if !is_tag || end.is_some() || rest.len() == window.len() {
            continue;
        }
        let name_end = window
            .find(|c: char| c.is_ascii_whitespace())
            .unwrap_or(window.len())
            .min(64);
        let tag_end = rest.find('>').map_or(html.len(), |end| open + end);
        out.push_str(html.get(copied..open).unwrap_or_default());
        out.push_str(
            window
                .get(..window.floor_char_boundary(name_end))
                .unwrap_or_default(),
        );
        copied = tag_end;
        from = tag_end;
    }
    if copied == 0 {
        return Cow::Borrowed(html);
    }
    out.push_str(html.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

#[derive(Default)]
struct Sink(RefCell<Page>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            CharacterTokens(text) => page.text(&text),
            TagToken(tag) if tag.kind == StartTag => return page.start(&tag),
            TagToken(tag) if tag.kind == EndTag => page.end(&tag.name),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// An element that has begun and not ended.
struct Open {
    name: LocalName,
    layout: Layout,
    /// This element, not one around it, hides what is in it.
    hides: bool,
    quotes: bool,
    /// What its lines are, and the first of them.
    mark: Option<(CutKind, usize)>,
    /// Next number of an ordered list; zero for other lists.
    number: Option<usize>,
}

#[derive(Default)]
struct Page {
    lines: Lines,
    open: Vec<Open>,
    hidden: usize,
    quoted: usize,
    preformatted: usize,
    marks: Vec<Mark>,
    /// An open element marks its lines: what is in it marks nothing more.
    marking: bool,
}

impl Page {
    fn text(&mut self, text: &str) {
        if self.hidden > 0 {
            return;
        }
        if self.preformatted > 0 {
            self.lines.preformatted(text);
        } else {
            self.lines.text(text);
        }
    }

    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let layout = tags::layout(tag);
        self.end_implied(name, layout);
        let hides = layout == Layout::Hidden || tags::is_hidden(tag);
        if self.hidden == 0 && !hides {
            match name {
                "br" => self.lines.line_break(),
                "img" => self.picture(tag),
                _ => self.begin(name, layout),
            }
        }
        if layout == Layout::Void || self.open.len() >= MAX_OPEN {
            return TokenSinkResult::Continue;
        }
        let mark = self.mark(tag, layout);
        let quotes = name == "blockquote" && !tags::only_indents(tag);
        let number = match name {
            "ol" => Some(
                tags::attribute(tag, "start")
                    .and_then(|s| s.parse().ok())
                    .unwrap_or(1),
            ),
            "ul" => Some(0),
            _ => None,
        };
        self.hidden += usize::from(hides);
        self.preformatted += usize::from(layout == Layout::Preformatted);
        if quotes && self.hidden == 0 {
            self.quoted += 1;
            self.lines.set_quote(self.quoted);
        }
        let quotes = quotes && self.hidden == 0;
        self.open.push(Open {
            name: tag.name.clone(),
            layout,
            hides,
            quotes,
            mark,
            number,
        });
        match name {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }

    /// What a block that begins says of its lines. One mark at a time: the outermost.
    fn mark(&mut self, tag: &Tag, layout: Layout) -> Option<(CutKind, usize)> {
        if self.marking || self.hidden > 0 || !layout.breaks() || self.marks.len() >= MAX_MARKS {
            return None;
        }
        let first = self.lines.count();
        match marks::sign(tag)? {
            Sign::Inside(kind) => {
                self.marking = true;
                Some((kind, first))
            }
            Sign::From(kind) => {
                self.marking = true;
                let lines = first..usize::MAX;
                self.marks.push(Mark { kind, lines });
                None
            }
        }
    }

    fn finish(mut self) -> (String, Vec<Mark>) {
        self.close_to(0);
        (self.lines.finish(), self.marks)
    }

    /// What a beginning element does to the lines.
    fn begin(&mut self, name: &str, layout: Layout) {
        match layout {
            Layout::Paragraph => self.lines.paragraph(),
            Layout::Block | Layout::Preformatted => self.lines.block(),
            Layout::Cell => self.lines.space(),
            Layout::Item => {
                self.lines.block();
                let list = self
                    .open
                    .iter_mut()
                    .rev()
                    .take(MAX_LOOK)
                    .find_map(|o| o.number.as_mut());
                let marker = match list {
                    Some(next) if *next > 0 => {
                        *next = next.saturating_add(1);
                        format!("{}. ", next.saturating_sub(1))
                    }
                    _ => "- ".to_owned(),
                };
                self.lines.mark(marker);
            }
            Layout::Void if name == "hr" => self.lines.paragraph(),
            Layout::Void | Layout::Inline | Layout::Hidden => {}
        }
    }

    /// Mailers send emoji as pictures; other pictures are no text, whatever their `alt` says (file names, mostly).
    fn picture(&mut self, tag: &Tag) {
        let symbols = |alt: &&str| alt.len() <= MAX_ALT && !alt.chars().any(char::is_alphanumeric);
        if let Some(alt) = tags::attribute(tag, "alt").filter(symbols) {
            self.lines.text(alt);
        }
    }

    /// Ends the elements that cannot contain the one that begins (`<p>` in `<p>`, `<td>` in `<td>`…).
    fn end_implied(&mut self, name: &str, layout: Layout) {
        let (ended, within): (&[&str], &[&str]) = match name {
            "li" => (&["li"], &["ul", "ol"]),
            "dt" | "dd" => (&["dt", "dd"], &["dl"]),
            "td" | "th" => (&["td", "th"], &["tr", "table"]),
            "tr" | "tbody" | "thead" | "tfoot" => (&["tr"], &["table"]),
            "body" => (&["head"], &["html"]),
            _ if layout.breaks() => (
                &["p"],
                &["td", "th", "table", "div", "blockquote", "li", "body"],
            ),
            _ => return,
        };
        let found = self
            .open
            .iter()
            .rev()
            .take(MAX_LOOK)
            .take_while(|o| !within.contains(&&*o.name))
            .position(|o| ended.contains(&&*o.name));
        if let Some(above) = found {
            self.close_to(self.open.len() - above - 1);
        }
    }

    fn end(&mut self, name: &LocalName) {
        if &**name == "br" && self.hidden == 0 {
            return self.lines.line_break();
        }
        let in_table = matches!(
            &**name,
            "table" | "tr" | "td" | "th" | "tbody" | "thead" | "tfoot" | "body" | "html"
        );
        let found = self
            .open
            .iter()
            .rev()
            .take(MAX_LOOK)
            .take_while(|o| {
                in_table || !matches!(&*o.name, "td" | "th" | "table") || o.name == *name
            })
            .position(|o| o.name == *name);
        if let Some(above) = found {
            self.close_to(self.open.len() - above - 1);
        } else if &**name == "p" && self.hidden == 0 {
            // An end without a beginning is an empty paragraph (HTML 13.2.6.4.7).
            self.lines.paragraph();
        }
    }

    /// Ends open elements until only `keep` are left.
    fn close_to(&mut self, keep: usize) {
        while self.open.len() > keep {
            let Some(open) = self.open.pop() else {
                return;
            };
            let was_hidden = self.hidden > 0;
            self.hidden -= usize::from(open.hides);
            self.preformatted -= usize::from(open.layout == Layout::Preformatted);
            if open.quotes {
                self.quoted -= 1;
                self.lines.set_quote(self.quoted);
            }
            if was_hidden {
                continue;
            }
            match open.layout {
                Layout::Paragraph => self.lines.paragraph(),
                Layout::Block | Layout::Item | Layout::Preformatted => self.lines.block(),
                Layout::Cell => self.lines.space(),
                Layout::Inline | Layout::Void | Layout::Hidden => {}
            }
            if let Some((kind, first)) = open.mark {
                let lines = first..self.lines.count();
                self.marks.push(Mark { kind, lines });
                self.marking = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_as_it_is_seen() {
        for (html, text) in [
            ("<p>one<p>two", "one\n\ntwo"),
            ("one<br>two<br/><br>three", "one\ntwo\n\nthree"),
            ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
            (
                "<div>a  \n b&nbsp; c&amp;d&eacute;&#8364;</div>",
                "a b  c&dé€",
            ),
            (
                "<p class=MsoNormal>a</p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>b</p>",
                "a\n\nb",
            ),
            (
                "<ul><li>a<li>b</ul><ol start=3><li>c</li><li>d</li></ol>",
                "- a\n- b\n\n3. c\n4. d",
            ),
            (
                "<table><tr><td>a<td>b</tr><tr><td>c</td><td>d</td></tr></table>",
                "a b\nc d",
            ),
            ("<pre>a\n  b</pre>c", "a\n  b\nc"),
            (
                "a<script>x<b></script><style>y</style><title>z</title><!-- c -->b",
                "ab",
            ),
            (
                "<div style='display: none'>pre<div>header</div></div><div style=\"mso-hide:all\">x</div>body",
                "body",
            ),
            ("<p hidden>x<p>body", "body"),
            (
                "<a href='https://x.example/y'>here</a><a href=z></a>",
                "here",
            ),
            ("ok<img alt='\u{1f600}'><img alt='logo.png'>", "ok\u{1f600}"),
            ("a<o:p></o:p>b</i></div></td>c", "abc"),
            ("5 < 6 & 7 > 2", "5 < 6 & 7 > 2"),
            ("", ""),
        ] {
            assert_eq!(html_to_text(html), text, "{html}");
        }
    }

    #[test]
    fn quotes_are_marked_and_indents_are_not() {
        for (html, text) in [
            (
                "a<blockquote type=cite>b<br>c<blockquote>d</blockquote></blockquote>e",
                "a\n\n> b\n> c\n>\n>> d\n\ne",
            ),
            (
                "a<blockquote style=\"margin:0 0 0 40px;border:none;padding:0px\">b</blockquote>",
                "a\n\nb",
            ),
            (
                "<div dir=ltr>Yes</div><br><div class=gmail_quote><div class=gmail_attr>On Mon, X wrote:<br></div>\
                 <blockquote class=gmail_quote><div>Shall we?</div></blockquote></div>",
                "Yes\n\nOn Mon, X wrote:\n\n> Shall we?",
            ),
        ] {
            assert_eq!(html_to_text(html), text, "{html}");
        }
    }
}
