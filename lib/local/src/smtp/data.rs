//! The mail out of the bytes after DATA: dots unstuffed, and an end that cannot be forged.
//!
//! The mail ends at CR LF `.` CR LF and nowhere else. Servers that also end it at LF `.` LF or
//! the like let a sender smuggle a second mail past the server in front (CVE-2023-51764 and its
//! kin), so a bare CR or LF spoils the whole mail: it is swallowed to its true end, then refused.
//! A small mail lies in memory; a big one is written to disk in pieces, so that whoever sends it slowly
//! holds a piece only. Must not know who is sending.

use super::incoming::{Incoming, OnDisk};
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
    /// Over the memory and disk that all sessions share, or the disk cannot be written.
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

/// A mail that came whole.
pub(super) enum Received {
    /// In memory, and what it holds of it.
    Small(Vec<u8>, Held),
    Big(OnDisk),
}

/// Collects one mail.
pub(super) struct Collector {
    at: At,
    /// What has come and is not on disk.
    piece: Vec<u8>,
    disk: Option<OnDisk>,
    /// The piece is to be written to disk before more is taken.
    full: bool,
    fault: Option<Fault>,
    max: usize,
    held: Held,
    incoming: Incoming,
}

/// First piece of memory asked for.
const FIRST: usize = 16 * 1024;
/// A mail of this size is big, and goes to disk.
const BIG: usize = 256 * 1024;
/// The rest of a big mail goes to disk in pieces of this size.
const PIECE: usize = 64 * 1024;

impl Collector {
    /// `max`: largest mail in octets.
    pub(super) fn new(max: usize, held: Held, incoming: Incoming) -> Self {
        Self {
            at: At::Start,
            piece: Vec::new(),
            disk: None,
            full: false,
            fault: None,
            max,
            held,
            incoming,
        }
    }

    /// Whether there is memory to begin with.
    pub(super) fn begin(&mut self) -> bool {
        self.held.grow_to(FIRST)
    }

    /// Takes bytes up to the mail's end at most, fewer where [`Self::wants_disk`]; says how many were taken.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.at == At::End || self.full {
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

    /// Whether [`Self::write`] is to be called before anything else.
    pub(super) fn wants_disk(&self) -> bool {
        self.full || self.ended() && self.disk.is_some() && !self.piece.is_empty()
    }

    /// Writes to disk what is in memory. A disk that is full or fails spoils the mail, nothing else.
    pub(super) async fn write(&mut self) {
        self.full = false;
        let piece = std::mem::take(&mut self.piece);
        let begun = match self.disk.take() {
            Some(disk) => Some(disk),
            None => self.incoming.begin().await,
        };
        self.disk = match begun {
            Some(disk) => disk.append(piece).await,
            None => None,
        };
        self.held.release();
        if self.disk.is_none() {
            self.spoil(Fault::NoRoom);
        }
    }

