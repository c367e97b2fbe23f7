//! Splits an address field into tokens (RFC 5322 3.2).
//!
//! Knows characters, not addresses; whatever is no token is a fault.

use super::FromFault;

/// Deepest comment in a comment.
const MAX_COMMENT_DEPTH: usize = 8;
/// Longest field that is read as addresses, in bytes.
const MAX_FIELD: usize = 64 * 1024;

pub(super) fn is_atext(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b >= 0x80 || b"!#$%&'*+-/=?^_`{|}~".contains(&b)
}

pub(super) struct Token {
    pub(super) kind: Kind,
    /// A blank, a fold or a comment stands before it.
    pub(super) spaced: bool,
}

pub(super) enum Kind {
    Atom(Vec<u8>),
    Quoted(Vec<u8>),
    Dot,
    At,
    Less,
    Greater,
    Comma,
    Colon,
    Semicolon,
}

/// Splits a field's value into tokens; comments and folds are blanks. A domain literal, a stray special or a
/// control character is a fault.
pub(super) fn lex(value: &[u8]) -> Result<Vec<Token>, FromFault> {
    if value.len() > MAX_FIELD {
        return Err(FromFault::Malformed);
    }
    let mut tokens = Vec::new();
    let mut bytes = Bytes { rest: value };
    let mut spaced = false;
    while let Some(b) = bytes.next() {
        let kind = match b {
            b' ' | b'\t' => {
                spaced = true;
                continue;
            }
            b'\r' | b'\n' => {
                bytes.fold(b)?;
                spaced = true;
                continue;
            }
            b'(' => {
                bytes.comment()?;
                spaced = true;
                continue;
            }
            b'"' => Kind::Quoted(bytes.quoted()?),
            b'.' => Kind::Dot,
            b'@' => Kind::At,
            b'<' => Kind::Less,
            b'>' => Kind::Greater,
            b',' => Kind::Comma,
            b':' => Kind::Colon,
            b';' => Kind::Semicolon,
            b if is_atext(b) => Kind::Atom(bytes.atom(b)),
            _ => return Err(FromFault::Malformed),
        };
        tokens.push(Token { kind, spaced });
        spaced = false;
    }
    Ok(tokens)
}

struct Bytes<'a> {
    rest: &'a [u8],
}

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// A line end is only allowed before a blank (folding, RFC 5322 2.2.3).
    fn fold(&mut self, first: u8) -> Result<(), FromFault> {
        if first == b'\r' && self.next() != Some(b'\n') {
            return Err(FromFault::Malformed);
        }
        match self.rest.first() {
            Some(b' ' | b'\t') => Ok(()),
            _ => Err(FromFault::Malformed),
        }
    }

    fn atom(&mut self, first: u8) -> Vec<u8> {
        let mut atom = vec![first];
        while let Some((b, rest)) = self.rest.split_first()
            && is_atext(*b)
        {
            atom.push(*b);
            self.rest = rest;
        }
        atom
    }

    fn quoted(&mut self) -> Result<Vec<u8>, FromFault> {
        let mut text = Vec::new();
        while let Some(b) = self.next() {
            match b {
                b'"' => return Ok(text),
                b'\\' => text.push(
                    self.next()
                        .filter(|b| *b >= b' ' && *b != 0x7f)
                        .ok_or(FromFault::Malformed)?,
                ),
                b'\r' | b'\n' => self.fold(b)?,
                b'\t' => text.push(b),
                b if b < b' ' || b == 0x7f => return Err(FromFault::Malformed),
                b => text.push(b),
            }
        }
        Err(FromFault::Malformed)
    }

    fn comment(&mut self) -> Result<(), FromFault> {
        let mut depth = 1_usize;
        while let Some(b) = self.next() {
            match b {
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'\\' => {
                    self.next()
                        .filter(|b| *b >= b' ' && *b != 0x7f)
                        .ok_or(FromFault::Malformed)?;
                }
                b'\r' | b'\n' => self.fold(b)?,
                b'\t' => {}
                b if b < b' ' || b == 0x7f => return Err(FromFault::Malformed),
                _ => {}
            }
            match depth {
                0 => return Ok(()),
                1..=MAX_COMMENT_DEPTH => {}
                _ => return Err(FromFault::Malformed),
            }
        }
        Err(FromFault::Malformed)
    }
}
