//! Quoted history and reply headers, and the forwarded texts that must stay.
//!
//! One walk over the lines. Under a typed text, a header block, an "Original Message" divider or an attribution without
//! `>` below it cuts all the rest; an attribution with `>` below it cuts that quote only, so that answers between and
//! below quotes stay. Where nothing was typed above, what follows the header is the text: a forward, or an answer below.
//!
//! Must not know: phrases, labels, signatures' words.

use super::line::Line;
use super::marker::{self, Marker};
use super::subject::SubjectKind;
use super::{CutKind, Tag, attribution, footer, header_block, line, signature};

/// Marks quoted lines as cut and forwarded ones as such.
pub(super) fn mark(
    lines: &[Line<'_>],
    tags: &mut [Tag],
    signatures: &[String],
    subject: SubjectKind,
) {
    let mut walk = Walk {
        lines,
        tags,
        signatures,
        subject,
        typed: false,
        in_signature: false,
        no_block_before: 0,
        loose: false,
        quotes: Vec::new(),
        quoting: false,
    };
    walk.run();
    walk.settle_quotes();
}

struct Walk<'l, 't, 'a> {
    lines: &'l [Line<'a>],
    tags: &'t mut [Tag],
    signatures: &'l [String],
    subject: SubjectKind,
    /// Something was typed above, signature and footers apart.
    typed: bool,
    in_signature: bool,
    /// Header lines up to here were read and are no block.
    no_block_before: usize,
    /// The text opens with an attribution and continues without `>`: nobody can tell whose words follow, so they stay.
    loose: bool,
    /// `>` blocks without an attribution of their own that are surely quotes.
    quotes: Vec<std::ops::Range<usize>>,
    /// This mail surely quotes, as far as it was read.
    quoting: bool,
}

