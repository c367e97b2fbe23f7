//! Every command, option and argument says what it is for.

use crate::support::Place;

/// Commands listed in a help text, by the lines under "Commands:".
fn commands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|l| *l != "Commands:")
        .skip(1)
        .take_while(|l| !l.is_empty())
        .filter(|l| l.starts_with("  ") && !l.starts_with("   "))
        .map(|l| l.split_whitespace().next().unwrap().to_owned())
        .filter(|c| c != "help")
        .collect()
}

#[test]
fn every_command_and_every_argument_is_described() {
    let place = Place::new();
    let mut waiting = vec![Vec::<String>::new()];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("-h");
        let mut command = place.command(&arguments);
        command.env("COLUMNS", "500");
        let help = crate::support::finish(command, b"").ok();
        seen += 1;
        for line in help
            .lines()
            .filter(|l| l.starts_with("  ") && !l.contains("possible values"))
        {
            let line = line.trim();
            if line.starts_with(['-', '<', '[']) {
                assert!(line.contains("  "), "{path:?}: no description: {line}");
            }
        }
        let listed = commands(&help);
        for line in help
            .lines()
            .skip_while(|l| *l != "Commands:")
            .skip(1)
            .take_while(|l| !l.is_empty())
        {
            assert!(
                line.trim().contains("  "),
                "{path:?}: no description: {line}"
            );
        }
        for name in listed {
            waiting.push(path.iter().cloned().chain([name]).collect());
        }
    }
    assert!(seen > 40, "{seen} help texts");
}

#[test]
fn exit_codes_are_documented_and_kept() {
    let place = Place::new();
    let help = place.run(&["--help"]).ok();
    assert!(help.contains("Exit codes:"), "{help}");
    assert_eq!(place.run(&["unheard-of"]).code, 2);
    assert_eq!(place.run(&[]).code, 2);
    let unconfigured = place.run(&["account", "list"]);
    assert_eq!(unconfigured.code, 3);
    assert!(
        unconfigured
            .err
            .contains("postel config example > postel.toml"),
        "{}",
        unconfigured.err
    );
    assert!(place.run(&["--version"]).ok().starts_with("postel "));
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let place = Place::new();
    for arguments in [&["config", "example"][..], &["completions", "bash"]] {
        let mut command = place.command(arguments);
        let mut child = command
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        assert!(child.wait().unwrap().success(), "{arguments:?}");
    }
}
