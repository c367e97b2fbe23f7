//! Conformance of quote, signature and footer cutting with answers that nobody in this project wrote (`reply-*`).
//!
//! `reply-discourse-trimmer` is the gold. Crisp, edgetier, alfonsrv, zapier, github and talon are one library's vote each:
//! a case counts where the same input is in a second suite with the same answer. Texts compare with white space folded.
//! Each test lists its misses with their reasons; a miss that is not listed fails, and so does a listed one that is met.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a conformance test reads its data and prints its count"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use postel_mail::cut::{CutOptions, cut};
use serde_json::Value;

/// The folder of a suite; `None` (said on standard output) where the data is not on this machine and nobody insists.
fn folder(suite: &str) -> Option<PathBuf> {
    let root = std::env::var_os("POSTEL_CORPORA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folder = root.join(suite);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "conformance data {} is absent",
        folder.display()
    );
    println!("skipped: conformance data {} is absent", folder.display());
    None
}

/// The lines of a `.jsonl` file.
fn cases(suite: &str, file: &str) -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(folder(suite)?.join(file)).unwrap();
    let cases: Vec<Value> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!cases.is_empty(), "{suite}/{file} yields no case");
    Some(cases)
}

/// A string of a case, empty where it is absent.
fn field<'a>(case: &'a Value, path: &str) -> &'a str {
    case.pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// White space and invisible characters folded: how two texts are compared.
fn normal(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}'))
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn kept(text: &str) -> String {
    normal(&cut(text, &CutOptions::default()).kept)
}

fn shorten(text: &str) -> String {
    let count = text.chars().count();
    if count <= 400 {
        return text.to_owned();
    }
    let head: String = text.chars().take(200).collect();
    let tail: String = text.chars().skip(count - 200).collect();
    format!("{head} … {tail}")
}

/// Misses and why they are misses.
type Reasons<'a> = &'a [(&'a str, &'a str)];

/// Counts, prints and checks misses.
struct Score {
    suite: &'static str,
    cases: usize,
    missed: Vec<String>,
}

impl Score {
    fn of(suite: &'static str) -> Self {
        Self {
            suite,
            cases: 0,
            missed: Vec::new(),
        }
    }

    fn note(&mut self, id: &str, expected: &str, kept: &str, met: bool) {
        self.cases += 1;
        if !met {
            println!(
                "  {} misses {id}\n    expected {:?}\n    kept     {:?}",
                self.suite,
                shorten(expected),
                shorten(kept)
            );
            self.missed.push(id.to_owned());
        }
    }

    fn met(&self) -> usize {
        self.cases - self.missed.len()
    }

    /// Asserts a floor in per cent, and that exactly the known misses missed, so that the table of reasons stays true.
    fn finish(&self, floor: usize, known: Reasons<'_>) {
        println!(
            "conformance {}: {} of {}",
            self.suite,
            self.met(),
            self.cases
        );
        assert!(self.cases > 0, "{} yields no case", self.suite);
        assert!(
            self.met() * 100 >= floor * self.cases,
            "{}: below {floor} %",
            self.suite
        );
        let unknown: Vec<&String> = self
            .missed
            .iter()
            .filter(|id| !known.iter().any(|(name, _)| name == id))
            .collect();
        let mended: Vec<&str> = known
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !self.missed.iter().any(|id| id == name))
            .collect();
        assert!(
            unknown.is_empty(),
            "{}: misses without a reason in the table: {unknown:?}",
            self.suite
        );
        assert!(
            mended.is_empty(),
            "{}: no longer missed, take out of the table: {mended:?}",
            self.suite
        );
    }
}

#[test]
fn the_gold_suite_is_met() {
    let known = [
        (
            "forwarded_apple",
            "the oracle drops a forwarded text under a typed line; DESIGN 4.4: a forwarded mail keeps what was forwarded",
        ),
        ("forwarded_gmail", "as forwarded_apple"),
    ];
    let Some(cases) = cases("reply-discourse-trimmer", "cases.jsonl") else {
        return;
    };
    let mut score = Score::of("reply-discourse-trimmer");
    for case in &cases {
        let (expected, kept) = (normal(field(case, "/trimmed")), kept(field(case, "/input")));
        score.note(field(case, "/id"), &expected, &kept, expected == kept);
    }
    score.finish(93, &known);
}

