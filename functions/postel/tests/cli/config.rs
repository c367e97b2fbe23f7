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

#[test]
fn the_data_folder_lies_beside_the_file_and_looking_makes_none() {
    let place = Place::new();
    let etc = place.folder.join("etc");
    std::fs::create_dir_all(&etc).unwrap();
    place.write(
        "etc/postel.toml",
        "[gateway]\ndomains = [\"sms.example.com\"]\n",
    );
    let told = place
        .run(&["--config", "etc/postel.toml", "config", "check"])
        .ok();
    let data = etc.join("postel-data");
    assert!(
        told.contains(&format!("data\t{}\n", data.display())),
        "{told}"
    );
    for looking in [
        &["account", "list"][..],
        &["mails"],
        &["outbox"],
        &["trail", "01"],
        &["user", "list", "acme"],
        &["replay"],
        &["preview", "x.eml"],
    ] {
        let mut arguments = vec!["--config", "etc/postel.toml"];
        arguments.extend(looking);
        let ran = place.run(&arguments);
        assert_eq!(ran.code, 1, "{looking:?}: {}", ran.err);
        let where_it_looked = format!("no database in {}", data.display());
        assert!(
            ran.err.contains(&where_it_looked),
            "{looking:?}: {}",
            ran.err
        );
    }
    assert!(!data.exists(), "looking leaves nothing behind");
    place
        .run(&["--config", "etc/postel.toml", "account", "add", "acme"])
        .ok();
    assert!(data.join("postel.sqlite").exists());
}

#[test]
fn nothing_is_added_to_the_faults_there_are() {
    let place = Place::new();
    let nothing = place.run(&["account", "list"]);
    assert_eq!(nothing.code, 3);
    assert!(
        nothing
            .err
            .contains("has 1 fault:\n  no configuration file: "),
        "{}",
        nothing.err
    );
    let preview = place.run(&["preview", "x.eml"]);
    assert!(preview.err.contains("has 1 fault:"), "{}", preview.err);
    assert!(
        preview.err.contains("\nOr judge without any"),
        "{}",
        preview.err
    );
    place.write("postel.toml", "[gateway\ndomains = [\"a b\"]\n");
    let syntax = place.run(&["config", "check"]);
    assert!(
        syntax
            .err
            .contains("has 1 fault:\n  postel.toml:1: this is not TOML"),
        "{}",
        syntax.err
    );
    place.write(
        "postel.toml",
        "[gateway]\ndomains = [\"sms.example.com\"]\n[log]\nlevel = \"loud\"\n",
    );
    let loud = place.run(&["config", "check"]);
    assert_eq!(loud.code, 3);
    assert!(
        loud.err
            .contains("postel.toml:4: log.level: write error, warn, info, debug or trace"),
        "{}",
        loud.err
    );
}

#[test]
fn every_entry_of_a_list_is_judged() {
    let place = Place::new();
    let check = |gateway: &str, listen: &str, web: &str| {
        place.write(
            "postel.toml",
            format!(
                "[gateway]\ndomains = {gateway}\n[smtp]\nlisten = {listen}\n[web]\nlisten = {web}\n"
            ),
        );
        place.run(&["config", "check"])
    };
    let both = check(
        "[\"a b\", \"c d\"]",
        "[\"25\", \"x:y\"]",
        "\"127.0.0.1:8080\"",
    );
    for entry in ["`a b`", "`c d`", "`25`", "`x:y`", "has 2 faults"] {
        assert!(both.err.contains(entry), "{entry} in {}", both.err);
    }
    let twice = check(
        "[\"sms.example.com\", \"SMS.example.com\"]",
        "[\"127.0.0.1:2525\", \"0.0.0.0:2525\"]",
        "\"127.0.0.1:8080\"",
    );
    for words in ["written twice", "listened on already", "has 2 faults"] {
        assert!(twice.err.contains(words), "{words} in {}", twice.err);
    }
    let one = "[\"sms.example.com\"]";
    let same = check(one, "[\"0.0.0.0:8080\"]", "\"127.0.0.1:8080\"");
    assert!(
        same.err
            .contains("postel.toml:6: web.listen: mail is taken there"),
        "{}",
        same.err
    );
    check(one, "[\"127.0.0.1:0\", \"127.0.0.1:0\"]", "\"127.0.0.1:0\"").ok();
}

