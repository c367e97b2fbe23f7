//! Conformance of quote, signature and footer cutting with answers that nobody in this project wrote (`reply-*`).
//!
//! `reply-discourse-trimmer` is the gold. Crisp, edgetier, alfonsrv, zapier, github and talon are one library's vote each:
//! a case counts where the same input is in a second suite with the same answer. Texts compare with white space folded.
//! Each test lists its misses with their reasons; a miss that is not listed fails, and so does a listed one that is met.
//!
//! Long because every miss stands here with its reason, beside the suite that it is a miss of.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a conformance test reads its data and prints its count"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use postel_mail::cut::{CutOptions, cut};
use postel_mail::html_to_text;
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

/// What is kept of an HTML text, as the whole way through a mail does it.
fn kept_of_html(html: &str) -> String {
    let (text, marks) = postel_mail::html_to_marked_text(html);
    let options = CutOptions {
        marks: &marks,
        ..CutOptions::default()
    };
    normal(&cut(&text, &options).kept)
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

/// The github suite has texts only: its votes are what two other suites answer to them.
fn github_votes(votes: &[Vote]) -> Option<Vec<Vote>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder("reply-github")?)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(!files.is_empty(), "reply-github yields no case");
    let mut out = Vec::new();
    for path in files {
        let input = std::fs::read_to_string(&path).unwrap();
        let same: Vec<&Vote> = votes
            .iter()
            .filter(|vote| normal(&vote.input) == normal(&input))
            .collect();
        let agreed = same.iter().find(|vote| {
            same.iter()
                .any(|other| other.suite != vote.suite && other.answer == vote.answer)
        });
        if let Some(vote) = agreed {
            let id = path.file_stem().unwrap().to_string_lossy().into_owned();
            out.push(Vote {
                suite: "reply-github",
                id,
                input,
                answer: vote.answer.clone(),
            });
        }
    }
    Some(out)
}

