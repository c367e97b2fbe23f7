//! The log: lines of our own crates on standard error, as text or JSON, without personal data.
//!
//! Whatever level the operator writes, other people's libraries stay silent: at `trace` they log what they carry,
//! and that is addresses, numbers and texts. Panics are told by their place: their words may quote a mail.

use std::fmt;
use std::panic::PanicHookInfo;

use postel_core::measure;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, fmt as lines};

use crate::config::Log;

/// Starts the log of this process.
pub(crate) fn start(log: &Log) {
    let wanted = EnvFilter::new(&log.level).and(filter_fn(is_ours));
    let lines = lines::layer().with_writer(std::io::stderr);
    let lines = if log.json {
        lines.json().boxed()
    } else {
        lines.with_ansi(false).boxed()
    };
    let alarms = Alarms.with_filter(filter_fn(|m| *m.level() == Level::ERROR && is_ours(m)));
    let all = tracing_subscriber::registry()
        .with(lines.with_filter(wanted))
        .with(alarms);
    // Only one log can be started in a process; a second start changes nothing.
    drop(all.try_init());
    std::panic::set_hook(Box::new(panicked));
}

/// Our crate where the line comes from, one of [`measure::PARTS`].
fn part(metadata: &Metadata<'_>) -> Option<&'static str> {
    let name = metadata.target().split("::").next();
    measure::PARTS.iter().copied().find(|p| Some(*p) == name)
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    part(metadata).is_some()
}

/// Logs where the program broke; the words only where they are written in the program.
fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let words = panic.payload().downcast_ref::<&'static str>().copied();
    tracing::error!(
        place,
        words,
        "alarm: a fault of the program; what it was doing is tried again, or told of above"
    );
}

/// Counts lines that begin with `alarm: `.
struct Alarms;

impl<S: Subscriber> Layer<S> for Alarms {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(false);
        event.record(&mut message);
        if let (Message(true), Some(part)) = (message, part(event.metadata())) {
            measure::ALARMS.count(&[part]);
        }
    }
}

/// Whether the message begins with `alarm: `.
struct Message(bool);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}").starts_with("alarm: ");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what passes the filter.
    #[derive(Clone, Default)]
    struct Passed(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Passed {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let target = event.metadata().target().to_owned();
            self.0.lock().unwrap().push(target);
        }
    }

    #[test]
    fn other_peoples_crates_stay_silent_at_every_level() {
        let passed = Passed::default();
        let filter = EnvFilter::new("trace,hyper=trace").and(filter_fn(is_ours));
        let all = tracing_subscriber::registry().with(passed.clone().with_filter(filter));
        tracing::subscriber::with_default(all, || {
            tracing::trace!("ours");
            tracing::error!(target: "postel_core::dispatch", "ours");
            tracing::error!(target: "hyper::proto", "theirs");
            tracing::error!(target: "postelish", "theirs");
            tracing::trace!(target: "rustls::client", "theirs");
        });
        let passed = passed.0.lock().unwrap().clone();
        assert_eq!(passed, ["postel::log::tests", "postel_core::dispatch"]);
    }

    #[test]
    fn a_list_names_every_crate_of_ours_that_runs_here() {
        for name in [
            "postel_auth",
            "postel_core",
            "postel_local",
            "postel_mail",
            "postel_sms",
            "postel_web",
        ] {
            assert!(measure::PARTS.contains(&name), "{name}");
        }
    }
}
