//! Standard output: tables and colours on a terminal, tab-separated lines and plain words in a pipe.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, ContentArrangement, Table, TableStyle};

/// Columns below which a table is not squeezed.
const NARROW: u16 = 40;

/// Where a command prints its answer. Colours vanish by themselves where they are not wanted
/// (a pipe, `NO_COLOR`).
pub(crate) struct Output {
    stream: anstream::AutoStream<io::StdoutLock<'static>>,
    terminal: bool,
}

/// The colours in use.
#[derive(Clone, Copy)]
pub(crate) enum Colour {
    /// All is well.
    Good,
    /// Refused, failed.
    Bad,
    /// Mind this.
    Warn,
    /// A heading.
    Bold,
}

/// Every sequence that [`paint`] writes.
const CODES: [&str; 5] = ["\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"];

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Warn => "\x1b[33m",
            Self::Bold => "\x1b[1m",
        }
    }
}

impl Output {
    /// Standard output.
    pub(crate) fn new() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self {
            stream: anstream::AutoStream::auto(stdout.lock()),
            terminal,
        }
    }

    /// One line.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.stream, "{}", cleaned(text.as_ref()))
    }

    /// Text as it is.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    /// A name and its value, the names lined up on a terminal.
    pub(crate) fn field(&mut self, name: &str, value: impl AsRef<str>) -> io::Result<()> {
        let (name, value) = (cleaned(name), cleaned(value.as_ref()));
        if self.terminal {
            writeln!(self.stream, "\x1b[1m{name:<16}\x1b[0m {value}")
        } else {
            writeln!(self.stream, "{name}\t{value}")
        }
    }

    /// Rows under headings; in a pipe the rows alone, their cells separated by tabs. Where there are
    /// none, says so on standard error.
    pub(crate) fn table(&mut self, headings: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
        if rows.is_empty() {
            // Where standard error is closed there is nobody left to tell.
            drop(writeln!(io::stderr().lock(), "(nothing to list)"));
            return Ok(());
        }
        let cells = |row: Vec<String>| {
            row.iter()
                .map(|c| cleaned(c).replace(['\t', '\n'], " "))
                .collect::<Vec<_>>()
        };
        let rows = rows.into_iter().map(cells);
        if !self.terminal {
            return rows
                .into_iter()
                .try_for_each(|row| writeln!(self.stream, "{}", row.join("\t")));
        }
        let mut table = Table::new();
        table
            .load_style(TableStyle::default())
            .set_header(
                headings
                    .iter()
                    .map(|h| Cell::new(h).add_attribute(Attribute::Bold)),
            )
            .add_rows(rows);
        // Some terminals do not know how wide they are, or say nonsense; then lines wrap as they will.
        if table.width().is_some_and(|w| w >= NARROW) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        writeln!(self.stream, "{table}")
    }

    /// Any value as pretty JSON.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        writeln!(self.stream, "{text}")
    }
}

/// Text that does nothing to a terminal but what [`paint`] does: mails hold whatever their
/// sender likes, such as sequences that rewrite the screen, and marks that turn the reading direction.
fn cleaned(text: &str) -> Cow<'_, str> {
    let acts = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let ours = || {
            text.get(at..)
                .is_some_and(|rest| CODES.iter().any(|code| rest.starts_with(code)))
        };
        clean.push(if acts(c) && !ours() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        });
    }
    Cow::Owned(clean)
}

/// The text in a colour, for a stream that drops it where it is not wanted.
pub(crate) fn paint(colour: Colour, text: &str) -> String {
    format!("{}{text}\x1b[0m", colour.code())
}

/// Tells a failure on standard error.
pub(crate) fn complain(failure: &crate::exit::Failure) {
    let mut stream = anstream::stderr().lock();
    // Where standard error is closed there is nobody left to tell.
    drop(writeln!(
        stream,
        "{} {failure}",
        paint(Colour::Bad, "postel:")
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mail_holds_does_nothing_to_a_terminal() {
        assert_eq!(
            cleaned("a\x1b[2Jb\u{9b}c\rd\u{202e}e\nf\tg"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}e\nf\tg"
        );
        for colour in [Colour::Good, Colour::Bad, Colour::Warn, Colour::Bold] {
            let painted = paint(colour, "é");
            assert_eq!(cleaned(&painted), painted);
        }
    }
}
