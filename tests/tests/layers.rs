//! The arrows of the architecture, proved on what cargo says (ARCHITECTURE.md, "Map").
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an integration test: a panic is its failure"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Our crates and what each depends on directly, without what only its tests need.
fn direct() -> BTreeMap<String, BTreeSet<String>> {
    let metadata: serde_json::Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let names = dependencies
                .iter()
                .filter(|d| d["kind"].as_str() != Some("dev"))
                .map(|d| d["name"].as_str().unwrap().to_owned())
                .collect();
            (package["name"].as_str().unwrap().to_owned(), names)
        })
        .collect()
}

/// Which of our crates each may know.
#[rustfmt::skip]
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("postel-mail",          &[]),
    ("postel-core",          &["postel-mail"]),
    ("postel-auth",          &["postel-core", "postel-mail"]),
    ("postel-sms",           &["postel-core"]),
    ("postel-aws",           &["postel-core", "postel-mail"]),
    ("postel-local",         &["postel-core", "postel-mail"]),
    ("postel-web",           &["postel-core", "postel-mail"]),
    ("postel-inbound-email", &["postel-auth", "postel-aws", "postel-core", "postel-mail", "postel-sms"]),
    ("postel",               &["postel-auth", "postel-core", "postel-local", "postel-mail", "postel-sms", "postel-web"]),
    ("postel-tests",         &[]),
];

/// Who alone may use which crates of others.
#[rustfmt::skip]
const BELONGS_TO: &[(&str, &[&str])] = &[
    ("mail-parser",      &["postel-mail"]),
    ("mail-builder",     &["postel-mail"]),
    ("html5ever",        &["postel-mail"]),
    ("mail-auth",        &["postel-auth"]),
    ("hickory-resolver", &["postel-auth"]),
    ("hickory-proto",    &["postel-auth"]),
    ("reqwest",          &["postel-sms"]),
    ("quick-xml",        &["postel-sms"]),
    ("rusqlite",         &["postel-local"]),
    ("aws-config",       &["postel-aws"]),
    ("aws-sdk-s3",       &["postel-aws"]),
    ("aws-sdk-dynamodb", &["postel-aws"]),
    ("lambda_runtime",   &["postel-inbound-email"]),
    ("rlibphonenumber",  &["postel-core"]),
    ("metrics",          &["postel-core"]),
    ("metrics-exporter-prometheus", &["postel"]),
];

#[test]
fn arrows_never_run_back() {
    let direct = direct();
    let named: BTreeSet<&str> = MAY_KNOW.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = direct.keys().map(String::as_str).collect();
    assert_eq!(
        found, named,
        "every crate of the workspace stands in the table"
    );
    for (name, may) in MAY_KNOW {
        for dependency in direct[*name].iter().filter(|d| direct.contains_key(*d)) {
            assert!(
                may.contains(&dependency.as_str()),
                "{name} must not know {dependency}"
            );
        }
    }
}

#[test]
fn each_library_stays_behind_its_crate() {
    for (name, dependencies) in direct() {
        for (library, owners) in BELONGS_TO {
            assert!(
                !dependencies.contains(*library) || owners.contains(&name.as_str()),
                "{name} must not use {library}: it belongs to {owners:?}"
            );
        }
    }
}

#[test]
fn the_core_reaches_no_network() {
    let tree = cargo(&[
        "tree",
        "-p",
        "postel-core",
        "-e",
        "normal",
        "--prefix",
        "none",
    ]);
    assert!(
        tree.lines().count() > 10,
        "cargo tree printed too little: {tree}"
    );
    for network in [
        "tokio ", "hyper", "reqwest", "rustls", "socket2", "mio ", "hickory", "aws-", "rusqlite",
        "lettre",
    ] {
        let found = tree.lines().find(|line| line.starts_with(network));
        assert_eq!(found, None, "in the tree of postel-core");
    }
}

#[test]
fn the_one_process_compiles_no_aws_sdk_and_nothing_uses_ring() {
    let tree = cargo(&["tree", "-p", "postel", "-e", "normal", "--prefix", "none"]);
    assert_eq!(
        tree.lines()
            .find(|line| line.starts_with("aws-sdk") || line.starts_with("lambda_runtime")),
        None
    );
    let all = cargo(&["tree", "--workspace", "-e", "normal", "--prefix", "none"]);
    assert_eq!(all.lines().find(|line| line.starts_with("ring ")), None);
    let parsers: BTreeSet<&str> = all
        .lines()
        .filter_map(|l| l.strip_prefix("mail-parser "))
        .map(|v| v.split(' ').next().unwrap())
        .collect();
    assert_eq!(parsers.len(), 1, "one mail-parser: {parsers:?}");
}

#[test]
fn the_architecture_page_names_every_crate_and_no_other() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut crates = Vec::new();
    for folder in ["lib", "functions"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            crates.push(format!(
                "{folder}/{}",
                entry.unwrap().file_name().to_str().unwrap()
            ));
        }
    }
    for name in &crates {
        assert!(
            page.contains(&format!("`{name}`")),
            "ARCHITECTURE.md does not name {name}"
        );
    }
    let mentioned = page.split('`').filter(|w| {
        (w.starts_with("lib/") || w.starts_with("functions/"))
            && w.matches('/').count() == 1
            && !w.contains('*')
    });
    for name in mentioned {
        assert!(
            crates.iter().any(|c| c == name),
            "ARCHITECTURE.md names {name}, which is not there"
        );
    }
}
