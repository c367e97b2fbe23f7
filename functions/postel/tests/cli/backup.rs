//! Backup, restore, what is damaged and what was set aside, as an operator meets them.

use postel_core::ledger::State;
use postel_core::ports::Ledger as _;
use postel_local::spool::Spool;
use postel_local::sqlite::SqliteStore;

use crate::replay::row;
use crate::serving::{Process, free_port, until};
use crate::support::Place;

/// A place with an account, a waiting text, and a mail in the spool that no version knows.
fn filled() -> Place {
    let place = Place::new();
    place.write(
        "postel.toml",
        format!(
            "[gateway]\ndomains = [\"sms.example.com\"]\ndata = \"data\"\n[smtp]\nlisten = [\"127.0.0.1:0\"]\n\
             [web]\nlisten = \"127.0.0.1:{}\"\n",
            free_port()
        ),
    );
    place.run(&["account", "add", "acme"]).ok();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(&place.folder.join("data/postel.sqlite")).unwrap();
        store.claim(&row("a1", State::Waiting)).await.unwrap();
        store.close().await.unwrap();
        let (spool, _) = Spool::open(&place.folder.join("data/spool")).unwrap();
        let at = "2026-11-21T10:00:00Z".parse().unwrap();
        let header = b"{\"secret\": \"ann@example.com\"}".to_vec();
        spool
            .append(at, header, b"Subject: x\r\n\r\nhello\r\n".to_vec())
            .await
            .unwrap();
    });
    place
}

#[test]
fn a_backup_is_made_and_restored_with_words_for_what_to_look_at() {
    let place = filled();
    let made = place.run(&["backup", "b.sqlite"]).ok();
    assert!(
        made.contains("texts waiting\t1") && made.contains("mails in spool\t1"),
        "{made}"
    );
    let again = place.run(&["backup", "b.sqlite"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("--overwrite"), "{}", again.err);
    place.run(&["backup", "--overwrite", "b.sqlite"]).ok();
    assert!(
        place
            .run(&["check", "database", "b.sqlite"])
            .ok()
            .contains("Sound.")
    );

    place.run(&["account", "add", "later"]).ok();
    let restored = place.run(&["restore", "b.sqlite"]).ok();
    for words in [
        "texts unknown\t1",
        // In the backup and in the folder: one mail.
        "mails set aside\t1",
        "postel mails --state unknown",
        "postel spool",
        "postel.sqlite.before-restore-",
    ] {
        assert!(restored.contains(words), "{words} in {restored}");
    }
    let accounts = place.run(&["account", "list"]).ok();
    assert!(
        accounts.contains("acme") && !accounts.contains("later"),
        "{accounts}"
    );
    let set_aside = place.run(&["spool"]).ok();
    assert!(
        set_aside.contains("waits for you") && set_aside.contains("may have been sent since"),
        "{set_aside}"
    );
    assert!(place.run(&["check", "database"]).ok().contains("Sound."));
    let none = place.run(&["restore", "none.sqlite"]);
    assert_eq!(none.code, 4);
    assert!(none.err.contains("none.sqlite"), "{}", none.err);
}

#[test]
fn a_folder_that_is_served_is_served_once_and_not_restored_even_after_a_kill() {
    let place = filled();
    place.run(&["backup", "b.sqlite"]).ok();
    let (server, mut out) = Process::start(place.command(&["serve"]));
    until(&mut out, "pages\t");
    // The mail of an unknown form is visible, its words are not.
    let set_aside = spool_once_it_says(&place, "form that this version does not know");
    assert!(!set_aside.contains("ann@"), "{set_aside}");
    for command in [&["serve"][..], &["restore", "b.sqlite"]] {
        let refused = place.run(command);
        assert_eq!(refused.code, 4, "{command:?}");
        assert!(
            refused.err.contains("another postel process"),
            "{}",
            refused.err
        );
    }
    // Looking, and backing up, go on beside it.
    place.run(&["backup", "--overwrite", "b.sqlite"]).ok();
    place.run(&["check", "database"]).ok();
    // Dropping it is kill -9: its lock goes with it.
    drop(server);
    place.run(&["restore", "b.sqlite"]).ok();
    let name = place.run(&["spool", "--json"]).ok();
    let name: serde_json::Value = serde_json::from_str(&name).unwrap();
    let name = name
        .pointer("/0/name")
        .and_then(|n| n.as_str())
        .unwrap()
        .to_owned();
    assert!(
        place
            .run(&["replay", &name])
            .ok()
            .contains("taken up again: 1")
    );
    assert!(place.run(&["spool"]).ok().contains("asked again"));
    let (server, mut out) = Process::start(place.command(&["serve"]));
    until(&mut out, "pages\t");
    // It is tried again, and it still is of no known form.
    spool_once_it_says(&place, "waits for you");
    drop(server);
    place.run(&["spool", "forget", &name]).ok();
    assert_eq!(place.run(&["spool"]).ok(), "");
    assert_eq!(place.run(&["spool", "forget", &name]).code, 1);
}

/// What `postel spool` says, once the running process has come so far.
fn spool_once_it_says(place: &Place, words: &str) -> String {
    let tries = (0..200).map(|_| {
        std::thread::park_timeout(std::time::Duration::from_millis(100));
        place.run(&["spool"]).ok()
    });
    let mut last = String::new();
    for said in tries {
        last = said;
        if last.contains(words) {
            break;
        }
    }
    assert!(last.contains(words), "{words} in {last}");
    last
}

/// Each command, and `serve`, name the file and the way back.
#[test]
fn a_database_that_is_broken_is_said_to_be_by_every_command() {
    let place = filled();
    place.run(&["backup", "b.sqlite"]).ok();
    let path = place.folder.join("data/postel.sqlite");
    let sound = std::fs::read(&path).unwrap();
    let mut header = sound.clone();
    header.get_mut(..100).unwrap().fill(0xa5);
    let mut schema = sound.clone();
    schema.get_mut(100..4_096).unwrap().fill(0xa5);
    let torn = sound.get(..sound.len() / 2).unwrap().to_vec();
    for (what, bytes) in [
        ("header", header),
        ("schema", schema),
        ("torn", torn),
        ("emptied", Vec::new()),
    ] {
        std::fs::write(&path, &bytes).unwrap();
        for command in [
            &["serve"][..],
            &["mails"],
            &["account", "list"],
            &["trail", "a1"],
        ] {
            // Half a file may hold all that a command reads; then `check database` says it.
            if what == "torn" {
                continue;
            }
            let refused = place.run(command);
            assert_eq!(
                refused.code, 4,
                "{what} {command:?}: {}{}",
                refused.out, refused.err
            );
            for words in ["postel.sqlite", "restore"] {
                assert!(
                    refused.err.contains(words),
                    "{what} {command:?}: {}",
                    refused.err
                );
            }
        }
        if what == "torn" {
            let checked = place.run(&["check", "database"]);
            assert!(
                [1, 4].contains(&checked.code),
                "{}{}",
                checked.out,
                checked.err
            );
            assert!(format!("{}{}", checked.out, checked.err).contains("postel restore FILE"));
        }
    }
    place.run(&["restore", "b.sqlite"]).ok();
    assert!(place.run(&["account", "list"]).ok().contains("acme"));
}
