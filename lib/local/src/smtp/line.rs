//! Command lines out of a stream of bytes: a line ends in CR LF, and in nothing else.
//!
//! Must not know what commands there are.

/// Why a line is refused whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineFault {
    /// LF without CR, CR without LF, NUL or another control character.
    Control,
    /// Longer than allowed.
    TooLong,
}

/// Cuts lines. After a fault everything up to the next CR LF is skipped, so that no rest of a
/// refused line is ever taken for a command.
pub(super) struct Lines {
    line: Vec<u8>,
    max: usize,
    cr: bool,
    skipping: bool,
}

impl Lines {
    /// `max`: longest line in octets, with its CR LF.
    pub(super) fn new(max: usize) -> Self {
        Self {
            line: Vec::new(),
            max,
            cr: false,
            skipping: false,
        }
    }

    /// Takes bytes up to and including the first thing to answer: says how many were taken, and
    /// the line (without CR LF) or its fault. A fault is told at once, before the line has ended,
    /// so that a client which never sends CR LF hears why nothing happens.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> (usize, Option<Result<Vec<u8>, LineFault>>) {
        for (i, &byte) in bytes.iter().enumerate() {
            if let Some(event) = self.byte(byte) {
                return (i + 1, Some(event));
            }
        }
        (bytes.len(), None)
    }

    fn byte(&mut self, byte: u8) -> Option<Result<Vec<u8>, LineFault>> {
        let after_cr = std::mem::replace(&mut self.cr, byte == b'\r');
        if self.skipping {
            self.skipping = !(after_cr && byte == b'\n');
            return None;
        }
        match byte {
            b'\n' if after_cr => return Some(Ok(std::mem::take(&mut self.line))),
            b'\r' if !after_cr => {}
            0..32 | 127 => return Some(Err(self.skip(LineFault::Control))),
            _ if after_cr => return Some(Err(self.skip(LineFault::Control))),
            _ if self.line.len() + 3 > self.max => return Some(Err(self.skip(LineFault::TooLong))),
            _ => self.line.push(byte),
        }
        None
    }

    fn skip(&mut self, fault: LineFault) -> LineFault {
        self.line.clear();
        self.skipping = true;
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every event of an input, however it is cut into pieces of `step` bytes.
    fn events(input: &[u8], step: usize) -> Vec<Result<String, LineFault>> {
        let mut lines = Lines::new(16);
        let mut found = Vec::new();
        for mut piece in input.chunks(step) {
            while !piece.is_empty() {
                let (taken, event) = lines.feed(piece);
                piece = &piece[taken..];
                found.extend(event.map(|e| e.map(|l| String::from_utf8(l).unwrap())));
            }
        }
        found
    }

    #[test]
    fn only_cr_lf_ends_a_line() {
        use LineFault::{Control, TooLong};
        let ok = |s: &str| Ok(s.to_owned());
        for (input, expected) in [
            (&b"NOOP\r\nQUIT\r\n"[..], vec![ok("NOOP"), ok("QUIT")]),
            (b"\r\n", vec![ok("")]),
            (b"a\nb\r\nQUIT\r\n", vec![Err(Control), ok("QUIT")]),
            (b"a\rb\r\nQUIT\r\n", vec![Err(Control), ok("QUIT")]),
            (b"a\r\r\nQUIT\r\n", vec![Err(Control), ok("QUIT")]),
            (b"a\n\r\nQUIT\r\n", vec![Err(Control), ok("QUIT")]),
            (b"a\0b\r\nQUIT\r\n", vec![Err(Control), ok("QUIT")]),
            (b"a\nb\nc\n", vec![Err(Control)]),
            (
                b"12345678901234\r\nQUIT\r\n",
                vec![ok("12345678901234"), ok("QUIT")],
            ),
            (
                b"123456789012345\r\nQUIT\r\n",
                vec![Err(TooLong), ok("QUIT")],
            ),
            (
                b"123456789012345\nRSET\r\nQUIT\r\n",
                vec![Err(TooLong), ok("QUIT")],
            ),
        ] {
            for step in 1..=input.len() {
                assert_eq!(
                    events(input, step),
                    expected,
                    "{input:?} in steps of {step}"
                );
            }
        }
    }
}
