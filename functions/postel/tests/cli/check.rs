//! The contract of `check`: JSON lines in, JSON lines out, and the same for people.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::time::Instant;

use postel_auth::testing::{Zone, ZoneServer};
use serde_json::{Value, json};

use crate::support::{Place, finish};

fn answers(arguments: &[&str], lines: &[&str]) -> Vec<Value> {
    let out = Place::new().feed(arguments, lines.join("\n")).ok();
    out.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn a_text_is_measured() {
    let got = answers(
        &["check", "text", "--jsonl"],
        &[
            r#"{"id":1,"text":"L’été"}"#,
            r#"{"id":"b","text":"L’été","encoding":"plain"}"#,
            r#"{"text":"fête 😀","encoding":"ascii"}"#,
        ],
    );
    assert_eq!(
        got[0],
        json!({"id": 1, "encoding": "GSM-7", "parts": 1, "units": 5, "text": "L'été", "forcing": []})
    );
    assert_eq!(
        got[1],
        json!({"id": "b", "encoding": "UCS-2", "parts": 1, "units": 5, "text": "L’été", "forcing": ["’"]})
    );
    assert_eq!(got[2]["forcing"], json!(["😀"]));
    assert_eq!(got[2].get("id"), None);
}

#[test]
fn an_id_comes_back_byte_for_byte_and_a_bad_line_stops_nothing() {
    let lines: &[&[u8]] = &[
        br#"{"id":{"b":1.0,"a":[1e400,12345678901234567890123]},"text":"x"}"#,
        br#"{"id":null,"text":"x"}"#,
        b"",
        b"   \r",
        b"not json",
        br#"["an","array"]"#,
        br#"["array"]"#,
        br#"{"id":1,"text":"x","id":"the last"}"#,
        br#"{"id":"no text"}"#,
        br#"{"id":"ill-typed","text":5}"#,
        br#"{"id":"encoding","text":"x","encoding":"EBCDIC"}"#,
        b"{\"id\":7,\"text\":\"\xff\"}",
        br#"{"id":"lone","text":"\ud800"}"#,
        br#"{"id":"last","text":"x"}"#,
    ];
    let ran = Place::new().feed(&["check", "text", "--jsonl"], lines.join(&b'\n'));
    let out = ran.ok();
    let got: Vec<&str> = out.lines().collect();
    assert_eq!(got.len(), 12, "{out}");
    for line in &got[3..5] {
        assert!(
            line.contains(r#"write an object such as {\"text\":\"…\"}"#),
            "{line}"
        );
    }
    assert!(
        got[5].starts_with(r#"{"id":"the last","encoding""#),
        "{}",
        got[5]
    );
    assert!(
        got[0].starts_with(r#"{"id":{"b":1.0,"a":[1e400,12345678901234567890123]},"encoding""#),
        "{}",
        got[0]
    );
    assert!(got[1].starts_with(r#"{"id":null,"encoding""#), "{}", got[1]);
    for (line, id) in [2, 3, 4, 6, 7, 8, 9, 10].map(|n| got[n]).into_iter().zip([
        None,
        None,
        None,
        Some("no text"),
        Some("ill-typed"),
        Some("encoding"),
        None,
        Some("lone"),
    ]) {
        let value: Value = serde_json::from_str(line).unwrap();
        assert!(value["error"].is_string(), "{line}");
        assert_eq!(value.get("id").and_then(Value::as_str), id, "{line}");
    }
    assert!(
        got[11].starts_with(r#"{"id":"last","encoding":"GSM-7""#),
        "{}",
        got[11]
    );
}

#[test]
fn an_answer_comes_before_the_next_question() {
    let place = Place::new();
    let mut child = place
        .command(&["check", "text", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for n in 0..3 {
        writeln!(stdin, "{{\"id\":{n},\"text\":\"x\"}}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.starts_with(&format!("{{\"id\":{n},")), "{line}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn many_lines_keep_their_order() {
    let lines: Vec<String> = (0..20_000)
        .map(|n| format!("{{\"id\":{n},\"number\":\"+336{n:08}\"}}"))
        .collect();
    let start = Instant::now();
    let out = Place::new()
        .feed(&["check", "number", "--jsonl"], lines.join("\n"))
        .ok();
    println!("check number: 20,000 lines in {:?}", start.elapsed());
    for (n, line) in out.lines().enumerate() {
        assert!(
            line.starts_with(&format!("{{\"id\":{n},\"e164\":")),
            "{line}"
        );
    }
    assert_eq!(out.lines().count(), 20_000);
}

#[test]
fn a_line_of_64_mb_is_too_long_and_skipped() {
    let mut input = b"{\"text\":\"".to_vec();
    input.resize(64 * 1024 * 1024 + 1, b'x');
    input.extend_from_slice(b"\"}\n{\"id\":2,\"text\":\"x\"}\n");
    let out = Place::new().feed(&["check", "text", "--jsonl"], input).ok();
    let got: Vec<&str> = out.lines().collect();
    assert_eq!(got.len(), 2);
    assert!(
        got[0].contains("\"error\":\"the line is longer"),
        "{}",
        got[0]
    );
    assert!(got[1].contains("\"id\":2"), "{}", got[1]);
}

#[test]
fn a_number_is_read_in_its_country() {
    let got = answers(
        &["check", "number", "--jsonl"],
        &[
            r#"{"number":"06 12 34 56 78","country":"FR"}"#,
            r#"{"number":"06 12 34 56 78"}"#,
            r#"{"number":"06 12 34 56 78","country":null}"#,
            r#"{"number":"+33612345678","country":"ZZ"}"#,
            r#"{"number":"+33612345678 ext 3","country":"fr"}"#,
            r#"{"number":"+33612345678","country":"France"}"#,
            r#"{"number":"01 40 20 50 50","country":"FR"}"#,
        ],
    );
    assert_eq!(got[0], json!({"e164": "+33612345678"}));
    for refused in [1, 2, 4] {
        assert_eq!(got[refused]["e164"], Value::Null);
        assert!(got[refused]["reason"].is_string());
    }
    assert_eq!(got[3], json!({"e164": "+33612345678"}));
    assert!(got[5]["error"].is_string());
    assert_eq!(
        (&got[6]["e164"], &got[6]["textable"]),
        (&json!("+33140205050"), &json!(false))
    );
    assert!(got[6]["why"].is_string() && got[6].get("reason").is_none());
}

#[test]
fn a_body_is_cut() {
    let got = answers(
        &["check", "body", "--jsonl"],
        &[
            r#"{"id":1,"body":"Hello\n\n-- \nAnn"}"#,
            r#"{"id":2,"body":"<p>Hello<br>you</p>","html":true}"#,
            r#"{"id":3,"body":"Hello\nAnn Example\nBoss","signature":"Ann Example"}"#,
        ],
    );
    assert_eq!(got[0]["kept"], "Hello");
    assert_eq!(got[0]["cut"][0]["kind"], "signature");
    assert_eq!(got[1], json!({"id": 2, "kept": "Hello\nyou", "cut": []}));
    assert_eq!(got[2]["kept"], "Hello");
    assert!(got[2]["cut"][0]["text"].as_str().unwrap().contains("Boss"));
}

#[test]
fn spf_is_asked_of_the_named_server() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let zone = Zone::new()
        .txt(
            "example.com",
            "v=spf1 ip4:192.0.2.1 -all exp=why.example.com",
        )
        .txt("why.example.com", "not from %{i}")
        .txt("mx.example.com", "v=spf1 ip4:192.0.2.2 -all");
    let server = runtime.block_on(ZoneServer::start(zone)).unwrap();
    let dns = server.address().to_string();
    let got = answers(
        &["check", "spf", "--dns", &dns, "--jsonl"],
        &[
            r#"{"id":1,"ip":"192.0.2.1","helo":"mx.example.com","sender":"ann@example.com"}"#,
            r#"{"id":2,"ip":"192.0.2.9","helo":"mx.example.com","sender":"ann@example.com"}"#,
            r#"{"id":3,"ip":"192.0.2.2","helo":"mx.example.com","sender":""}"#,
            r#"{"id":4,"ip":"here","helo":"mx.example.com","sender":""}"#,
            r#"{"id":5,"ip":"192.0.2.1","helo":"x"}"#,
        ],
    );
    assert_eq!(
        (&got[0]["result"], &got[0]["id"]),
        (&json!("pass"), &json!(1))
    );
    assert!(got[0]["why"].is_string() && got[0]["lookups"].is_u64());
    assert_eq!(got[1]["result"], "fail");
    assert_eq!(got[1]["explanation"], "not from 192.0.2.9");
    assert_eq!(got[2]["result"], "pass");
    assert!(got[3]["error"].is_string() && got[4]["error"].is_string());

    let place = Place::new();
    let person = place.run(&[
        "check",
        "spf",
        "--dns",
        &dns,
        "--ip",
        "192.0.2.1",
        "--sender",
        "ann@example.com",
    ]);
    assert!(person.ok().contains("result\tpass"));
    let refused = place.run(&[
        "check",
        "spf",
        "--dns",
        &dns,
        "--ip",
        "192.0.2.9",
        "--sender",
        "<ann@example.com>",
    ]);
    assert_eq!(refused.code, 1);
    let nobody = place.run(&["check", "spf", "--dns", &dns, "--ip", "192.0.2.9"]);
    assert_eq!(nobody.code, 2);
    assert!(nobody.err.contains("--sender"), "{}", nobody.err);
    drop(server);
    let unknown = place.run(&[
        "check",
        "spf",
        "--dns",
        &dns,
        "--ip",
        "192.0.2.9",
        "--sender",
        "ann@example.com",
    ]);
    assert_eq!(unknown.code, 4, "{}", unknown.out);
    assert!(unknown.out.contains("result\ttemperror"), "{}", unknown.out);
}

#[test]
fn people_get_words_and_a_pipe_gets_no_colours() {
    let place = Place::new();
    let text = place.run(&["check", "text", "L’été 😀"]).ok();
    assert!(text.contains("encoding\tUCS-2"), "{text}");
    assert!(text.contains("emoji, U+1F600"), "{text}");
    assert!(!text.contains('\x1b'));
    assert!(
        place
            .feed(&["check", "text"], "hello\n")
            .ok()
            .contains("units\t5 (5)")
    );
    let number = place
        .run(&["check", "number", "06 12 34 56 78", "--country", "fr"])
        .ok();
    assert!(number.contains("+33612345678"), "{number}");
    let none = place.run(&["check", "number", "hello"]);
    assert_eq!(none.code, 1);
    let body = place.feed(&["check", "body"], "Hello\n-- \nAnn\n").ok();
    assert!(body.contains("Kept:\nHello\n"), "{body}");
    let absent = place.run(&["check", "body", "absent.txt"]);
    assert_eq!(absent.code, 4);
    assert!(
        absent.err.contains("absent.txt cannot be read"),
        "{}",
        absent.err
    );
    let mixed = place.run(&["check", "text", "--jsonl", "hello"]);
    assert_eq!(mixed.code, 2);
    let mut command = place.command(&["check", "text", "x"]);
    command.env("CLICOLOR_FORCE", "1");
    finish(command, b"").ok();
}
