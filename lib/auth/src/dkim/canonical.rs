//! The two body canonicalisations (RFC 6376 3.4.3, 3.4.4) and the cut of `l=`.
//!
//! Ours, because mail-auth 0.13.3 keeps a line of blanks at the end of a body under `relaxed`, where
//! the RFC takes the blanks first and then the empty lines: true signatures of others would
//! fail. Bodies come with CRLF line ends ([`super::fields`]). Must not know whether a signature is believed.

use mail_auth::common::crypto::{HashContext, HashImpl, Sha256};
use mail_auth::common::headers::Writer;
use mail_auth::dkim::Canonicalization;

/// SHA-256 of the body as canonicalised, and whether it was long enough for `l=`.
pub(super) struct BodyHash {
    pub(super) digest: Vec<u8>,
    /// Octets that `l=` promises and the body does not hold (RFC 6376 3.5: such a signature is invalid).
    pub(super) too_short: bool,
}

/// Hashes the body, or its first `length` canonical octets.
pub(super) fn body_hash(body: &[u8], how: Canonicalization, length: Option<u64>) -> BodyHash {
    let mut sink = Limited {
        hash: Sha256::hasher(),
        left: length.unwrap_or(u64::MAX),
    };
    match how {
        Canonicalization::Simple => simple(body, &mut sink),
        Canonicalization::Relaxed => relaxed(body, &mut sink),
    }
    BodyHash {
        too_short: length.is_some() && sink.left > 0,
        digest: sink.hash.complete().as_ref().to_vec(),
    }
}

/// A hash that takes only so many octets.
struct Limited<H> {
    hash: H,
    left: u64,
}

impl<H: Writer> Writer for Limited<H> {
    fn write(&mut self, octets: &[u8]) {
        let fits = usize::try_from(self.left).unwrap_or(usize::MAX);
        let taken = octets.get(..fits).unwrap_or(octets);
        self.hash.write(taken);
        self.left = self.left.saturating_sub(taken.len() as u64);
    }
}

/// Empty lines at the end become one line end; an empty body is one line end.
fn simple(body: &[u8], sink: &mut impl Writer) {
    let mut kept = body;
    while let Some(shorter) = kept.strip_suffix(b"\r\n") {
        kept = shorter;
    }
    sink.write(kept);
    sink.write(b"\r\n");
}

/// Blanks at line ends go, other runs of blanks become one space, then empty lines at the end go.
fn relaxed(body: &[u8], sink: &mut impl Writer) {
    let mut empty_lines = 0_usize;
    for line in body.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let kept = match line.iter().rposition(|&b| !is_blank(b)) {
            Some(last) => line.get(..=last).unwrap_or_default(),
            None => {
                empty_lines = empty_lines.saturating_add(1);
                continue;
            }
        };
        for _ in 0..std::mem::take(&mut empty_lines) {
            sink.write(b"\r\n");
        }
        let mut rest = kept;
        while !rest.is_empty() {
            let word = rest.iter().position(|&b| is_blank(b)).unwrap_or(rest.len());
            let (word, after) = rest.split_at_checked(word).unwrap_or((rest, &[]));
            sink.write(word);
            let blanks = after.iter().take_while(|&&b| is_blank(b)).count();
            if blanks > 0 {
                sink.write(b" ");
            }
            rest = after.get(blanks..).unwrap_or_default();
        }
        sink.write(b"\r\n");
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str, how: fn(&[u8], &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        how(body.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bodies_canonicalise_as_the_rfc_shows() {
        for (body, in_relaxed, in_simple) in [
            // RFC 6376 3.4.5.
            (
                " C \r\nD \t E\r\n\r\n\r\n",
                " C\r\nD E\r\n",
                " C \r\nD \t E\r\n",
            ),
            ("", "", "\r\n"),
            ("\r\n\r\n", "", "\r\n"),
            ("a", "a\r\n", "a\r\n"),
            (
                "a\r\n\r\n\tb  \r\n",
                "a\r\n\r\n b\r\n",
                "a\r\n\r\n\tb  \r\n",
            ),
            // Blanks first, then empty lines.
            ("a\r\n \t\r\n", "a\r\n", "a\r\n \t\r\n"),
            (" \r\n", "", " \r\n"),
            ("a\r\n ", "a\r\n", "a\r\n \r\n"),
            // Other white space and NUL are text.
            ("a\x0c\x0bb\0\r\n", "a\x0c\x0bb\0\r\n", "a\x0c\x0bb\0\r\n"),
        ] {
            assert_eq!(text(body, relaxed), in_relaxed, "relaxed {body:?}");
            assert_eq!(text(body, simple), in_simple, "simple {body:?}");
        }
    }

    #[test]
    fn the_length_cuts_what_is_canonical() {
        let hash = |body: &str, l| body_hash(body.as_bytes(), Canonicalization::Relaxed, l);
        let whole = hash("a b\r\n", None);
        assert_eq!(hash("a   b\r\nmore\r\n", Some(5)).digest, whole.digest);
        assert!(!hash("a b\r\n", Some(5)).too_short);
        assert!(hash("a b\r\n", Some(6)).too_short);
        assert_eq!(hash("anything", Some(0)).digest, hash("", None).digest);
    }
}
