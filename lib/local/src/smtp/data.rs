//! The mail out of the bytes after DATA: dots unstuffed, and an end that cannot be forged.
//!
//! The mail ends at CR LF `.` CR LF and nowhere else. Servers that also end it at LF `.` LF or
//! the like let a sender smuggle a second mail past the server in front (CVE-2023-51764 and its
//! kin), so a bare CR or LF spoils the whole mail: it is swallowed to its true end, then refused.
//! Must not know who is sending.

use super::limits::Held;
use super::reply::Reply;

/// Why a mail is swallowed and refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// CR without LF, or LF without CR.
    BareEnd,
    /// A NUL octet (RFC 5321 2.3.8 and 4.5.2 leave it no place).
    Nul,
    /// Over the size limit.
    TooBig,
    /// Over the memory all sessions share.
    NoRoom,
}

impl Fault {
    /// The word for it in the log.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::BareEnd => "bare-line-end",
            Self::Nul => "nul-octet",
            Self::TooBig => "too-big",
            Self::NoRoom => "no-room",
        }
    }

    pub(super) fn reply(self) -> Reply {
        match self {
            Self::BareEnd => Reply::fixed(
                554,
                6,
                0,
                "The mail has a bare CR or LF; lines must end in CR LF",
            ),
            Self::Nul => Reply::fixed(554, 6, 0, "The mail has a NUL octet; send it encoded"),
            Self::TooBig => Reply::fixed(552, 3, 4, "The mail is too big"),
            Self::NoRoom => Reply::no_room(),
        }
    }
}

/// Where in a line the last octet left us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// After CR LF: a dot here is stuffing or the end.
    Start,
    Text,
    Cr,
    Dot,
    DotCr,
    End,
}

/// Collects one mail.
pub(super) struct Collector {
    at: At,
    mail: Vec<u8>,
    fault: Option<Fault>,
    max: usize,
    held: Held,
}

/// First piece of memory asked for.
const FIRST: usize = 16 * 1024;

impl Collector {
    /// `max`: largest mail in octets.
    pub(super) fn new(max: usize, held: Held) -> Self {
        Self {
            at: At::Start,
            mail: Vec::new(),
            fault: None,
            max,
            held,
        }
    }

    /// Whether there is memory to begin with.
    pub(super) fn begin(&mut self) -> bool {
        self.held.grow_to(FIRST)
    }

