//! A disk that is full, and one that can only be read: real ones, mounted for the test in a namespace of its own.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an integration test: a panic is its failure"
)]

#[expect(dead_code, reason = "each suite uses what it needs of it")]
mod process;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use process::{Gateway, USER, has, said, wait_for};

/// Set in the inner run, which may mount what it likes: nobody else sees it, and it goes with the process.
const INSIDE: &str = "POSTEL_TEST_MOUNTS";

/// Runs the test of this name again in a mount namespace of its own; `true` inside.
fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let allowed = |flags: &str| {
        Command::new("unshare")
            .args([flags, "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    let Some(flags) = ["-m", "-Urm"].into_iter().find(|flags| allowed(flags)) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "nothing can be mounted here: neither as root nor in a user namespace"
        );
        println!("skipped: nothing can be mounted on this machine");
        return false;
    };
    let output = Command::new("unshare")
        .args([flags, "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    println!("{}", said(&output));
    assert!(output.status.success(), "{test} failed inside");
    false
}

fn mount(folder: &Path, options: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(mounted.status.success(), "{}", said(&mounted));
}

/// Takes all the room there is; dropping the file gives it back.
fn fill(data: &Path) -> std::path::PathBuf {
    let path = data.join("filler");
    let mut file = std::fs::File::create(&path).unwrap();
    for size in [64 * 1024, 512, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    path
}

/// Sends mails one after the other, each with a text of its own; how each was answered.
fn send(gateway: &Gateway, texts: std::ops::Range<u32>) -> Vec<(u32, String)> {
    texts
        .map(|n| {
            let output = Command::new("swaks")
                .args([
                    "--server",
                    &gateway.smtp,
                    "--helo",
                    "mx.company.example",
                    "--from",
                    USER,
                ])
                .args([
                    "--to",
                    "0612345678@sms.example.com",
                    "--body",
                    &format!("text {n}"),
                ])
                .args(["--header", &format!("Message-Id: <{n}@company.example>")])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            (n, said(&output))
        })
        .collect()
}

fn accepted(answers: &[(u32, String)]) -> Vec<u32> {
    let taken = answers
        .iter()
        .filter(|(_, said)| said.contains("Accepted as"));
    taken.map(|(n, _)| *n).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_loses_nothing_and_doubles_nothing() {
    if !has("swaks") || !inside("a_disk_that_fills_up_loses_nothing_and_doubles_nothing") {
        return;
    }
    let gateway = Gateway::set_up_on("full", |data| mount(data, "size=24m,mode=700")).await;
    let data = gateway.data();
    let mut promised = accepted(&send(&gateway, 0..20));
    assert_eq!(promised.len(), 20);
    let filler = fill(&data);
    let while_full = send(&gateway, 20..60);
    promised.extend(accepted(&while_full));
    let refused = while_full
        .iter()
        .filter(|(_, said)| said.contains("452 4.3.1"))
        .count();
    assert!(refused > 0, "{:?}", while_full.last());
    std::fs::remove_file(filler).unwrap();
    // By itself, without a restart.
    promised.extend(accepted(&send(&gateway, 60..80)));
    assert!(
        promised.iter().filter(|n| **n >= 60).count() == 20,
        "it takes mails again"
    );
    wait_for("every promised mail to be a row, and none to wait", || {
        let rows = gateway.rows();
        let all: u32 = rows.values().sum();
        (all as usize >= promised.len() && !rows.contains_key("waiting")).then_some(())
    });
    // What could not be recorded while the disk was full is settled once it counts as stale: said to be so now.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (rows, arrivals) = (gateway.rows(), gateway.arrivals());
    println!(
        "full disk: {} promised, {refused} told to come again, rows {rows:?}, texts {}",
        promised.len(),
        arrivals.len()
    );
    assert!(arrivals.values().all(|n| *n == 1), "no text twice");
    let sent = rows.get("sent").copied().unwrap_or_default();
    let open: u32 = rows
        .iter()
        .filter(|(state, _)| *state != "sent")
        .map(|(_, n)| n)
        .sum();
    assert!(
        arrivals.len() >= sent as usize && arrivals.len() <= (sent + open) as usize,
        "{rows:?}"
    );
    assert!(
        rows.keys()
            .all(|state| ["sent", "sending", "unknown"].contains(&state.as_str())),
        "{rows:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_full_disk_takes_nothing_and_one_on_a_read_only_disk_is_refused() {
    if !has("swaks")
        || !inside("a_start_on_a_full_disk_takes_nothing_and_one_on_a_read_only_disk_is_refused")
    {
        return;
    }
    let mut gateway = Gateway::set_up_on("unusable", |data| mount(data, "size=8m,mode=700")).await;
    let data = gateway.data();
    gateway.kill();
    // Nothing can be kept, so nothing is taken; looking and waiting for room go on.
    let filler = fill(&data);
    gateway.start();
    let (_, answer) = send(&gateway, 0..1).remove(0);
    println!("started on a full disk: {answer}");
    assert!(answer.contains("<** 45"), "{answer}");
    std::fs::remove_file(filler).unwrap();
    assert_eq!(accepted(&send(&gateway, 0..1)).len(), 1);
    gateway.kill();
    let remount = |how: &str| {
        let done = Command::new("mount")
            .args(["-o", how])
            .arg(&data)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", said(&done));
    };
    remount("remount,ro");
    let read_only = gateway.fails(&["serve"]);
    println!("{read_only}");
    assert!(
        read_only.to_lowercase().contains("read-only"),
        "{read_only}"
    );
    remount("remount,rw");
    gateway.start();
    assert_eq!(accepted(&send(&gateway, 1..2)).len(), 1);
}
