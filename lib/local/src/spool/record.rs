//! How one mail lies in a segment file, and how a file is read back whatever happened to it.
//!
//! A record is a head of 36 octets, a small header for the caller, and the raw mail. Numbers are
//! little-endian:
//!
//! | octets | what |
//! | --- | --- |
//! | 8 | marker: random, one per segment, kept in the file's name; no mail can contain it but by guessing |
//! | 4, 4 | lengths of header and raw mail |
//! | 8 | when it was appended, milliseconds since 1970 |
//! | 4 | CRC-32 of header and raw mail |
//! | 4 | kind: 1 |
//! | 4 | CRC-32 of the head up to here |
//!
//! Must not know where files are or who writes them.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use jiff::Timestamp;

/// Length of a head.
pub(super) const HEAD: usize = 36;
/// The one kind of record there is; another is damage, or a newer version's.
const KIND: u32 = 1;
/// Pieces in which files are read.
const PIECE: usize = 64 * 1024;

/// A head, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) header: u32,
    pub(super) raw: u32,
    pub(super) at: Timestamp,
    pub(super) body_crc: u32,
}

impl Head {
    /// The head of a record; `None` where it is over 4 GiB.
    pub(super) fn of(at: Timestamp, header: &[u8], raw: &[u8]) -> Option<Self> {
        let mut crc = crc32fast::Hasher::new();
        crc.update(header);
        crc.update(raw);
        let (header, raw) = (
            u32::try_from(header.len()).ok()?,
            u32::try_from(raw.len()).ok()?,
        );
        Some(Self {
            header,
            raw,
            at,
            body_crc: crc.finalize(),
        })
    }

    /// Length of the whole record.
    pub(super) fn record_len(&self) -> u64 {
        HEAD as u64 + u64::from(self.header) + u64::from(self.raw)
    }

    pub(super) fn write(&self, marker: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD);
        out.extend_from_slice(&marker.to_le_bytes());
        out.extend_from_slice(&self.header.to_le_bytes());
        out.extend_from_slice(&self.raw.to_le_bytes());
        out.extend_from_slice(&self.at.as_millisecond().to_le_bytes());
        out.extend_from_slice(&self.body_crc.to_le_bytes());
        out.extend_from_slice(&KIND.to_le_bytes());
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// `None`: there is no undamaged head of this segment here.
    pub(super) fn read(bytes: &[u8; HEAD], marker: u64) -> Option<Self> {
        let (signed, crc) = bytes.split_last_chunk::<4>()?;
        let (said, rest) = signed.split_first_chunk::<8>()?;
        let (header, rest) = rest.split_first_chunk::<4>()?;
        let (raw, rest) = rest.split_first_chunk::<4>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (body_crc, rest) = rest.split_first_chunk::<4>()?;
        let kind = rest.first_chunk::<4>()?;
        let sound = u64::from_le_bytes(*said) == marker
            && u32::from_le_bytes(*kind) == KIND
            && u32::from_le_bytes(*crc) == crc32fast::hash(signed);
        if !sound {
            return None;
        }
        Some(Self {
            header: u32::from_le_bytes(*header),
            raw: u32::from_le_bytes(*raw),
            at: Timestamp::from_millisecond(i64::from_le_bytes(*at)).ok()?,
            body_crc: u32::from_le_bytes(*body_crc),
        })
    }
}

/// What a segment file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// Sound records: place, time, header.
    pub(super) records: Vec<(u64, Timestamp, Vec<u8>)>,
    /// Damaged stretches: place and length.
    pub(super) damaged: Vec<(u64, u64)>,
    /// Up to here the file is worth keeping; what follows was being written when the power went.
    pub(super) keep: u64,
}

/// Reads a whole segment, in one pass and bounded memory. Headers are kept where `wanted` says so
/// of their place.
pub(super) fn scan(
    file: impl Read + Seek,
    len: u64,
    marker: u64,
    wanted: impl Fn(u64) -> bool,
) -> io::Result<Contents> {
    let mut file = BufReader::with_capacity(PIECE, file);
    let mut found = Contents {
        keep: len,
        ..Contents::default()
    };
    let mut pos = 0;
    while pos < len {
        if len - pos < HEAD as u64 {
            found.keep = pos;
            break;
        }
        let mut head = [0; HEAD];
        file.read_exact(&mut head)?;
        match Head::read(&head, marker) {
            Some(head) if pos + head.record_len() > len => {
                found.keep = pos;
                break;
            }
            Some(head) => {
                match body(&mut file, &head, wanted(pos))? {
                    Some(header) => found.records.push((pos, head.at, header)),
                    None => found.damaged.push((pos, head.record_len())),
                }
                pos += head.record_len();
            }
            None => {
                let next = next_head(&mut file, pos, len, marker)?;
                match next {
                    Next::Head(at) => found.damaged.push((pos, at - pos)),
                    Next::Bytes => found.damaged.push((pos, len - pos)),
                    Next::Zeros => found.keep = pos,
                }
                let Next::Head(at) = next else { break };
                pos = at;
                file.seek(SeekFrom::Start(pos))?;
            }
        }
    }
    Ok(found)
}

