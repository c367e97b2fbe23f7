//! The life of an account on a data folder of its own.

use serde_json::Value;

use crate::support::{Place, finish};

fn json(place: &Place, arguments: &[&str]) -> Value {
    serde_json::from_str(&place.run(arguments).ok()).unwrap()
}

#[test]
fn an_account_lives() {
    let place = Place::configured();
    let added = place
        .run(&["account", "add", "acme", "--admin", "Boss@Example.com"])
        .ok();
    assert!(added.contains("postel user add acme"), "{added}");
    let again = place.run(&["account", "add", "acme"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("already"), "{}", again.err);

    place
        .run(&[
            "prefs",
            "set",
            "acme",
            "--signature",
            "Ann Example",
            "--sender-name",
            "Acme",
            "--send-as",
            "sender-name",
            "--subject",
            "prefix",
            "--encoding",
            "ascii",
            "--max-parts",
            "3",
            "--over-long",
            "refuse",
            "--validity",
            "12",
            "--language",
            "fr",
            "--country",
            "BE",
            "--bare-digits",
            "international",
            "--time-zone",
            "Europe/Brussels",
            "--receipts",
            "all",
        ])
        .ok();
    place
        .run(&[
            "limits",
            "set",
            "acme",
            "--countries",
            "BE,fr",
            "--recipients-per-mail",
            "5",
            "--user-hour",
            "10",
            "--number-hour",
            "4",
            "--day",
            "50",
            "--month",
            "500",
        ])
        .ok();
    place
        .run(&[
            "account",
            "set",
            "acme",
            "--retention",
            "7",
            "--add-admin",
            "two@example.com",
        ])
        .ok();
    place.run(&["network", "add", "acme", "192.0.2.0/24"]).ok();
    place.run(&["number", "add", "acme", "+32470123456"]).ok();

    let account = json(&place, &["account", "show", "acme", "--json"]);
    let p = &account["preferences"];
    for (setting, value) in [
        ("signature", "Ann Example"),
        ("sender_name", "Acme"),
        ("send_as", "sender-name"),
        ("subject", "prefix"),
        ("encoding", "ascii"),
        ("over_long", "refuse"),
        ("language", "fr"),
        ("country", "BE"),
        ("bare_digits", "international"),
        ("time_zone", "Europe/Brussels"),
    ] {
        assert_eq!(p[setting], value, "{setting}");
    }
    assert_eq!(
        (&p["max_parts"], &p["validity_hours"]),
        (&3.into(), &12.into())
    );
    assert_eq!(account["receiving"]["receipts"], "all");
    assert_eq!(
        account["limits"]["countries"],
        serde_json::json!(["BE", "FR"])
    );
    assert_eq!(account["limits"]["parts_per_month"], 500);
    assert_eq!(account["retention"]["days"], 7);
    assert_eq!(
        account["admins"],
        serde_json::json!(["boss@example.com", "two@example.com"])
    );
    let shown = place.run(&["account", "show", "acme"]).ok();
    for words in [
        "sender name\tAcme",
        "network\t192.0.2.0/24",
        "number\t+32470123456 (handset)",
        "retention\t7 days",
    ] {
        assert!(shown.contains(words), "{words} in {shown}");
    }

    place
        .run(&[
            "prefs",
            "set",
            "acme",
            "--signature",
            "",
            "--sender-name",
            "",
        ])
        .ok();
    assert_eq!(
        json(&place, &["prefs", "show", "acme", "--json"])["signature"],
        Value::Null
    );
    assert_eq!(
        place
            .run(&["network", "delete", "acme", "192.0.2.0/24"])
            .code,
        2,
        "asks, and nobody is there to answer"
    );
    place
        .run(&["network", "delete", "acme", "192.0.2.0/24", "--yes"])
        .ok();
    place
        .run(&["number", "delete", "acme", "+32470123456", "--yes"])
        .ok();
    assert_eq!(place.run(&["number", "list", "acme"]).ok(), "");

    let audit = place.run(&["account", "audit", "acme"]).ok();
    for what in [
        "account.add",
        "preferences.set",
        "limits.set",
        "network.add",
        "number.delete",
    ] {
        assert!(
            audit.contains(&format!("cli\t{what}\t")),
            "{what} in {audit}"
        );
    }
}

#[test]
fn what_must_not_be_is_refused_with_the_reason() {
    let place = Place::configured();
    place.run(&["account", "add", "acme"]).ok();
    for (arguments, code, words) in [
        (
            &["prefs", "set", "acme", "--max-parts", "21"][..],
            1,
            "1 to 20",
        ),
        (
            &["prefs", "set", "acme", "--sender-name", "two words"],
            2,
            "1 to 11",
        ),
        (
            &["prefs", "set", "acme", "--subject", "shout"],
            2,
            "when-empty",
        ),
        (&["prefs", "set", "acme"], 2, "required"),
        (
            &["prefs", "set", "nobody", "--max-parts", "2"],
            1,
            "postel account add nobody",
        ),
        (
            &["network", "add", "acme", "10.0.0.0/7"],
            2,
            "would admit strangers",
        ),
        (
            &[
                "number",
                "add",
                "acme",
                "+32470123456",
                "--provider",
                "pigeon",
            ],
            1,
            "not configured",
        ),
        (
            &["user", "add", "acme", "@gmail.com"],
            1,
            "anybody can have a mailbox",
        ),
        (
            &["user", "resend", "acme", "ann@example.com"],
            1,
            "postel user list",
        ),
        (&["account", "show", "Acme"], 2, "begins with a letter"),
        (&["trail", "0000"], 1, "postel mails"),
        (
            &["prefs", "set", "acme", "--country", "UK"],
            2,
            "UK is not a country code (GB is)",
        ),
        (
            &["limits", "set", "acme", "--countries", "FR,XX"],
            2,
            "XX is not a country",
        ),
        (
            &["user", "verify", "acme", "example.com"],
            1,
            "postel user list",
        ),
        (&["trail", ""], 2, "value is required"),
        (&["mails", "--account", "nope"], 1, "postel account add"),
        (&["replay", "--account", "nope"], 1, "postel account add"),
        (&["mails", "--state", "lost"], 2, "delivered"),
        (
            &[
                "account",
                "set",
                "acme",
                "--remove-admin",
                "eve@example.com",
            ],
            1,
            "no administrator",
        ),
        (
            &[
                "account",
                "set",
                "acme",
                "--remove-admin",
                "eve@example.com",
                "--add-admin",
                "eve@example.com",
            ],
            2,
            "both added and removed",
        ),
        (
            &["opt-out", "lift", "acme", "+33612345678"],
            1,
            "has not opted out",
        ),
        (
            &["user", "automated", "acme", "ann@example.com", "maybe"],
            2,
            "write refuse or allow",
        ),
        (
            &["user", "delete", "acme", "ann@example.com"],
            2,
            "add --yes to delete the user",
        ),
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(words), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
    let shared = place
        .run(&["network", "add", "acme", "209.85.128.0/17"])
        .ok();
    assert!(shared.contains("Google"), "{shared}");
    let unproven = place
        .run(&["account", "set", "acme", "--accept", "any-server"])
        .ok();
    assert!(unproven.contains("any_server = true"), "{unproven}");
    let nameless = place
        .run(&["prefs", "set", "acme", "--send-as", "sender-name"])
        .ok();
    assert!(nameless.contains("--sender-name"), "{nameless}");
    let above = place
        .run(&["limits", "set", "acme", "--day", "50001", "--month", "7"])
        .ok();
    assert!(
        above.contains("50001 has the effect of 50000")
            && !above.contains("parts_per_account_month"),
        "{above}"
    );
    let unrelated = place
        .run(&["account", "set", "acme", "--retention", "7"])
        .ok();
    assert!(!unrelated.contains("any_server"), "{unrelated}");
    let empty = place.run(&["number", "list", "acme"]);
    assert_eq!(
        (empty.out.as_str(), empty.err.as_str()),
        ("", "(nothing to list)\n")
    );
}

#[test]
fn users_are_invited_accepted_and_deleted() {
    let place = Place::configured();
    place.run(&["account", "add", "acme"]).ok();
    assert!(
        place
            .run(&["user", "add", "acme", "Ann@Example.com"])
            .ok()
            .contains("is invited")
    );
    assert!(
        place
            .run(&["outbox"])
            .ok()
            .contains("\tann@example.com\tdue ")
    );
    assert!(
        place
            .run(&["user", "list", "acme"])
            .ok()
            .starts_with("ann@example.com\tpending\tdefault\trefuse\t")
    );
    place
        .run(&["user", "resend", "acme", "ann@example.com"])
        .ok();
    place
        .run(&["user", "accept", "acme", "ann@example.com"])
        .ok();
    place
        .run(&["user", "automated", "acme", "ann@example.com", "allow"])
        .ok();
    place
        .run(&["user", "signature", "acme", "ann@example.com", "Ann"])
        .ok();
    let without = place
        .run(&["user", "signature", "acme", "ann@example.com", ""])
        .ok();
    assert!(without.contains("no signature of its own"), "{without}");
    place
        .run(&["user", "signature", "acme", "ann@example.com", "Ann"])
        .ok();
    assert!(
        place
            .run(&["user", "list", "acme"])
            .ok()
            .starts_with("ann@example.com\taccepted\tdefault\tallow\t\tAnn")
    );

    place.run(&["account", "add", "other"]).ok();
    place.run(&["user", "add", "other", "ann@example.com"]).ok();
    place
        .run(&["user", "default", "other", "ann@example.com"])
        .ok();
    let users = json(&place, &["user", "list", "acme", "--json"]);
    assert_eq!(users[0]["default"], false);
    place
        .run(&["user", "delete", "other", "ann@example.com", "--yes"])
        .ok();
    assert_eq!(
        json(&place, &["user", "list", "acme", "--json"])[0]["default"],
        true
    );
}

#[test]
fn a_domain_is_accepted_by_its_txt_record_alone() {
    use postel_auth::testing::{Zone, ZoneServer};
    let place = Place::configured();
    place.run(&["account", "add", "acme"]).ok();
    let added = place.run(&["user", "add", "acme", "@example.com"]).ok();
    let record = added.lines().find(|l| l.contains(" TXT ")).unwrap();
    let (name, value) = record.split_once(". TXT ").unwrap();
    assert_eq!(
        place.run(&["user", "accept", "acme", "@example.com"]).code,
        1
    );

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let verify = |zone: Zone| {
        let server = runtime.block_on(ZoneServer::start(zone)).unwrap();
        let mut command = place.command(&["user", "verify", "acme", "@example.com"]);
        command.env("POSTEL_DNS_SERVER", server.address().to_string());
        finish(command, b"")
    };
    let absent = verify(Zone::new());
    assert_eq!(absent.code, 1);
    assert!(absent.err.contains(name), "{}", absent.err);
    verify(Zone::new().txt(name, value.trim_matches('"'))).ok();
    assert!(
        place
            .run(&["user", "list", "acme"])
            .ok()
            .starts_with("@example.com\taccepted")
    );
}

#[test]
fn a_number_opts_out_and_back_in() {
    let place = Place::configured();
    place.run(&["account", "add", "acme"]).ok();
    assert_eq!(
        place.run(&["opt-out", "show", "acme", "+33612345678"]).code,
        1
    );
    place.run(&["opt-out", "add", "acme", "+33612345678"]).ok();
    assert!(
        place
            .run(&["opt-out", "show", "acme", "+33 6 12 34 56 78"])
            .ok()
            .contains("(admin)")
    );
    let again = place.run(&["opt-out", "add", "acme", "+33612345678"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("already"), "{}", again.err);
    place
        .run(&["opt-out", "lift", "acme", "+33612345678", "--yes"])
        .ok();
    assert_eq!(
        place.run(&["opt-out", "show", "acme", "+33612345678"]).code,
        1
    );
    assert!(place.run(&["replay"]).ok().contains("due now: 0"));
    assert_eq!(place.run(&["mails"]).ok(), "");
}