    /// The mail, once it has ended, or why it is refused.
    pub(super) fn finish(self) -> Result<Received, Fault> {
        match (self.fault, self.disk) {
            (Some(fault), _) => Err(fault),
            (None, Some(disk)) => Ok(Received::Big(disk)),
            (None, None) => Ok(Received::Small(self.piece, self.held)),
        }
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
        self.piece = Vec::new();
        self.disk = None;
        self.full = false;
        self.held.release();
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        let size = self.piece.len() + bytes.len();
        if self.disk.as_ref().map_or(0, OnDisk::len) + size > self.max {
            return self.spoil(Fault::TooBig);
        }
        let most = if self.disk.is_some() { PIECE } else { BIG };
        if size > self.piece.capacity() {
            let capacity = (self.piece.capacity() * 2)
                .clamp(FIRST, self.max.clamp(FIRST, most))
                .max(size);
            // Where memory is short a mail goes to disk earlier; what is over is one read of the wire at most.
            self.full = !self.held.grow_to(capacity);
            self.piece.reserve_exact(capacity - self.piece.len());
        }
        self.piece.extend_from_slice(bytes);
        self.full |= self.piece.len() >= most;
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::Budget;
    use super::*;

    fn collector(max: usize, memory: usize, disk: usize) -> Collector {
        let incoming = Incoming::new(std::env::temp_dir(), disk);
        Collector::new(max, Budget::new(memory).hold(), incoming)
    }

    fn in_memory(received: Received) -> Vec<u8> {
        match received {
            Received::Small(mail, _) => mail,
            Received::Big(_) => panic!("a small mail went to disk"),
        }
    }

    /// Feeds all of it, writing where that is wanted; the most memory it took.
    async fn feed(collector: &mut Collector, mut input: &[u8], step: usize) -> usize {
        let mut most = 0;
        while !input.is_empty() || collector.wants_disk() {
            let taken = collector.feed(&input[..step.min(input.len())]);
            input = &input[taken..];
            most = most.max(collector.piece.capacity());
            if collector.wants_disk() {
                collector.write().await;
            }
        }
        most
    }

    /// The mail or its fault, and what was left unread; the same however the input is cut.
    fn collect(input: &[u8]) -> (Option<Result<Vec<u8>, Fault>>, usize) {
        let mut outcomes = (1..=input.len()).map(|step| {
            let mut collector = collector(100, 1 << 20, 1 << 20);
            let mut taken = 0;
            for piece in input.chunks(step) {
                taken += collector.feed(piece);
            }
            let ended = collector.ended();
            (
                ended.then(|| collector.finish().map(in_memory)),
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

    #[tokio::test]
    async fn a_big_mail_is_on_disk_and_comes_back_as_it_was() {
        let lines: String = (0..60_000).map(|n| format!("..line {n}\r\n")).collect();
        let mail = lines.replace("..line", ".line");
        let input = format!("{lines}.\r\n");
        for step in [777, 16 * 1024, input.len()] {
            let mut collector = collector(1 << 20, 1 << 20, 1 << 20);
            let most = feed(&mut collector, input.as_bytes(), step).await;
            assert!(collector.ended() && most <= BIG + step, "{most}");
            let Ok(Received::Big(disk)) = collector.finish() else {
                panic!("{step}: not on disk");
            };
            assert_eq!(disk.len(), mail.len());
            assert!(disk.read().await.unwrap() == mail.as_bytes(), "{step}");
        }
    }

    #[tokio::test]
    async fn size_is_counted_on_disk_too() {
        let end = b"\r\n.\r\n";
        for (size, fits) in [(1_000_000 - 2, true), (1_000_000 - 1, false)] {
            let mut collector = collector(1_000_000, 1 << 20, 1 << 20);
            let input = [&vec![b'a'; size][..], end].concat();
            feed(&mut collector, &input, 16 * 1024).await;
            assert!(collector.ended());
            assert_eq!(collector.finish().err(), (!fits).then_some(Fault::TooBig));
        }
    }

    #[tokio::test]
    async fn a_fault_far_into_a_big_mail_gives_the_disk_back() {
        let mut collector = collector(1 << 20, 1 << 20, 1 << 20);
        feed(&mut collector, &vec![b'a'; 600_000], 16 * 1024).await;
        let left = collector.incoming.left();
        assert!(left < 500_000, "{left}");
        feed(&mut collector, b"\nx\r\n.\r\n", 16).await;
        assert_eq!(collector.incoming.left(), 1024 * 1025);
        assert_eq!(collector.finish().err(), Some(Fault::BareEnd));
    }

    #[tokio::test]
    async fn beyond_memory_is_disk_and_beyond_that_is_refused() {
        let mail = [&[b'a'; 20 * 1024][..], b"\r\n.\r\n"].concat();
        let mut fits = collector(1 << 20, 4 * 1024, 1 << 20);
        feed(&mut fits, &mail, 1024).await;
        assert!(matches!(fits.finish(), Ok(Received::Big(_))));

        let mut crowded = collector(1 << 20, 4 * 1024, 8 * 1024);
        feed(&mut crowded, &mail, 1024).await;
        assert!(crowded.ended());
        assert_eq!(crowded.finish().err(), Some(Fault::NoRoom));

        let nowhere = Incoming::new("/nowhere/at/all".into(), 1 << 20);
        let mut lost = Collector::new(1 << 20, Budget::new(4 * 1024).hold(), nowhere);
        feed(&mut lost, &mail, 1024).await;
        assert_eq!(lost.finish().err(), Some(Fault::NoRoom));
    }
}