    /// Takes bytes up to the mail's end at most; says how many were taken.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.at == At::End {
                break;
            }
            if self.at == At::Text {
                // The long way is for what may end a line; the rest of a line goes in one piece.
                let run = rest
                    .iter()
                    .position(|b| matches!(b, 0 | b'\r' | b'\n'))
                    .unwrap_or(rest.len());
                if let Some((text, after)) =
                    rest.split_at_checked(run).filter(|(t, _)| !t.is_empty())
                {
                    self.push(text);
                    rest = after;
                    continue;
                }
            }
            self.step(byte);
            rest = after;
        }
        bytes.len() - rest.len()
    }

    /// Whether the end was seen.
    pub(super) fn ended(&self) -> bool {
        self.at == At::End
    }

    /// What has spoiled the mail so far.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// The mail, and the memory it holds, or why it is refused.
    pub(super) fn finish(self) -> Result<(Vec<u8>, Held), Fault> {
        self.fault.map_or(Ok((self.mail, self.held)), Err)
    }

    fn step(&mut self, byte: u8) {
        self.at = match (self.at, byte) {
            (At::Cr, b'\n') => {
                self.push(b"\r\n");
                At::Start
            }
            (At::DotCr, b'\n') | (At::End, _) => At::End,
            (At::Cr | At::DotCr, b'\r') => {
                self.spoil(Fault::BareEnd);
                At::Cr
            }
            (At::Start | At::Text, b'\r') => At::Cr,
            (At::Dot, b'\r') => At::DotCr,
            (At::Start, b'.') => At::Dot,
            (at, byte) => {
                if matches!(at, At::Cr | At::DotCr) || byte == b'\n' {
                    self.spoil(Fault::BareEnd);
                }
                if byte == 0 {
                    self.spoil(Fault::Nul);
                }
                self.push(&[byte]);
                At::Text
            }
        };
    }

    /// The first fault stands. What was collected is of no more use.
    fn spoil(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
        self.mail = Vec::new();
        self.held.release();
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        let size = self.mail.len() + bytes.len();
        if size > self.max {
            return self.spoil(Fault::TooBig);
        }
        if size > self.mail.capacity() {
            let capacity = (self.mail.capacity() * 2)
                .clamp(FIRST, self.max.max(FIRST))
                .max(size);
            if !self.held.grow_to(capacity) {
                return self.spoil(Fault::NoRoom);
            }
            self.mail.reserve_exact(capacity - self.mail.len());
        }
        self.mail.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::Budget;
    use super::*;

    /// The mail or its fault, and what was left unread; the same however the input is cut.
    fn collect(input: &[u8]) -> (Option<Result<Vec<u8>, Fault>>, usize) {
        let mut outcomes = (1..=input.len()).map(|step| {
            let mut collector = Collector::new(100, Budget::new(1 << 20).hold());
            let mut taken = 0;
            for piece in input.chunks(step) {
                taken += collector.feed(piece);
            }
            let ended = collector.ended();
            (
                ended.then(|| collector.finish().map(|(mail, _)| mail)),
                input.len() - taken,
            )
        });
        let first = outcomes.next().unwrap();
        assert!(
            outcomes.all(|o| o == first),
            "{input:?} depends on how it is cut"
        );
        first
    }

    #[test]
    fn dots_are_unstuffed_and_the_end_is_found() {
        for (input, mail) in [
            (&b".\r\n"[..], &b""[..]),
            (b"a\r\n.\r\n", b"a\r\n"),
            (b"..\r\n.\r\n", b".\r\n"),
            (b"..a\r\n...b\r\nc.\r\n.\r\n", b".a\r\n..b\r\nc.\r\n"),
            (b"\r\n\r\n.\r\n", b"\r\n\r\n"),
            (b".x\r\n.\r\n", b"x\r\n"),
            (b"caf\xc3\xa9 \xff\r\n.\r\n", b"caf\xc3\xa9 \xff\r\n"),
        ] {
            assert_eq!(collect(input), (Some(Ok(mail.to_vec())), 0), "{input:?}");
        }
        assert_eq!(collect(b"a\r\n.\r\nQUIT\r\n").1, 6);
    }

    #[test]
    fn nothing_but_the_true_end_ends_a_mail() {
        for (shape, fault) in [
            (&b"\n.\n"[..], Fault::BareEnd),
            (b"\r.\r", Fault::BareEnd),
            (b"\n.\r\n", Fault::BareEnd),
            (b"\r\n.\n", Fault::BareEnd),
            (b"\r.\r\n", Fault::BareEnd),
            (b"\r\n.\r", Fault::BareEnd),
            (b"\r\r\n.\n", Fault::BareEnd),
            (b"\n\r.\r\n", Fault::BareEnd),
            (b"\r\n.\rx\r\n", Fault::BareEnd),
            (b"\r\n\x00.\r\n", Fault::Nul),
            (b"\r\n.\x00\r\n", Fault::Nul),
        ] {
            let smuggled = [b"a", shape, b"MAIL FROM:<x@y.example>\r\n"].concat();
            assert_eq!(collect(&smuggled), (None, 0), "{shape:?} ended the mail");
            let whole = [&smuggled[..], b".\r\nQUIT\r\n"].concat();
            assert_eq!(collect(&whole), (Some(Err(fault)), 6), "{shape:?}");
        }
    }

    #[test]
    fn size_is_counted_without_stuffing() {
        let text = [b"..", &[b'a'; 97][..], b"\r\n.\r\n"].concat();
        assert_eq!(collect(&text).0.unwrap().unwrap().len(), 100);
        let text = [&[b'a'; 99][..], b"\r\n.\r\n"].concat();
        assert_eq!(collect(&text).0, Some(Err(Fault::TooBig)));
    }

    #[test]
    fn memory_beyond_the_budget_is_refused() {
        let budget = Budget::new(20 * 1024);
        let mut collector = Collector::new(1 << 20, budget.hold());
        collector.feed(&[b'a'; 20 * 1024]);
        assert_eq!(
            budget.left(),
            20 * 1024 + 1024,
            "nothing is held for a spoiled mail"
        );
        collector.feed(b"\r\n.\r\n");
        assert!(matches!(collector.finish(), Err(Fault::NoRoom)));
    }
}