/// Reads over a body; `None` where it is damaged, else its header (empty where not wanted).
fn body(file: &mut impl Read, head: &Head, wanted: bool) -> io::Result<Option<Vec<u8>>> {
    let mut header = Vec::new();
    let mut crc = crc32fast::Hasher::new();
    let mut piece = Vec::new();
    let parts = [
        (u64::from(head.header), wanted),
        (u64::from(head.raw), false),
    ];
    for (len, keep) in parts {
        let mut left = len;
        while left > 0 {
            piece.clear();
            let read = file
                .by_ref()
                .take(left.min(PIECE as u64))
                .read_to_end(&mut piece)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            crc.update(&piece);
            if keep {
                header.extend_from_slice(&piece);
            }
            left -= read as u64;
        }
    }
    Ok((crc.finalize() == head.body_crc).then_some(header))
}

/// What follows a place that is no head.
enum Next {
    /// A head, there.
    Head(u64),
    /// No head, and nothing but zeros: room the file system gave before the power went.
    Zeros,
    /// No head.
    Bytes,
}

/// Looks for the next undamaged head after `pos`.
fn next_head(file: &mut (impl Read + Seek), pos: u64, len: u64, marker: u64) -> io::Result<Next> {
    let marker_bytes = marker.to_le_bytes();
    file.seek(SeekFrom::Start(pos))?;
    let mut window: Vec<u8> = Vec::new();
    let mut start = pos;
    let mut zeros = true;
    loop {
        let read = file.by_ref().take(PIECE as u64).read_to_end(&mut window)?;
        zeros &= window.iter().all(|b| *b == 0);
        let heads = window
            .windows(HEAD)
            .enumerate()
            .filter(|(_, w)| w.starts_with(&marker_bytes));
        for (i, candidate) in heads {
            let at = start + i as u64;
            let sound = candidate
                .first_chunk::<HEAD>()
                .and_then(|head| Head::read(head, marker));
            if at > pos && sound.is_some() {
                return Ok(Next::Head(at));
            }
        }
        if read == 0 || start + window.len() as u64 >= len {
            return Ok(if zeros { Next::Zeros } else { Next::Bytes });
        }
        // A head may lie across two pieces.
        let gone = window.len().saturating_sub(HEAD - 1);
        window.drain(..gone);
        start += gone as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const MARKER: u64 = 0x0123_4567_89ab_cdef;

    fn record(header: &[u8], raw: &[u8]) -> Vec<u8> {
        let head = Head::of(Timestamp::from_second(1_700_000_000).unwrap(), header, raw).unwrap();
        [&head.write(MARKER), header, raw].concat()
    }

    fn read(bytes: &[u8]) -> Contents {
        scan(Cursor::new(bytes), bytes.len() as u64, MARKER, |_| true).unwrap()
    }

    fn headers(contents: &Contents) -> Vec<&[u8]> {
        contents
            .records
            .iter()
            .map(|(_, _, header)| &header[..])
            .collect()
    }

    #[test]
    fn a_tail_torn_at_any_octet_takes_nothing_with_it() {
        let whole = [
            record(b"one", b"first mail"),
            record(b"two", b"second mail"),
        ]
        .concat();
        let last = [&whole[..], &record(b"three", b"third mail")].concat();
        for cut in whole.len()..last.len() {
            let found = read(&last[..cut]);
            assert_eq!(
                (headers(&found), found.keep),
                (vec![&b"one"[..], b"two"], whole.len() as u64),
                "{cut}"
            );
            assert!(found.damaged.is_empty());
            // The same, with the file as long as it should be: told as damage where anything is there.
            let mut zeroed = last.clone();
            zeroed[cut..].fill(0);
            let found = read(&zeroed);
            assert_eq!(headers(&found), vec![&b"one"[..], b"two"], "{cut}");
            assert_eq!(found.keep == whole.len() as u64, cut == whole.len());
            assert_eq!(found.damaged.len(), usize::from(cut > whole.len()));
        }
        assert_eq!(read(&last).records.len(), 3);
    }

    #[test]
    fn any_flipped_bit_is_told_and_costs_one_record() {
        let records = [
            record(b"one", b"first mail"),
            record(b"two", b"second"),
            record(b"three", b"third"),
        ];
        let whole = records.concat();
        let sound = headers(&read(&whole))
            .into_iter()
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let hit = [
                records[0].len(),
                records[0].len() + records[1].len(),
                whole.len(),
            ]
            .iter()
            .position(|end| bit / 8 < *end)
            .unwrap();
            let found = read(&flipped);
            let mut left = sound.clone();
            left.remove(hit);
            assert_eq!(headers(&found), left, "bit {bit}");
            assert_eq!(found.damaged.len(), 1, "bit {bit}");
            assert_eq!(found.damaged[0].1, records[hit].len() as u64);
        }
    }

    #[test]
    fn a_record_inside_a_mail_is_not_an_entry() {
        let forged = [
            &Head::of(Timestamp::UNIX_EPOCH, b"evil", b"x")
                .unwrap()
                .write(!MARKER)[..],
            b"evilx",
        ]
        .concat();
        let mut bytes = [record(b"one", &forged), record(b"two", b"")].concat();
        bytes[0] ^= 1;
        assert_eq!(headers(&read(&bytes)), [b"two"]);
    }

    #[test]
    fn a_head_across_pieces_is_found() {
        for shift in 0..2 * HEAD {
            let mut bytes = record(b"one", &vec![7; PIECE - 2 * HEAD + shift]);
            let second = bytes.len() as u64;
            bytes.extend(record(b"two", b"x"));
            bytes[3] ^= 8;
            let found = read(&bytes);
            assert_eq!(found.records.first().map(|r| r.0), Some(second), "{shift}");
        }
    }
}