/// Misses of single votes: what one library answers alone.
const SINGLE_VOTES: Reasons<'_> = &[
    (
        "crisp/email_19",
        "a joke in the place of a footer (\"Sent from a magnificent torch of pixels\"): two other suites keep it",
    ),
    (
        "crisp/email_2_1",
        "the oracle keeps an Outlook history whole; edgetier and zapier cut it",
    ),
    (
        "crisp/email_custom_quote_header",
        "the oracle keeps a Hungarian reply header (\"… írta:\")",
    ),
    (
        "crisp/email_german_3",
        "the oracle cuts a line that stands below a footer; it may be typed",
    ),
    (
        "crisp/email_tricky_11_double_signature",
        "the oracle cuts \"Best regards, John\", which was typed",
    ),
    (
        "crisp/email_tricky_17_forward_header",
        "the oracle keeps a forward's header lines; the gold suite cuts them (forwarded_message)",
    ),
    (
        "edgetier/bet_at_home_bottom_posting",
        "a row of dots below a text under a header block, which is kept as it is",
    ),
    (
        "edgetier/bet_at_home_footer_separator",
        "a company's footer under a row of dots: no mail program's shape",
    ),
    (
        "edgetier/email_1_2",
        "the oracle drops an answer below the quote; zapier keeps it",
    ),
    (
        "edgetier/email_1_6",
        "the oracle cuts \"Sent from a magnificent torch of pixels\"; alfonsrv and zapier keep it",
    ),
    (
        "edgetier/email_1_8",
        "the oracle drops answers between quotes; zapier keeps them",
    ),
    (
        "edgetier/email_iphone_finnish",
        "the oracle keeps \"Lähetetty iPhonesta\"",
    ),
    (
        "edgetier/email_iphone_french",
        "the oracle keeps \"Envoyé à partir de mon iPhone\"",
    ),
    (
        "edgetier/email_iphone_start_german",
        "text below a row of underscores: alarms have such rows, so they do not cut",
    ),
    (
        "edgetier/email_with_stars_signoff",
        "text below a row of stars: as above",
    ),
    (
        "edgetier/sent_from_device_in_thread",
        "the oracle keeps \"Sent from my iPhone\"",
    ),
    (
        "edgetier/sent_from_device_in_thread_hungarian",
        "the oracle keeps \"Az iPhone-omról küldve\"",
    ),
    (
        "edgetier/sent_from_device_in_thread_portuguese",
        "the oracle keeps \"Enviado do meu iPhone\"",
    ),
    (
        "edgetier/sent_from_device_in_thread_romanian",
        "the oracle keeps \"Trimis de pe iPhone-ul meu\"",
    ),
    (
        "alfonsrv/begins_with_signature",
        "quoted-printable that nobody decoded: its soft breaks tear header and quote apart",
    ),
    (
        "alfonsrv/caution",
        "the oracle drops a row of dashes in the middle of the text",
    ),
    (
        "alfonsrv/correct_sig",
        "the oracle keeps what follows \"-- \"; three suites cut it",
    ),
    (
        "alfonsrv/email_1_1",
        "the oracle keeps a mailing list's footer, without its row of underscores",
    ),
    (
        "alfonsrv/email_1_8",
        "the oracle keeps quotes between answers and their header",
    ),
    (
        "alfonsrv/email_2_1",
        "the oracle keeps the divider above the history",
    ),
    (
        "alfonsrv/email_2_2",
        "the oracle keeps the divider above the history",
    ),
    (
        "alfonsrv/email_pl_1_3",
        "nothing typed above the header block: its lines are cut, the oracle keeps them",
    ),
    (
        "alfonsrv/email_sent_from_BlackBerry",
        "the oracle keeps \"Sent from my BlackBerry\"; three suites cut it",
    ),
    (
        "alfonsrv/email_sent_from_multi_word_mobile_device",
        "as email_sent_from_BlackBerry",
    ),
    (
        "alfonsrv/email_sent_from_not_signature",
        "\"Sent from my desk, …\" as the last line: three suites cut it",
    ),
    (
        "alfonsrv/multiline_on",
        "a list of reply headers: the oracle keeps one of them and drops the words between",
    ),
    (
        "zapier/email_1_1",
        "the oracle cuts \"-Abhishek Kona\", which was typed",
    ),
    (
        "talon-0007",
        "the oracle keeps a forward's header lines; the gold suite cuts them (forwarded_message)",
    ),
    (
        "talon-0016",
        "two header lines without a sender: alarms have such lines",
    ),
    (
        "talon-0046",
        "the oracle cuts quotes only, not what follows \"--\"",
    ),
    ("talon-0060", "the oracle drops \"Hi\", which was typed"),
    (
        "talon-0062",
        "header lines with nothing below them: an alarm tells of a mail in this way",
    ),
    ("talon-0089", "not a text: the source of a MIME message"),
];

#[test]
fn what_two_suites_agree_on_is_met() {
    let Some(mut votes) = votes() else { return };
    let Some(github) = github_votes(&votes) else {
        return;
    };
    votes.extend(github);
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
    let mut single = Score::of("replies, single votes");
    for (suite, (agreed, whole)) in &suites {
        println!(
            "conformance {suite}: {} of {} where two agree; {} of {} in all",
            agreed.met(),
            agreed.cases,
            whole.met(),
            whole.cases
        );
        assert_eq!(
            agreed.missed,
            Vec::<String>::new(),
            "{suite}: missed although two agree"
        );
        single.cases += whole.cases;
        single.missed.extend(whole.missed.iter().cloned());
    }
    assert_eq!(suites.len(), 6, "a suite is absent");
    single.finish(75, SINGLE_VOTES);
}

