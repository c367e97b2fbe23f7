//! The files of `infra/`: accepted by the programs that read them, and true to our own settings.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an integration test: a panic is its failure"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(infra().join(name)).unwrap()
}

/// An empty folder of this test.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs it; `None`, said aloud, where the program is not there, which is a failure in CI.
fn ran(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Some(output),
        Err(_) => {
            assert!(std::env::var_os("CI").is_none(), "{program} is missing");
            println!("skipped: there is no {program}");
            None
        }
    }
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

/// systemd's own marks: 10 is the most exposed. Past it something was opened that had been closed.
const EXPOSED: [(&str, &str); 2] = [("without", "11"), ("with-port-25", "14")];

#[test]
fn systemd_accepts_the_unit_and_finds_it_closed() {
    for (name, threshold) in EXPOSED {
        let folder = scratch(&format!("unit-{name}"));
        // The binary is not installed here.
        let unit = read("postel.service").replace("/usr/local/bin/postel ", "/bin/true ");
        let path = folder.join("postel.service");
        std::fs::write(&path, unit).unwrap();
        if name == "with-port-25" {
            std::fs::create_dir(folder.join("postel.service.d")).unwrap();
            let drop_in = folder.join("postel.service.d/port25.conf");
            std::fs::write(drop_in, read("postel-port25.conf")).unwrap();
        }
        let path = path.to_str().unwrap();
        let Some(verified) = ran("systemd-analyze", &["verify", path]) else {
            return;
        };
        assert!(verified.status.success(), "{}", said(&verified));
        assert_eq!(said(&verified), "", "no warning either");
        let threshold = format!("--threshold={threshold}");
        let arguments = ["security", "--offline=true", "--no-pager", &threshold, path];
        let judged = ran("systemd-analyze", &arguments).unwrap();
        let all = said(&judged);
        let level = all.lines().find(|line| line.contains("Overall exposure"));
        println!("unit {name}: {}", level.unwrap_or_default());
        assert!(judged.status.success(), "{all}");
    }
}

#[test]
fn postfix_accepts_its_files_and_finds_the_way() {
    let folder = scratch("postfix");
    let transport = folder.join("transport");
    let transport = transport.to_str().unwrap();
    let main = read("postfix/main.cf").replace("/etc/postfix/transport", transport);
    let main = format!("compatibility_level = 3.6\nmydestination =\n{main}");
    std::fs::write(folder.join("main.cf"), main).unwrap();
    // The entry that is left out by default, too.
    let ours = read("postfix/master.cf").replace("\n#192.", "\n192.");
    let ours = ours.replace("\n#    -o", "\n    -o");
    let master = format!("smtp inet n - n - - smtpd\n{ours}");
    std::fs::write(folder.join("master.cf"), master).unwrap();
    std::fs::write(transport, read("postfix/transport")).unwrap();
    let conf = folder.to_str().unwrap();

    let Some(settings) = ran("/usr/sbin/postconf", &["-c", conf, "-n"]) else {
        return;
    };
    assert!(settings.status.success(), "{}", said(&settings));
    // What Postfix does not know, it names on standard error.
    assert_eq!(String::from_utf8_lossy(&settings.stderr), "");
    let ways = ran("/usr/sbin/postconf", &["-c", conf, "-M", "postel/unix"]).unwrap();
    assert!(
        said(&ways).contains("smtp_send_xforward_command=yes"),
        "{}",
        said(&ways)
    );
    let ways = ran(
        "/usr/sbin/postconf",
        &["-c", conf, "-M", "192.0.2.25:smtp/inet"],
    )
    .unwrap();
    assert!(
        said(&ways).contains("smtpd_proxy_filter=127.0.0.1:2525"),
        "{}",
        said(&ways)
    );
    let map = format!("texthash:{transport}");
    let way = ran(
        "/usr/sbin/postmap",
        &["-c", conf, "-q", "sms.example.com", &map],
    );
    assert_eq!(said(&way.unwrap()), "postel:[127.0.0.1]:2525\n");
}

#[test]
fn the_container_takes_along_all_that_the_build_needs() {
    let file = read("Containerfile");
    for line in file.lines().filter(|line| line.starts_with("COPY ")) {
        for source in line.split_whitespace().skip(1) {
            let ours = !source.starts_with(['-', '/', '.']) || source == ".cargo";
            let there = infra().join("..").join(source).exists();
            let target = line.ends_with(source);
            assert!(!ours || there || target, "{source} of {line}");
        }
    }
    let toolchain = std::fs::read_to_string(infra().join("../rust-toolchain.toml")).unwrap();
    let pinned = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = "));
    let image = format!("rust:{}-", pinned.unwrap().trim_matches('"'));
    assert!(file.contains(&image), "the image is the pinned toolchain");
}

/// Every `section.key` of a text whose lines are TOML, or TOML indented among words.
fn settings(text: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        {
            found.insert(format!("{section}.{key}"));
        }
    }
    found
}

#[test]
fn the_operators_page_names_settings_that_there_are() {
    let page = std::fs::read_to_string(infra().join("../docs/operations.md")).unwrap();
    let blocks: Vec<&str> = page.lines().filter(|l| l.starts_with("    ")).collect();
    let named = settings(&blocks.join("\n"));
    let there = settings(&read("../functions/postel/src/config/postel.toml"));
    assert!(named.len() > 10, "{named:?}");
    let unknown: Vec<&String> = named.difference(&there).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let files = page.split('`').filter(|word| word.starts_with("infra/"));
    for file in files.filter_map(|word| word.split(' ').next()) {
        assert!(infra().join("..").join(file).exists(), "{file}");
    }
}
