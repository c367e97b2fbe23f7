//! What the server says: code, enhanced code and text, and how they look on the wire.
//!
//! Must not know when a reply is given.

use std::borrow::Cow;

/// Longest reply line, with CR LF (RFC 5321 4.5.3.1.5).
const LINE: usize = 512;
/// A reply of more lines than this is cut: nobody reads on.
const LINES: usize = 20;

/// An SMTP reply with an enhanced status code (RFC 3463). The class of the enhanced code is the
/// first digit of the code, so the two never contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    subject: u16,
    detail: u16,
    text: Cow<'static, str>,
}

impl Reply {
    /// A reply of any code: `new(550, 7, 1, "…")` is `550 5.7.1 …`. The text is for a person, may
    /// have several lines, and should be ASCII: other characters become `?` unless the mail was
    /// announced with SMTPUTF8.
    #[must_use]
    pub fn new(code: u16, subject: u16, detail: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            subject,
            detail,
            text: text.into(),
        }
    }

    /// The same, for the server's own replies.
    pub(super) const fn fixed(code: u16, subject: u16, detail: u16, text: &'static str) -> Self {
        Self {
            code,
            subject,
            detail,
            text: Cow::Borrowed(text),
        }
    }

    /// `250 2.0.0`: the mail is ours now.
    #[must_use]
    pub fn accepted(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(250, 0, 0, text)
    }

    /// `550 5.x.y`: refused for good.
    #[must_use]
    pub fn refused(subject: u16, detail: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(550, subject, detail, text)
    }

    /// `451 4.x.y`: not now; the sender's server tries again.
    #[must_use]
    pub fn try_again(subject: u16, detail: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(451, subject, detail, text)
    }

    /// `452 4.3.1`: no room to keep the mail, on disk or in memory.
    #[must_use]
    pub fn no_room() -> Self {
        Self::fixed(
            452,
            3,
            1,
            "There is no room for this mail now; try again later",
        )
    }

    /// The three-digit code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Whether the code is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.class() == 2
    }

    /// The first digit.
    pub(super) fn class(&self) -> u16 {
        self.code / 100
    }

    /// Appends the reply as it goes over the wire: lines of at most 512 octets, each with both
    /// codes (RFC 2034 4). `utf8`: the client announced that it reads UTF-8 (RFC 6531 3.7.4).
    pub(super) fn render(&self, utf8: bool, out: &mut Vec<u8>) {
        let enhanced = format!("{}.{}.{} ", self.class(), self.subject, self.detail);
        let lines = wrapped(&self.text, utf8, LINE - 6 - enhanced.len());
        let last = lines.len().saturating_sub(1);
        for (i, line) in lines.iter().enumerate() {
            let mark = if i == last { ' ' } else { '-' };
            out.extend_from_slice(format!("{}{mark}{enhanced}{line}\r\n", self.code).as_bytes());
        }
    }
}

/// The text in lines of at most `width` octets, broken at spaces, without control characters.
/// Never empty.
fn wrapped(text: &str, utf8: bool, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.len() + 1 + word.len() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            for c in word.chars() {
                let c = if c.is_control() || (!utf8 && !c.is_ascii()) {
                    '?'
                } else {
                    c
                };
                if line.len() + c.len_utf8() > width {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(c);
            }
        }
        lines.push(line);
        if lines.len() >= LINES {
            break;
        }
    }
    lines.truncate(LINES);
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply, utf8: bool) -> String {
        let mut out = Vec::new();
        reply.render(utf8, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_line_has_both_codes() {
        assert_eq!(wire(&Reply::refused(7, 1, "No"), false), "550 5.7.1 No\r\n");
        assert_eq!(wire(&Reply::accepted(""), false), "250 2.0.0 \r\n");
    }

    #[test]
    fn a_text_cannot_forge_another_reply() {
        let reply = Reply::refused(7, 1, "No\r\n250 2.0.0 Yes\rx\0y");
        assert_eq!(
            wire(&reply, false),
            "550-5.7.1 No\r\n550 5.7.1 250 2.0.0 Yes x?y\r\n"
        );
    }

    #[test]
    fn long_texts_are_wrapped_and_bounded() {
        for text in [
            "word ".repeat(400),
            "x".repeat(2000),
            "é".repeat(900),
            "a\n".repeat(90),
        ] {
            for utf8 in [false, true] {
                let out = wire(&Reply::refused(7, 1, text.clone()), utf8);
                assert!(
                    out.split_inclusive("\r\n")
                        .all(|l| l.len() <= LINE && l.starts_with("550"))
                );
                assert!(out.lines().count() <= LINES);
                assert_eq!(out.lines().filter(|l| l.starts_with("550 ")).count(), 1);
            }
        }
    }

    #[test]
    fn only_smtputf8_sees_accents() {
        assert_eq!(
            wire(&Reply::refused(1, 1, "été"), false),
            "550 5.1.1 ?t?\r\n"
        );
        assert_eq!(
            wire(&Reply::refused(1, 1, "été"), true),
            "550 5.1.1 été\r\n"
        );
    }
}
