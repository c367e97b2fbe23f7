//! Passages: runs of typed lines, as the quotes cut out of a text leave them.
//!
//! Must not know: what is looked for in them.

use super::Tag;
use super::line::Line;

/// Gives each passage's lines and tags to `work`.
pub(super) fn each(lines: &[Line<'_>], tags: &mut [Tag], work: impl Fn(&[Line<'_>], &mut [Tag])) {
    let mut from = 0usize;
    while from < tags.len() {
        let typed = tags
            .iter()
            .skip(from)
            .take_while(|tag| **tag == Tag::Typed)
            .count();
        let end = from.saturating_add(typed);
        if let (Some(lines), Some(tags)) = (lines.get(from..end), tags.get_mut(from..end)) {
            work(lines, tags);
        }
        from = end.saturating_add(1);
    }
}
