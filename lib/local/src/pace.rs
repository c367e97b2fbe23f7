//! When a thread that commits for many begins its next commit. Must not know what is committed.

use std::time::{Duration, Instant};

/// Under load a commit begins so long after the one before has begun or ended: what comes meanwhile shares it, and its pages
/// and its sync are written once for all. Short beside what a mail takes on its way, and long enough for several of them.
const APART: Duration = Duration::from_millis(4);

/// Paces commits that several wait for; where each commit is one change's alone, nobody waits.
#[derive(Default)]
pub(crate) struct Pace {
    /// When the last commit began, where several shared it.
    shared: Option<Instant>,
}

impl Pace {
    /// Waits until the next commit may begin.
    #[expect(
        clippy::disallowed_methods,
        reason = "a thread that does nothing else: it waits for time itself"
    )]
    pub(crate) fn wait(&mut self) {
        let left = self
            .shared
            .map(|begun| APART.saturating_sub(begun.elapsed()));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            std::thread::sleep(left);
        }
    }

    /// A commit of so many has begun or ended.
    pub(crate) fn begin(&mut self, together: usize) {
        self.shared = (together > 1).then(Instant::now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_shared_is_paced() {
        let mut pace = Pace::default();
        let begun = Instant::now();
        pace.begin(2);
        pace.wait();
        assert!(begun.elapsed() >= APART);
        pace.begin(1);
        assert!(pace.shared.is_none());
    }
}
