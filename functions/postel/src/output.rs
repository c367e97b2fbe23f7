//! Standard output: tables and colours on a terminal, tab-separated lines and plain words in a pipe.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, ContentArrangement, Table, TableStyle};

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
        writeln!(self.stream, "{}", text.as_ref())
    }

    /// Text as it is.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    /// A name and its value, the names lined up on a terminal.
    pub(crate) fn field(&mut self, name: &str, value: impl AsRef<str>) -> io::Result<()> {
        let value = value.as_ref();
        if self.terminal {
            writeln!(self.stream, "\x1b[1m{name:<16}\x1b[0m {value}")
        } else {
            writeln!(self.stream, "{name}\t{value}")
        }
    }

    /// Rows under headings; in a pipe the rows alone, their cells separated by tabs.
    pub(crate) fn table(&mut self, headings: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
        if !self.terminal {
            for row in rows {
                let cells: Vec<String> = row
                    .iter()
                    .map(|c| c.replace(['\t', '\n', '\r'], " "))
                    .collect();
                writeln!(self.stream, "{}", cells.join("\t"))?;
            }
            return Ok(());
        }
        let mut table = Table::new();
        table
            .load_style(TableStyle::default())
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(
                headings
                    .iter()
                    .map(|h| Cell::new(h).add_attribute(Attribute::Bold)),
            )
            .add_rows(rows);
        writeln!(self.stream, "{table}")
    }

    /// A cell in a colour where cells may have one: on a terminal.
    pub(crate) fn painted(&self, colour: Colour, text: &str) -> String {
        if self.terminal {
            paint(colour, text)
        } else {
            text.to_owned()
        }
    }

    /// Any value as pretty JSON.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        writeln!(self.stream, "{text}")
    }
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