#[test]
fn talons_html_and_fixtures_are_met() {
    let known = [
        (
            "talon-0068",
            "one quoted line without a header above it: an alarm's \"> 90 %\" looks the same",
        ),
        (
            "talon-0073",
            "the oracle keeps a forward's header lines; the gold suite cuts them (forwarded_message)",
        ),
        ("talon-0090", "the oracle drops \"Bob\", which was typed"),
    ];
    let (Some(recorded), Some(fixtures)) = (
        cases("reply-talon", "recorded.jsonl"),
        cases("reply-talon", "fixtures.jsonl"),
    ) else {
        return;
    };
    let mut score = Score::of("reply-talon, HTML and whole mails");
    for case in recorded
        .iter()
        .filter(|case| field(case, "/kind") == "html")
    {
        let kept = kept_of_html(field(case, "/input"));
        let expected = normal(&html_to_text(field(case, "/output")));
        score.note(field(case, "/id"), &expected, &kept, kept == expected);
    }
    for case in &fixtures {
        let (kept, expected) = match (field(case, "/eml"), field(case, "/html")) {
            ("", "") => continue, // Signatures by their sender's name: nothing that is cut here.
            ("", html) => (
                kept_of_html(html),
                field(case, "/expected_reply_text_without_whitespace"),
            ),
            (mail, _) => (
                kept(&postel_mail::parse(mail.as_bytes()).body.text),
                field(case, "/expected_reply"),
            ),
        };
        let expected = normal(expected);
        score.note(field(case, "/id"), &expected, &kept, kept == expected);
    }
    score.finish(80, &known);
}

#[test]
fn quotequails_replies_and_forwards_are_met() {
    let known = [
        (
            "qq-041",
            "the oracle takes every header block for a forward; without a subject one under a typed text is a reply",
        ),
        ("qq-042", "as qq-041, in quote marks"),
        ("qq-062", "as qq-041, Outlook's HTML"),
    ];
    let Some(cases) = cases("reply-quotequail", "recorded.jsonl") else {
        return;
    };
    let mut score = Score::of("reply-quotequail");
    for case in cases
        .iter()
        .filter(|case| field(case, "/kind").starts_with("unwrap"))
    {
        let readable = |text: &str| {
            if field(case, "/kind").ends_with("html") {
                html_to_text(text)
            } else {
                text.to_owned()
            }
        };
        let part = |plain: &str, html: &str| {
            normal(&readable(if field(case, plain).is_empty() {
                field(case, html)
            } else {
                field(case, plain)
            }))
        };
        let kept = if field(case, "/kind").ends_with("html") {
            kept_of_html(field(case, "/input"))
        } else {
            kept(field(case, "/input"))
        };
        let (top, text) = (
            part("/output/text_top", "/output/html_top"),
            part("/output/text", "/output/html"),
        );
        let expected = match field(case, "/output/type") {
            "forward" => normal(&format!(
                "{top} {text} {}",
                part("/output/text_bottom", "/output/html_bottom")
            )),
            "reply" => top,
            _ => normal(&readable(field(case, "/input"))),
        };
        score.note(field(case, "/id"), &expected, &kept, kept == expected);
    }
    score.finish(80, &known);
}

#[test]
fn no_line_of_any_text_vanishes() {
    let suites = [
        ("reply-discourse-trimmer", "cases.jsonl", "/input"),
        ("reply-crisp", "cases.jsonl", "/input"),
        ("reply-edgetier", "cases.jsonl", "/input"),
        ("reply-alfonsrv", "cases.jsonl", "/input"),
        ("reply-zapier", "cases.jsonl", "/input"),
        ("reply-talon", "recorded.jsonl", "/input"),
        ("reply-quotequail", "recorded.jsonl", "/input"),
        ("reply-forward-parser", "cases.jsonl", "/body"),
    ];
    // A forward in quote marks loses one of them, so marks do not count.
    let lines = |text: &str| {
        let mut lines: Vec<String> = text
            .split(['\n', '\r'])
            .map(|line| normal(&line.replace('>', " ")))
            .collect();
        lines.retain(|line| !line.is_empty());
        lines.sort();
        lines
    };
    for (suite, file, path) in suites {
        let Some(cases) = cases(suite, file) else {
            return;
        };
        for case in &cases {
            let cutting = cut(field(case, path), &CutOptions::default());
            let parts: Vec<&str> = cutting
                .cut
                .iter()
                .map(|cut| cut.text.as_str())
                .chain([cutting.kept.as_str()])
                .collect();
            assert_eq!(
                lines(&parts.join("\n")),
                lines(field(case, path)),
                "{suite} {}",
                field(case, "/id")
            );
        }
    }
}
