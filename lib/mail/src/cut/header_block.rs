//! Blocks of header lines ("From: … Sent: … To: … Subject: …") above a quoted or forwarded mail.
//!
//! Must not know: what follows from finding one.

use super::attribution::has_moment;
use super::header_labels::{self, Role};
use super::line::{self, Line};
use super::marker;

/// Lines a block may have, wrapped recipients included.
const LONGEST: usize = 48;
/// Lines a wrapped value may have.
const WRAPPED: usize = 12;

/// A run of header lines.
pub(super) struct Block {
    /// The line after the last header line.
    pub(super) end: usize,
    roles: Vec<Role>,
    from_address: bool,
    moment: bool,
    bold: bool,
}

impl Block {
    fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Written by Outlook and its like: "Sent" (a word that machines hardly use) with a moment.
    fn is_sent(&self) -> bool {
        self.has(Role::Sent) && self.moment && (self.has(Role::To) || self.has(Role::Subject))
    }

    /// Surely written by a mail program, even where nothing else says that this mail is an answer.
    pub(super) fn is_certain(&self) -> bool {
        self.has(Role::From) && self.is_sent()
    }

    /// Written by a mail program in what may be an answer. Machines tell of "From: host1", "From: Paris" or of a caller
    /// and a date; all four of sender's address, moment, recipient and subject are a mail's.
    pub(super) fn stands_alone(&self) -> bool {
        let all_four =
            self.has(Role::Date) && self.moment && self.has(Role::To) && self.has(Role::Subject);
        self.is_certain() || (self.has(Role::From) && all_four && (self.from_address || self.bold))
    }

    /// Enough in quote marks.
    pub(super) fn stands_quoted(&self) -> bool {
        self.has(Role::From) && self.roles.len() >= 3 && (self.from_address || self.moment)
    }

    /// Enough where a divider stands above it.
    pub(super) fn stands_below_divider(&self) -> bool {
        self.has(Role::From) && self.roles.len() >= 2 && (self.from_address || self.is_sent())
    }
}

/// Reads the block whose first header line is `at`. Blank lines between header lines, and values wrapped over several
/// lines, belong to it. `None` if that line is none.
pub(super) fn read(lines: &[Line<'_>], at: usize) -> Option<Block> {
    let depth = lines.get(at)?.depth;
    header_labels::read(&lines.get(at)?.body)?;
    let mut block = Block {
        end: at,
        roles: Vec::new(),
        from_address: false,
        moment: false,
        bold: false,
    };
    let mut next = at;
    while next < at.saturating_add(LONGEST) {
        let Some(line) = lines.get(next).filter(|line| line.depth == depth) else {
            break;
        };
        if let Some((role, value)) = header_labels::read(&line.body) {
            let inner: Vec<Role> = header_labels::within(value).collect();
            for role in inner.iter().chain([&role]) {
                if !block.roles.contains(role) {
                    block.roles.push(*role);
                }
            }
            block.from_address |= role == Role::From && value.contains('@');
            let dated = |role: &Role| matches!(role, Role::Sent | Role::Date);
            block.moment |= (dated(&role) || inner.iter().any(dated)) && has_moment(value);
            block.bold |= line.body.starts_with('*');
            next = next.saturating_add(1);
            block.end = next;
        } else {
            match wrapped_until(lines, next, depth) {
                Some(label) => next = label,
                None => break,
            }
        }
    }
    Some(block)
}

/// A line that is no header line belongs to the block if a header line follows before the next blank line, or if it is
/// itself one blank line before a header line.
fn wrapped_until(lines: &[Line<'_>], at: usize, depth: usize) -> Option<usize> {
    if lines.get(at)?.is_empty() {
        let next = at.saturating_add(1);
        return header_labels::read(&lines.get(next).filter(|line| line.depth == depth)?.body)
            .map(|_| next);
    }
    for (next, line) in lines.iter().enumerate().skip(at).take(WRAPPED) {
        if line.is_empty() || line.depth != depth {
            return None;
        }
        if header_labels::read(&line.body).is_some() {
            return Some(next);
        }
    }
    None
}

/// Where the divider above `at` begins (a row of underscores or dashes, or "Original message" without any; blank lines
/// between allowed); `at` if there is none.
pub(super) fn divider_above(lines: &[Line<'_>], at: usize) -> usize {
    let mut up = at;
    for _ in 0..3 {
        let Some(above) = up.checked_sub(1) else {
            return at;
        };
        match lines.get(above) {
            Some(line) if is_divider(line) || marker::is_original(&line.body) => return above,
            Some(line) if line.is_blank() => up = above,
            _ => return at,
        }
    }
    at
}

fn is_divider(line: &Line<'_>) -> bool {
    line.depth == 0 && line::is_row(&line.body, 5) && !line.body.contains(['=', '*', '#', '~', '+'])
}