#[test]
fn a_wrong_file_is_known_by_its_kind_before_its_rights() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let key = place.write(
        "key.pem",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
    );
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    place.write(
        "chain.pem",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    );
    place.write(
        "postel.toml",
        "listen = 1\nfoo = 2\n[gateway]\ndomains = [\"sms.example.com\"]\n\
         [smtp]\ntls_certificate = \"key.pem\"\ntls_key_file = \"chain.pem\"\n\
         [mail_out]\nsmarthost = \"smtp://ann@mail.example.com:587\"\npassword_file = \".\"\n\
         trust_file = \"absent.pem\"\n[accounts]\ncountry = \"UK\"\n",
    );
    let told = place.run(&["config", "check"]).err;
    for words in [
        "`listen` stands in no section; write it below [metrics] or [smtp] or [web]",
        "`foo` stands in no section; there are",
        "key.pem holds a private key, not a certificate",
        "chain.pem holds a certificate, not a private key",
        " is a folder; name the file in it",
        "absent.pem cannot be read: No such file or directory\n",
        "UK is not a country code (GB is)",
        "has 7 faults",
    ] {
        assert!(told.contains(words), "{words} in {told}");
    }
    assert!(
        !told.contains("chmod") && !told.contains("os error"),
        "{told}"
    );
}

#[test]
fn invitations_that_reach_nobody_are_minded() {
    let place = Place::configured();
    let check = place.run(&["config", "check"]).ok();
    let outbox = place.folder.join("data/outbox");
    place.run(&["account", "add", "acme"]).ok();
    let added = place.run(&["user", "add", "acme", "ann@example.com"]).ok();
    assert!(added.contains("while `postel serve` runs"), "{added}");
    for told in [check, added] {
        assert!(told.contains("smarthost is empty"), "{told}");
        assert!(told.contains(&outbox.display().to_string()), "{told}");
        assert!(told.contains("public_url is empty"), "{told}");
    }
    place.write(
        "postel.toml",
        "[gateway]\ndomains = [\"sms.example.com\"]\n[web]\npublic_url = \"https://sms.example.com\"\n\
         [mail_out]\nsmarthost = \"smtp://mail.example.com:587\"\n",
    );
    let well = place.run(&["config", "check"]).ok();
    assert!(!well.contains("Mind"), "{well}");
}

#[test]
fn a_provider_that_is_listed_needs_its_section() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let check = |rest: &str| {
        place.write(
            "postel.toml",
            format!("[gateway]\ndomains = [\"sms.example.com\"]\n{rest}"),
        );
        place.run(&["config", "check"])
    };
    let bare = check("[sms]\nproviders = [\"esendex\", \"twilio\", \"handset\"]\n").err;
    for words in [
        "esendex.account_reference: \"esendex\" is among the providers; write",
        "esendex.user: ",
        "esendex.password_file: ",
        "twilio.account_sid: ",
        "twilio.auth_token_file: ",
        "has 5 faults",
    ] {
        assert!(bare.contains(words), "{words} in {bare}");
    }
    let token = place.write("token", "t0ken\n");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o604)).unwrap();
    let sid = format!("AC{}", "0".repeat(32));
    let wrong = check(&format!(
        "[sms]\nproviders = [\"twilio\", \"twilio\"]\n[twilio]\naccount_sid = \"{sid}0\"\nkey_sid = \"{sid}\"\n\
         auth_token_file = \"token\"\nurl = \"http://api.twilio.com\"\ntrust_file = \"token\"\n[esendex]\nmax_parts = 0\n"
    ))
    .err;
    for words in [
        "`twilio` is written twice",
        "postel.toml:6: twilio.account_sid: write AC and 32 digits",
        "postel.toml:7: twilio.key_sid: write SK and 32 digits",
        "chmod o= ",
        "postel.toml:9: twilio.url: credentials would travel unprotected; write https://",
        "token: no certificate in PEM form is in it",
        "postel.toml:12: esendex.max_parts: write a whole number from 1 to 20",
        "has 7 faults",
    ] {
        assert!(wrong.contains(words), "{words} in {wrong}");
    }
    assert!(!wrong.contains("t0ken"), "{wrong}");

    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let right = "[sms]\nproviders = [\"esendex\", \"twilio\"]\n[esendex]\naccount_reference = \"EX1\"\nuser = \"a@example.com\"\n\
                 password_file = \"token\"\nurl = \"http://127.0.0.1:1\"\n[twilio]\nauth_token_file = \"token\"\nurl = \"http://127.0.0.1:1\"\n";
    check(&format!("{right}account_sid = \"{sid}\"\n")).ok();
    // Nobody listens there, which is not said to be anybody's fault.
    let asked = place.run(&["check", "provider"]);
    assert_eq!(asked.code, 4, "{}", asked.err);
    for name in ["esendex", "twilio"] {
        let line = format!("{name}\tcannot be asked now: the connection was refused\n");
        assert!(asked.out.contains(&line), "{}", asked.out);
    }
}

#[test]
fn the_handset_takes_texts() {
    let asked = Place::configured().run(&["check", "provider"]).ok();
    assert!(asked.contains("handset\tworks: "), "{asked}");
}
