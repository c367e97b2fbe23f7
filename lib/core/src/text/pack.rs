//! Packing into parts (3GPP TS 23.040, 9.2.3.24.1): a part of several carries a header of six
//! octets, which leaves 153 septets or 67 UTF-16 units, and neither an escape pair nor a surrogate
//! pair is ever split. So parts are found by filling them, not by dividing.

use unicode_segmentation::UnicodeSegmentation;

use super::{Encoding, gsm};

/// What a cut text ends in: three units in either encoding.
pub(super) const ELLIPSIS: &str = "...";

/// What a text of one part holds, and each part of several.
const fn capacity(encoding: Encoding) -> (u32, u32) {
    match encoding {
        Encoding::Gsm7 => (160, 153),
        Encoding::Ucs2 => (70, 67),
    }
}

/// Units of one character, which are never split; none where the encoding lacks it.
fn units(c: char, encoding: Encoding) -> Option<u32> {
    match encoding {
        Encoding::Gsm7 => gsm::septets(c),
        Encoding::Ucs2 => u32::try_from(c.len_utf16()).ok(),
    }
}

/// Parts filled so far.
#[derive(Clone, Copy)]
struct Filling {
    each: u32,
    parts: u32,
    last: u32,
}

impl Filling {
    /// Before the first character, with `each` units to a part.
    const fn new(each: u32) -> Self {
        Self {
            each,
            parts: 1,
            last: 0,
        }
    }

    /// Adds one character; what the part it completed holds, where it completed one.
    const fn add(&mut self, units: u32) -> Option<u32> {
        if self.last + units <= self.each {
            self.last += units;
            return None;
        }
        let full = self.last;
        self.parts = self.parts.saturating_add(1);
        self.last = units;
        Some(full)
    }
}

/// Units of each part of `text`. An empty text is one empty part. A character that the encoding
/// lacks counts one unit; callers choose an encoding that has all of them.
pub(super) fn part_units(text: &str, encoding: Encoding) -> Vec<u32> {
    let (single, each) = capacity(encoding);
    if encoding == Encoding::Gsm7 && gsm::is_plain(text) {
        return plain_units(text.len(), single, each);
    }
    let total = text
        .chars()
        .map(|c| units(c, encoding).unwrap_or(1))
        .fold(0, u32::saturating_add);
    if total <= single {
        return vec![total];
    }
    let mut filling = Filling::new(each);
    let mut parts: Vec<u32> = text
        .chars()
        .filter_map(|c| filling.add(units(c, encoding).unwrap_or(1)))
        .collect();
    parts.push(filling.last);
    parts
}

/// Units of each part where every octet is one.
fn plain_units(octets: usize, single: u32, each: u32) -> Vec<u32> {
    let mut left = u32::try_from(octets).unwrap_or(u32::MAX);
    let mut parts = Vec::new();
    while left > single || (!parts.is_empty() && left > each) {
        parts.push(each);
        left -= each;
    }
    parts.push(left);
    parts
}

/// The longest beginning of `text` that fits `max` parts with `...` after it, cut between grapheme
/// clusters, without a blank at its end, and before the first cluster the encoding lacks.
pub(super) fn truncate(text: &str, encoding: Encoding, max: u32) -> String {
    let kept = match fitting(text.graphemes(true), encoding, max) {
        // One cluster longer than everything allowed: no whole one can be kept.
        0 => fitting(text.split_inclusive(|_| true), encoding, max),
        length => length,
    };
    let kept = text.get(..kept).unwrap_or_default();
    format!("{}{ELLIPSIS}", kept.trim_end())
}

/// Bytes of the leading pieces that fit with the ellipsis after them.
fn fitting<'a>(pieces: impl Iterator<Item = &'a str>, encoding: Encoding, max: u32) -> usize {
    let (single, each) = capacity(encoding);
    let mut filling = Filling::new(if max == 1 { single } else { each });
    let mut kept = 0;
    let mut length = 0;
    for piece in pieces {
        for c in piece.chars() {
            let Some(units) = units(c, encoding) else {
                return kept;
            };
            filling.add(units);
            if filling.parts > max {
                return kept;
            }
        }
        length += piece.len();
        let mut with_dots = filling;
        for _ in ELLIPSIS.chars() {
            with_dots.add(1);
        }
        if with_dots.parts <= max {
            kept = length;
        }
    }
    kept
}
