//! The configuration as a person meets it: on the command line.

use crate::support::{Place, finish};

#[test]
fn the_example_needs_only_a_domain() {
    let place = Place::new();
    let example = place.run(&["config", "example"]).ok();
    place.write("postel.toml", &example);
    let without = place.run(&["config", "check"]);
    assert_eq!(without.code, 3);
    assert!(without.err.contains("has 1 fault"), "{}", without.err);
    assert!(without.err.contains("gateway.domains"), "{}", without.err);

    place.write(
        "postel.toml",
        example.replace("domains = []", "domains = [\"sms.example.com\"]"),
    );
    assert!(
        place
            .run(&["config", "check"])
            .ok()
            .contains("sms.example.com")
    );
}

#[test]
fn all_faults_are_told_at_once_with_their_lines() {
    let place = Place::new();
    place.write("key.pem", "-----BEGIN PRIVATE KEY-----\n");
    place.write(
        "bad.toml",
        "[gateway]\ndomains = [\"sms example\"]\n\n[smtp]\nlisten = [\"2525\"]\nlisten_on = 1\n\
         tls_certificate = \"absent.pem\"\ntls_key_file = \"key.pem\"\nmax_recipients = 0\n[sms]\nproviders = [\"pigeon\"]\n",
    );
    let mut command = place.command(&["--config", "bad.toml", "config", "check"]);
    command
        .env("POSTEL_WEB_LISTEN", "localhost")
        .env("POSTEL_WEB_PORT", "80");
    let ran = finish(command, b"");
    assert_eq!(ran.code, 3);
    for place in [
        "bad.toml:2:",
        "bad.toml:5:",
        "bad.toml:6:",
        "bad.toml:7:",
        "bad.toml:8:",
        "bad.toml:9:",
        "bad.toml:11:",
        "POSTEL_WEB_LISTEN:",
        "POSTEL_WEB_PORT:",
    ] {
        assert!(ran.err.contains(place), "{place} in {}", ran.err);
    }
    assert!(ran.err.contains("has 9 faults"), "{}", ran.err);
    assert!(ran.err.contains("chmod o= "), "{}", ran.err);
    assert!(!ran.err.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn the_file_is_named_by_flag_or_variable_and_must_then_be_there() {
    let place = Place::configured();
    place.write("other.toml", "[gateway]\ndomains = [\"other.example\"]\n");
    assert!(
        place
            .run(&["config", "check"])
            .ok()
            .contains("sms.example.com")
    );
    assert!(
        place
            .run(&["config", "check", "--config", "other.toml"])
            .ok()
            .contains("other.example")
    );
    let mut command = place.command(&["config", "check"]);
    command.env("POSTEL_CONFIG", "other.toml");
    assert!(finish(command, b"").ok().contains("other.example"));
    let absent = place.run(&["--config", "absent.toml", "config", "check"]);
    assert_eq!(absent.code, 3);
    assert!(
        absent.err.contains("postel config example"),
        "{}",
        absent.err
    );
}

#[test]
fn without_a_file_the_environment_is_enough() {
    let place = Place::new();
    let mut command = place.command(&["config", "check"]);
    command.env("POSTEL_GATEWAY_DOMAINS", "sms.example.com");
    assert!(finish(command, b"").ok().contains("environment only"));
}

#[test]
fn completions_are_printed_for_a_shell() {
    let script = Place::new().feed(&["completions", "bash"], "").ok();
    assert!(script.contains("postel"));
}