impl Walk<'_, '_, '_> {
    fn run(&mut self) {
        let mut at = 0usize;
        while let Some(line) = self.lines.get(at) {
            at = if line.is_quoted() {
                match self.quoted_forward(at) {
                    Some(end) => end,
                    None => self.quote(at),
                }
            } else if line.is_blank() {
                at.saturating_add(1)
            } else if let Some(end) = self.structure(at) {
                end
            } else {
                self.note_typed(at);
                at.saturating_add(1)
            };
        }
    }

    fn note_typed(&mut self, at: usize) {
        let Some(line) = self.lines.get(at).filter(|_| !self.typed) else {
            return;
        };
        self.in_signature |=
            signature::is_delimiter(line) || signature::is_configured(line, self.signatures);
        self.typed =
            !self.in_signature && !line::is_row(&line.body, 2) && !footer::is_footer(&line.body);
    }

    /// A marker, a header block or an attribution on an unquoted line: the line after what it took, or `None`.
    fn structure(&mut self, at: usize) -> Option<usize> {
        let all = self.lines.len();
        if let Some(found) = self.lines.get(at).and_then(marker::read) {
            return match (found, self.typed) {
                (Marker::Forwarded, _) => Some(self.forward(at, at)),
                (Marker::Original, _) => Some(self.answered_or_forwarded(at, at)),
                (Marker::AboveThisLine, true) => {
                    self.cut(at, all);
                    Some(all)
                }
                (Marker::AboveThisLine, false) => {
                    self.cut(at, at.saturating_add(1));
                    Some(at.saturating_add(1))
                }
            };
        }
        if let Some(block) = (at >= self.no_block_before)
            .then(|| header_block::read(self.lines, at))
            .flatten()
        {
            let divider = header_block::divider_above(self.lines, at);
            let divided = divider < at && block.stands_below_divider();
            let body_follows = self
                .lines
                .iter()
                .skip(block.end)
                .any(|line| !line.is_blank());
            let alone =
                block.is_certain() || (block.stands_alone() && self.subject != SubjectKind::Fresh);
            if divided || (alone && body_follows) {
                return Some(self.answered_or_forwarded(divider, at));
            }
            self.no_block_before = block.end;
        }
        let found = attribution::read(self.lines, at)?;
        let doubtful = !found.above_quote && !found.addressed && self.subject == SubjectKind::Fresh;
        (!doubtful).then(|| self.attributed(at, found))
    }

    /// A header whose first line is `block`, with its divider or marker at `from`: history under a typed text, else the
    /// text itself.
    fn answered_or_forwarded(&mut self, from: usize, block: usize) -> usize {
        let history = match self.subject {
            SubjectKind::Reply => true,
            SubjectKind::Forward => false,
            SubjectKind::Fresh | SubjectKind::Unknown => self.typed,
        };
        if history {
            self.cut(from, self.lines.len());
            return self.lines.len();
        }
        self.forward(from, block)
    }

    /// Cuts the marker and header lines of a forward and keeps the rest as it is.
    fn forward(&mut self, from: usize, at: usize) -> usize {
        let mut next = at;
        if self.lines.get(at).and_then(marker::read).is_some() {
            next = self.skip_blank(at.saturating_add(1));
        }
        let header_end = match header_block::read(self.lines, next) {
            Some(block) => block.end,
            None => at.saturating_add(usize::from(next > at)),
        };
        self.keep_forwarded(from, header_end)
    }

    fn keep_forwarded(&mut self, from: usize, header_end: usize) -> usize {
        for tag in self.tags.iter_mut().take(header_end).skip(from) {
            *tag = Tag::Cut(CutKind::ForwardHeader);
        }
        let quoted = self
            .lines
            .iter()
            .skip(header_end)
            .find(|line| !line.is_empty())
            .is_some_and(Line::is_quoted);
        for (line, tag) in self.lines.iter().zip(self.tags.iter_mut()).skip(header_end) {
            *tag = Tag::Forwarded {
                quoted: quoted && line.is_quoted(),
            };
        }
        self.lines.len()
    }

    /// A quote that is a forward: it opens with Apple Mail's "Begin forwarded message:", or nothing was typed above it and
    /// it opens with a header block.
    fn quoted_forward(&mut self, at: usize) -> Option<usize> {
        let found = self.lines.get(at).and_then(marker::read);
        if found == Some(Marker::Forwarded) {
            return Some(self.forward(at, at));
        }
        let first = if found.is_some() {
            self.skip_blank(at.saturating_add(1))
        } else {
            at
        };
        let block = header_block::read(self.lines, first)?;
        let forward = match self.subject {
            SubjectKind::Reply => false,
            SubjectKind::Forward => true,
            SubjectKind::Fresh | SubjectKind::Unknown => !self.typed,
        };
        (forward && (block.stands_alone() || found.is_some()))
            .then(|| self.keep_forwarded(at, block.end))
    }

    /// A block of `>` lines that no attribution announced.
    fn quote(&mut self, at: usize) -> usize {
        let all = self.lines.len();
        let end = self.quote_end(at);
        let block = self.lines.get(at..end).unwrap_or_default();
        if self.typed && self.is_header_only(at, end) {
            self.cut(at, all);
            return all;
        }
        let last = self.skip_blank(end) >= all;
        let above = at.checked_sub(1).and_then(|above| self.lines.get(above));
        let machine = self.subject == SubjectKind::Fresh
            || above.is_some_and(|line| is_diff_mark(&line.body));
        let answered = last && self.typed && self.subject == SubjectKind::Reply;
        self.quoting |= attribution::opens(block) || (!machine && is_prose(block, last, answered));
        if self.quoting {
            self.quotes.push(at..end);
        }
        end
    }

    /// Some webmail quotes its header lines only ("> Message du …", "> De : …") and puts the history below as it is.
    fn is_header_only(&self, at: usize, end: usize) -> bool {
        [at, at.saturating_add(1)]
            .into_iter()
            .filter_map(|first| header_block::read(self.lines, first))
            .any(|block| block.stands_quoted() && block.end >= end)
    }

    /// The line after a quote: blank lines between quoted ones belong to it.
    fn quote_end(&self, at: usize) -> usize {
        let mut end = at;
        for (next, line) in self.lines.iter().enumerate().skip(at) {
            if line.is_quoted() {
                end = next.saturating_add(1);
            } else if !line.is_blank() {
                break;
            }
        }
        end
    }

    fn attributed(&mut self, at: usize, found: attribution::Attribution) -> usize {
        if found.above_quote {
            let from = self.skip_blank(found.end);
            let end = if self.lines.get(from).is_some_and(Line::is_quoted) {
                self.quote_end(from)
            } else {
                self.piped_end(from)
            };
            if self.loose {
                self.cut(at, found.end);
                return end;
            }
            self.quoting = true;
            self.cut(at, end);
            return end;
        }
        if self.typed && !self.loose {
            if self.subject == SubjectKind::Forward {
                return self.keep_forwarded(at, found.end);
            }
            self.cut(at, self.lines.len());
            return self.lines.len();
        }
        self.loose = true;
        self.cut(at, found.end);
        found.end
    }

    /// The line after a block of `|` lines.
    fn piped_end(&self, at: usize) -> usize {
        self.lines
            .iter()
            .skip(at)
            .take_while(|line| line.body.starts_with('|'))
            .count()
            .saturating_add(at)
    }

    fn skip_blank(&self, at: usize) -> usize {
        self.lines
            .iter()
            .skip(at)
            .take_while(|line| line.is_empty())
            .count()
            .saturating_add(at)
    }

    fn cut(&mut self, from: usize, end: usize) {
        for tag in self.tags.iter_mut().take(end).skip(from) {
            *tag = Tag::Cut(CutKind::Quote);
        }
    }

    /// Cuts the quotes without an attribution; in a loose text only those at its end.
    fn settle_quotes(&mut self) {
        let last_typed = self
            .lines
            .iter()
            .zip(self.tags.iter())
            .rposition(|(line, tag)| {
                !matches!(tag, Tag::Cut(_)) && !line.is_quoted() && !line.is_blank()
            });
        for range in std::mem::take(&mut self.quotes) {
            if !self.loose || last_typed.is_none_or(|last| range.start > last) {
                self.cut(range.start, range.end);
            }
        }
    }
}

