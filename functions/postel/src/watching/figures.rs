//! Where figures are kept and how Prometheus reads them; the process's own figures from `/proc`.
//!
//! Names are made up in [`postel_core::measure`] only.

use std::sync::Arc;

use jiff::Timestamp;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use postel_core::measure::{self, Measure};
use postel_core::ports::Clock as _;

use crate::exit::Failure;
use crate::system::SystemClock;

/// The kept figures. Clones share them.
#[derive(Clone)]
pub(crate) struct Figures {
    handle: Arc<PrometheusHandle>,
    started: Timestamp,
}

impl Figures {
    /// Begins to keep them, for this process and once.
    ///
    /// # Errors
    /// Where somebody keeps them already.
    pub(crate) fn begin() -> Result<Self, Failure> {
        let never = |e: metrics_exporter_prometheus::BuildError| {
            Failure::Trouble(format!("no figures can be kept: {e}"))
        };
        let handle = PrometheusBuilder::new()
            .set_buckets(&measure::BUCKETS)
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(never)?;
        Ok(Self {
            handle: Arc::new(handle),
            started: SystemClock.now(),
        })
    }

    /// Must be called every few seconds, so that what is kept stays small.
    pub(super) fn keep_up(&self) {
        self.handle.run_upkeep();
    }

    /// All of them in Prometheus's text format.
    pub(super) fn render(&self) -> String {
        process(self.started);
        self.handle.render()
    }
}

/// Memory and files, as the kernel says. What it does not say stays as it was.
fn process(started: Timestamp) {
    measure::PROCESS_START.set(&[], started.as_duration().as_secs_f64());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    set(&measure::PROCESS_RESIDENT, field(&status, "VmRSS:"), 1024.0);
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    set(
        &measure::PROCESS_MAX_FDS,
        field(&limits, "Max open files"),
        1.0,
    );
    // Itself counted, as everybody does.
    let open = std::fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
    set(
        &measure::PROCESS_FDS,
        open.and_then(|n| u32::try_from(n).ok()).map(f64::from),
        1.0,
    );
}

fn set(measure: &Measure, value: Option<f64>, scale: f64) {
    if let Some(value) = value {
        measure.set(&[], value * scale);
    }
}

/// The first number after a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let status = "Name:\tpostel\nVmRSS:\t   12345 kB\n";
        assert_eq!(field(status, "VmRSS:"), Some(12345.0));
        let limits = "Max open files            1024                 524288               files\n";
        assert_eq!(field(limits, "Max open files"), Some(1024.0));
        assert_eq!(field("", "VmRSS:"), None);
        assert_eq!(field("VmRSS:\n", "VmRSS:"), None);
    }
}
