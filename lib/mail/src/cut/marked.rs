//! What an HTML mail says of its own lines: quotes and signatures that its program marked as such.
//!
//! Only turns typed lines into cut ones, after the walk over the text: what that found to be forwarded stays.
//!
//! Must not know: HTML.

use super::line::Line;
use super::subject::SubjectKind;
use super::{CutKind, Mark, Tag};

/// Cuts the marked lines. Where nothing typed would be left, only in a reply: elsewhere it may be a forward in a shape
/// of its own. The quote of a forward stays in any case.
pub(super) fn mark(lines: &[Line<'_>], tags: &mut [Tag], marks: &[Mark], subject: SubjectKind) {
    let counts = |mark: &&Mark| mark.kind != CutKind::Quote || subject != SubjectKind::Forward;
    let mut marked = vec![None; tags.len()];
    for mark in marks.iter().filter(counts) {
        let length = mark.lines.end.saturating_sub(mark.lines.start);
        for found in marked.iter_mut().skip(mark.lines.start).take(length) {
            *found = Some(mark.kind);
        }
    }
    let left = lines.iter().zip(tags.iter()).zip(&marked);
    let left = left.into_iter().any(|((line, tag), kind)| {
        kind.is_none() && !matches!(tag, Tag::Cut(_)) && !line.is_blank()
    });
    if !left && subject != SubjectKind::Reply {
        return;
    }
    for (tag, kind) in tags.iter_mut().zip(marked) {
        if let (Tag::Typed, Some(kind)) = (*tag, kind) {
            *tag = Tag::Cut(kind);
        }
    }
}