/// Reads like a quoted mail: two lines or more that mostly begin like words, with three words a line (two where nothing
/// is below it, one where that ends a reply). "> 90 %", "> ok /home" and a prompt's ">>> f()" are no prose.
fn is_prose(block: &[Line<'_>], last: bool, answered: bool) -> bool {
    let (mut filled, mut begun, mut words) = (0usize, 0usize, 0usize);
    for line in block
        .iter()
        .filter(|line| line.is_quoted() && !line.is_empty())
    {
        filled = filled.saturating_add(1);
        let begins = |c: char| c.is_alphabetic() || "\"'([*<«„“¿¡「".contains(c);
        begun = begun.saturating_add(usize::from(line.body.starts_with(begins)));
        let is_word = |word: &&str| {
            word.chars().any(char::is_alphabetic) && !word.contains(['/', '=', '{', '_'])
        };
        words = words.saturating_add(line.body.split(' ').filter(is_word).count());
    }
    let enough = if answered {
        filled
    } else if last {
        filled.saturating_mul(2)
    } else {
        filled.saturating_mul(3)
    };
    filled >= 2 && begun.saturating_mul(2) > filled && words >= enough
}

/// What `diff` writes above its `> ` lines: `3a4,5`, `---`.
fn is_diff_mark(body: &str) -> bool {
    let numbers = |side: &str| {
        side.starts_with(|c: char| c.is_ascii_digit())
            && side.chars().all(|c| c.is_ascii_digit() || c == ',')
    };
    body == "---"
        || body
            .split_once(['a', 'c'])
            .is_some_and(|(old, new)| numbers(old) && numbers(new))
}
