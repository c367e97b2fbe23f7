//! The one process, as its users run it: real SMTP clients, a real resolver, real SQLite, a real browser.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an integration test: a panic is its failure"
)]

#[expect(dead_code, reason = "each suite uses what it needs of it")]
mod process;

use std::process::{Command, Stdio};
use std::time::Duration;

use process::{Gateway, USER, has, postel, said, wait_for};

const PHONE: &str = "0612345678@sms.example.com";

fn swaks(gateway: &Gateway, more: &[&str]) -> std::process::Output {
    Command::new("swaks")
        .args([
            "--server",
            &gateway.smtp,
            "--helo",
            "mx.company.example",
            "--from",
            USER,
            "--to",
            PHONE,
        ])
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn swaks_delivers_with_and_without_tls() {
    if !has("swaks") {
        return;
    }
    let gateway = Gateway::set_up("swaks").await;
    let plain = swaks(&gateway, &["--body", "without TLS"]);
    assert!(plain.status.success(), "{}", said(&plain));
    let text = gateway.arrived("without TLS");
    assert_eq!(
        (text["to"].as_str(), text["parts"].as_u64()),
        (Some("+33612345678"), Some(1))
    );
    let tls = swaks(&gateway, &["--tls", "--body", "with TLS"]);
    assert!(
        tls.status.success() && said(&tls).contains("TLS started"),
        "{}",
        said(&tls)
    );
    gateway.arrived("with TLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_mail_is_refused_before_it_is_accepted() {
    if !has("swaks") {
        return;
    }
    let gateway = Gateway::set_up("forged").await;
    let stranger = swaks(&gateway, &["--from", "eve@elsewhere.example"]);
    let forger = swaks(
        &gateway,
        &[
            "--from",
            "eve@elsewhere.example",
            "--header",
            &format!("From: {USER}"),
        ],
    );
    for refused in [&stranger, &forger] {
        assert!(
            said(refused).contains("550 5.7.1 This sender may not send"),
            "{}",
            said(refused)
        );
    }
    let elsewhere = swaks(&gateway, &["--to", "0612345678@elsewhere.example"]);
    assert!(
        said(&elsewhere).contains("550 5.7.1"),
        "no relaying: {}",
        said(&elsewhere)
    );
    assert!(gateway.texts().is_empty());
    let mails = gateway.run(&["mails"]);
    assert!(
        mails.contains("unknown-sender") && mails.contains("not-verified"),
        "{mails}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_source_delivers_in_twenty_sessions_and_every_mail_is_one_text() {
    if !has("smtp-source") {
        return;
    }
    let gateway = Gateway::set_up("source").await;
    for mode in [&["-d"][..], &[]] {
        let source = Command::new("smtp-source")
            .args([
                "-s", "20", "-m", "200", "-l", "400", "-f", USER, "-t", PHONE,
            ])
            .args(mode)
            .arg(format!("inet:{}", gateway.smtp))
            .env(
                "PATH",
                format!("/usr/sbin:{}", std::env::var("PATH").unwrap_or_default()),
            )
            .output()
            .unwrap();
        assert!(source.status.success(), "{}", said(&source));
    }
    wait_for("400 texts", || {
        (gateway.arrivals().len() >= 400).then_some(())
    });
    let arrivals = gateway.arrivals();
    assert_eq!((arrivals.len(), arrivals.values().max()), (400, Some(&1)));
    assert_eq!(gateway.rows(), [("sent".to_owned(), 400)].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_nobody() {
    if !has("swaks") {
        return;
    }
    let gateway = Gateway::set_up("log").await;
    let secret = "the safe opens with marmalade";
    swaks(&gateway, &["--body", secret]);
    gateway.arrived(secret);
    swaks(
        &gateway,
        &["--from", "eve@elsewhere.example", "--body", secret],
    );
    let log = gateway.log();
    assert!(log.lines().count() >= 4, "{log}");
    for personal in [
        "marmalade",
        "ann@",
        "company.example",
        "612345678",
        "eve@",
        "elsewhere.example",
        "127.0.0.1",
    ] {
        assert!(!log.contains(personal), "{personal} in the log:\n{log}");
    }
}

/// The page as a person sees it: a browser without head, and the picture it takes.
#[tokio::test(flavor = "multi_thread")]
async fn the_handset_page_shows_the_text_in_a_browser() {
    let driver = format!(
        "{}/../target/tools/node/node_modules/playwright-core",
        env!("CARGO_MANIFEST_DIR")
    );
    if !has("swaks") || !has("node") || !has("chromium") {
        return;
    }
    if !std::path::Path::new(&driver).exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "playwright-core is missing: tests/tools/install.sh brings it"
        );
        println!("skipped: playwright-core is not installed");
        return;
    }
    let gateway = Gateway::set_up("browser").await;
    let picture = format!("{}/handset.png", env!("CARGO_TARGET_TMPDIR"));
    let mut browser = Command::new("node")
        .arg(format!(
            "{}/tests/browser/handset.js",
            env!("CARGO_MANIFEST_DIR")
        ))
        .args([
            &driver,
            &format!("http://{}/handset", gateway.web),
            "Is that <b>you</b>? 12 €",
            &picture,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let sent = swaks(
        &gateway,
        &[
            "--add-header",
            "Content-Type: text/plain; charset=utf-8",
            "--body",
            "Is that <b>you</b>? 12 €",
        ],
    );
    assert!(sent.status.success(), "{}", said(&sent));
    wait_for("the browser", || browser.try_wait().unwrap());
    let output = browser.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(std::fs::metadata(&picture).unwrap().len() > 5_000);
}

#[test]
fn the_demo_prints_the_text_and_the_page_and_stays_up() {
    use std::io::{BufRead as _, BufReader};
    let mut demo = Command::new(postel())
        .args(["demo", "--smtp-port", "20000", "--web-port", "21000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let said: Vec<String> = lines
        .by_ref()
        .take_while(|l| !l.starts_with("Stop with"))
        .collect();
    let stays = demo.try_wait().unwrap().is_none();
    Command::new("kill")
        .args(["-TERM", &demo.id().to_string()])
        .status()
        .unwrap();
    let ended = demo.wait().unwrap();
    assert!(ended.success(), "the demo ends when it is told to: {ended}");
    let said = said.join("\n");
    assert!(
        said.contains("the compressor in hall 2 has stopped - please call me, it's urgent."),
        "{said}"
    );
    assert!(
        !said.contains("iPhone") && said.contains("/handset"),
        "{said}"
    );
    assert!(stays, "the demo stays up");
}