#[test]
fn forwarded_text_stays() {
    let Some(cases) = cases("reply-forward-parser", "cases.jsonl") else {
        return;
    };
    let without_subject = [
        (
            "new_outlook_2019_en_body_variant_2+new_outlook_2019_cs_subject",
            "a header block under a typed text: only the subject tells Outlook's forward from its reply",
        ),
        (
            "outlook_2019_en_body_variant_2+new_outlook_2019_cs_subject",
            "the same with \"On … wrote:\"",
        ),
    ];
    let runs: [(_, _, Reasons<'_>); 2] = [
        ("reply-forward-parser, with subject", true, &[]),
        ("reply-forward-parser, body alone", false, &without_subject),
    ];
    for (name, with_subject, known) in runs {
        let mut score = Score::of(name);
        for case in cases
            .iter()
            .filter(|case| case.pointer("/expected/forwarded") == Some(&Value::Bool(true)))
        {
            let subject = case
                .pointer("/subject")
                .and_then(Value::as_str)
                .filter(|_| with_subject);
            let kept = normal(
                &cut(
                    field(case, "/body"),
                    &CutOptions {
                        subject,
                        ..CutOptions::default()
                    },
                )
                .kept,
            );
            let body = normal(field(case, "/expected/email/body"));
            let typed = normal(field(case, "/expected/message"));
            // One oracle takes the divider "-----Original Message-----" for typed text.
            let typed_kept = kept.contains(&typed) || typed.starts_with("-----Original");
            score.note(
                field(case, "/id"),
                &body,
                &kept,
                kept.contains(&body) && typed_kept,
            );
        }
        score.finish(95, known);
    }
}

#[test]
fn replies_in_the_forward_suite_are_cut() {
    let Some(cases) = cases("reply-forward-parser", "cases.jsonl") else {
        return;
    };
    let replies: Vec<&Value> = cases
        .iter()
        .filter(|case| case.pointer("/expected/forwarded") == Some(&Value::Bool(false)))
        .collect();
    assert!(!replies.is_empty());
    for case in replies {
        assert_eq!(
            kept(field(case, "/body")),
            "That's true! Regards, e.",
            "{}",
            field(case, "/id")
        );
    }
}

/// One suite's answer to one input.
struct Vote {
    suite: &'static str,
    id: String,
    input: String,
    answer: String,
}

fn votes() -> Option<Vec<Vote>> {
    let mut out = Vec::new();
    let mut add = |suite, id: &str, input: &str, answer: &str| {
        out.push(Vote {
            suite,
            id: id.to_owned(),
            input: input.to_owned(),
            answer: normal(answer),
        });
    };
    let suites = [
        ("reply-crisp", "/oracle/visible"),
        ("reply-edgetier", "/oracle/reply"),
        ("reply-alfonsrv", "/oracle/latest_reply"),
        ("reply-zapier", "/oracle/reply"),
    ];
    for (suite, answer) in suites {
        for case in cases(suite, "cases.jsonl")? {
            add(
                suite,
                field(&case, "/id"),
                field(&case, "/input"),
                field(&case, answer),
            );
        }
    }
    for case in cases("reply-talon", "recorded.jsonl")?
        .iter()
        .filter(|case| field(case, "/kind") == "plain")
    {
        add(
            "reply-talon",
            field(case, "/id"),
            field(case, "/input"),
            field(case, "/output"),
        );
    }
    Some(out)
}

#[test]
fn what_two_suites_agree_on_is_met() {
    let Some(votes) = votes() else { return };
    let mut suites: BTreeMap<&str, (Score, Score)> = BTreeMap::new();
    for vote in &votes {
        let agreed = votes.iter().any(|other| {
            other.suite != vote.suite
                && normal(&other.input) == normal(&vote.input)
                && other.answer == vote.answer
        });
        let kept = kept(&vote.input);
        let met = kept == vote.answer;
        let (on_agreed, whole) = suites
            .entry(vote.suite)
            .or_insert_with(|| (Score::of(vote.suite), Score::of(vote.suite)));
        whole.note(&vote.id, &vote.answer, &kept, met);
        if agreed {
            on_agreed.note(&vote.id, &vote.answer, &kept, met);
        }
    }
    for (suite, (agreed, whole)) in &suites {
        println!(
            "conformance {suite}: {} of {} where two agree; {} of {} in all",
            agreed.met(),
            agreed.cases,
            whole.met(),
            whole.cases
        );
        assert!(whole.cases > 0, "{suite} yields no case");
        assert_eq!(
            agreed.missed,
            Vec::<String>::new(),
            "{suite}: missed although two agree"
        );
    }
}
