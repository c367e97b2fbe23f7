//! Text set line by line: blanks collapsed, paragraphs kept apart, quotes marked.
//!
//! The writing half of HTML to text; it knows nothing of HTML.

/// Longest result, in bytes.
const MAX_OUT: usize = 256 * 1024;
/// Deepest quote that is marked.
const MAX_QUOTE: usize = 16;

/// Collects text into lines.
#[derive(Default)]
pub(super) struct Lines {
    out: String,
    line: String,
    quote: usize,
    /// A collapsed blank waits for the next visible character.
    space: bool,
    /// An empty line is due before the next line with text.
    gap: bool,
    /// Quote depth of the last line written.
    last_quote: usize,
    /// How many empty lines stand at the end of `out`.
    empty_lines: usize,
    /// How many lines are written.
    count: usize,
    /// Set in front of the next text, once.
    marker: Option<String>,
}

impl Lines {
    /// How many lines are written.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Adds running text: ASCII blanks collapse, no-break spaces are blanks that do not.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                ' ' | '\t' | '\n' | '\r' | '\u{c}' => self.space = true,
                '\u{a0}' => self.push(' '),
                '\u{ad}' | '\u{200b}' | '\u{feff}' => {}
                c if c.is_control() => {}
                c => self.push(c),
            }
        }
    }

    /// Adds preformatted text: line ends and blanks stay.
    pub(super) fn preformatted(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\n' => self.line_break(),
                '\t' => self.push('\t'),
                c if c.is_control() => {}
                c => self.push(c),
            }
        }
    }

    fn push(&mut self, c: char) {
        if self.line.is_empty() {
            if let Some(marker) = self.marker.take() {
                self.line.push_str(&marker);
            }
        } else if self.space {
            self.line.push(' ');
        }
        self.space = false;
        if self.line.len() < MAX_OUT {
            self.line.push(c);
        }
    }

    /// A blank between two things on one line, as between table cells.
    pub(super) fn space(&mut self) {
        self.space = true;
    }

    /// Ends the line if there is one.
    pub(super) fn block(&mut self) {
        if !self.line.is_empty() {
            self.flush();
        }
        self.space = false;
    }

    /// Ends the line and asks for an empty one before what follows.
    pub(super) fn paragraph(&mut self) {
        self.block();
        self.gap = !self.out.is_empty();
    }

    /// Ends the line, also an empty one.
    pub(super) fn line_break(&mut self) {
        self.flush();
        self.space = false;
    }

    /// What stands in front of the next text (a list item's sign).
    pub(super) fn mark(&mut self, marker: String) {
        self.marker = Some(marker);
    }

    /// Sets how deep in quotes the following lines are.
    pub(super) fn set_quote(&mut self, depth: usize) {
        self.paragraph();
        self.quote = depth.min(MAX_QUOTE);
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = line.trim_end();
        if self.out.len() >= MAX_OUT {
            return;
        }
        if text.is_empty() {
            if !self.out.is_empty() && self.empty_lines == 0 {
                self.empty_line(self.quote);
            }
            return;
        }
        if std::mem::take(&mut self.gap) && self.empty_lines == 0 {
            self.empty_line(self.quote.min(self.last_quote));
        }
        self.prefix(self.quote);
        if self.quote > 0 {
            self.out.push(' ');
        }
        self.out.push_str(text);
        self.out.push('\n');
        self.count += 1;
        self.empty_lines = 0;
        self.last_quote = self.quote;
    }

    fn empty_line(&mut self, quote: usize) {
        self.prefix(quote);
        self.out.push('\n');
        self.count += 1;
        self.empty_lines += 1;
    }

    fn prefix(&mut self, quote: usize) {
        self.out.extend(std::iter::repeat_n('>', quote));
    }

    /// The whole text, without empty lines at its ends.
    pub(super) fn finish(mut self) -> String {
        self.block();
        let kept = self.out.trim_end().len();
        self.out.truncate(kept);
        self.out
    }
}
