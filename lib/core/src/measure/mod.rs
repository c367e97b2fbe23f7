//! What is measured: the one place that makes up a name or a label ([`table`]).
//!
//! Whoever has something to count says so here, and the process that wants to know installs a recorder (Prometheus
//! in the one process); without one nothing is kept. Labels are words of the program's own (`&'static str`), so no
//! address, number or name from outside can become one. Must not know who reads the figures.

pub mod table;

use std::time::Duration;

use metrics::{Key, Label, Level, Metadata};
pub use table::*;

/// How a measure moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only up, from zero at each start.
    Counter,
    /// Up and down.
    Gauge,
    /// How often which value occurred.
    Histogram,
}

/// In what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds, or a time in seconds since 1970.
    Seconds,
    /// Octets.
    Bytes,
}

/// What a label can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// One of these.
    Of(&'static [&'static str]),
    /// The name of a configured provider.
    Provider,
    /// The version of the program.
    Version,
}

/// One thing that is measured. Made in [`table`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [(&'static str, Words)],
    help: &'static str,
    alarm: &'static str,
}

/// What recorders are told of where figures come from.
static ORIGIN: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// Where the buckets of histograms end, in seconds.
pub const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

impl Measure {
    /// Its name, as Prometheus writes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How it moves.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// In what it counts.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Its labels and what they can be.
    #[must_use]
    pub fn labels(&self) -> &'static [(&'static str, Words)] {
        self.labels
    }

    /// What it is and when it moves.
    #[must_use]
    pub fn help(&self) -> &'static str {
        self.help
    }

    /// When to alarm an operator; empty: never by this alone.
    #[must_use]
    pub fn alarm(&self) -> &'static str {
        self.alarm
    }

    /// One more. `words`: one for each label, in order.
    pub fn count(&self, words: &[&'static str]) {
        self.add(words, 1);
    }

    /// So many more.
    pub fn add(&self, words: &[&'static str], more: u64) {
        self.check(Kind::Counter, words);
        let key = self.key(words);
        metrics::with_recorder(|r| r.register_counter(&key, &ORIGIN).increment(more));
    }

    /// So many by now, where somebody else counts.
    pub fn total(&self, words: &[&'static str], all: u64) {
        self.check(Kind::Counter, words);
        let key = self.key(words);
        metrics::with_recorder(|r| r.register_counter(&key, &ORIGIN).absolute(all));
    }

    /// It is so now.
    pub fn set(&self, words: &[&'static str], value: f64) {
        self.check(Kind::Gauge, words);
        let key = self.key(words);
        metrics::with_recorder(|r| r.register_gauge(&key, &ORIGIN).set(value));
    }

    /// One more until the answer is dropped.
    pub fn during(&self, words: &[&'static str]) -> During {
        self.check(Kind::Gauge, words);
        let gauge = metrics::with_recorder(|r| r.register_gauge(&self.key(words), &ORIGIN));
        gauge.increment(1.0);
        During(gauge)
    }

    /// It took so long.
    pub fn took(&self, words: &[&'static str], time: Duration) {
        self.check(Kind::Histogram, words);
        let key = self.key(words);
        metrics::with_recorder(|r| {
            r.register_histogram(&key, &ORIGIN)
                .record(time.as_secs_f64());
        });
    }

    fn check(&self, kind: Kind, words: &[&'static str]) {
        debug_assert_eq!(self.kind, kind, "{}", self.name);
        debug_assert_eq!(self.labels.len(), words.len(), "{}", self.name);
    }

    fn key(&self, words: &[&'static str]) -> Key {
        let labels: Vec<Label> = self
            .labels
            .iter()
            .zip(words)
            .map(|((name, _), word)| Label::from_static_parts(name, word))
            .collect();
        Key::from_parts(self.name, labels)
    }

    /// Every combination of its labels' words.
    fn combinations(
        &self,
        providers: &[&'static str],
        version: &'static str,
    ) -> Vec<Vec<&'static str>> {
        let version = [version];
        self.labels
            .iter()
            .fold(vec![Vec::new()], |so_far, (_, words)| {
                let words: &[&'static str] = match words {
                    Words::Of(words) => words,
                    Words::Provider => providers,
                    Words::Version => &version,
                };
                so_far
                    .iter()
                    .flat_map(|begun| {
                        words.iter().map(|word| {
                            let mut more = begun.clone();
                            more.push(*word);
                            more
                        })
                    })
                    .collect()
            })
    }
}

/// The time from one moment to another; none where a clock was set back between them.
#[must_use]
pub fn between(from: jiff::Timestamp, to: jiff::Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}

/// Something that lasts and is counted while it does.
#[must_use]
pub struct During(metrics::Gauge);

impl Drop for During {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Tells the recorder of everything that will be measured, and begins every counter at zero: a figure that is
/// missing until the first trouble cannot be alarmed on.
pub fn begin(providers: &[&'static str], version: &'static str) {
    for measure in ALL {
        let (name, help) = (measure.name, measure.help.into());
        metrics::with_recorder(|r| match measure.kind {
            Kind::Counter => r.describe_counter(name.into(), None, help),
            Kind::Gauge => r.describe_gauge(name.into(), None, help),
            Kind::Histogram => r.describe_histogram(name.into(), None, help),
        });
        for words in measure.combinations(providers, version) {
            match measure.kind {
                Kind::Counter => measure.add(&words, 0),
                Kind::Gauge => measure.set(&words, 0.0),
                Kind::Histogram => {}
            }
        }
    }
    BUILD_INFO.set(&[version], 1.0);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use metrics::{Counter, Gauge, Histogram, KeyName, Recorder, SharedString};

    use super::*;
    use crate::decision::Code;

    /// Remembers what it was asked for.
    #[derive(Default)]
    struct Seen(Mutex<BTreeSet<String>>);

    impl Seen {
        fn key(&self, key: &Key) {
            let labels: Vec<String> = key
                .labels()
                .map(|l| format!("{}={}", l.key(), l.value()))
                .collect();
            let line = format!("{} {}", key.name(), labels.join(","));
            self.0.lock().unwrap().insert(line.trim_end().to_owned());
        }
    }

    impl Recorder for Seen {
        fn describe_counter(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.key(key);
            Counter::noop()
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            self.key(key);
            Gauge::noop()
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            self.key(key);
            Histogram::noop()
        }
    }

    #[test]
    fn everything_is_there_from_the_start() {
        let seen = Seen::default();
        metrics::with_local_recorder(&seen, || begin(&["handset"], "1"));
        let seen = seen.0.into_inner().unwrap();
        for line in [
            "postel_mails_accepted_total",
            "postel_mails_refused_total reason=not-verified",
            "postel_provider_answers_total provider=handset,class=ambiguous",
            "postel_build_info version=1",
        ] {
            assert!(seen.contains(line), "{line} is not in {seen:#?}");
        }
        assert!(seen.len() < 200, "a bounded set of series: {}", seen.len());
    }

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        let names: BTreeSet<&str> = ALL.iter().map(|m| m.name).collect();
        assert_eq!(names.len(), ALL.len(), "no name twice");
        for m in ALL {
            let name = m.name;
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            assert!(
                name.starts_with("postel_") || name.starts_with("process_"),
                "{name}"
            );
            assert_eq!(
                m.kind == Kind::Counter,
                name.ends_with("_total"),
                "{name}: counters and only they end so"
            );
            match m.unit {
                Unit::Seconds => assert!(name.contains("_seconds"), "{name}"),
                Unit::Bytes => assert!(name.ends_with("_bytes"), "{name}"),
                Unit::Count => assert!(
                    !name.contains("_seconds") && !name.contains("_bytes"),
                    "{name}"
                ),
            }
            assert!(m.help.ends_with('.'), "{name}: {}", m.help);
        }
    }

    #[test]
    fn every_reason_of_the_decision_is_a_word_of_the_table() {
        for code in Code::ALL {
            assert_eq!(
                REASONS.contains(&code.as_str()),
                code != Code::Accepted,
                "{code:?}"
            );
        }
    }
}
