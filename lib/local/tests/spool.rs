//! The spool on a real disk: what was acknowledged is there after whatever happened.
//!
//! Long because each way to lose power has its case.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::Timestamp;
use postel_local::spool::{Entry, Spool, SpoolError, Ticket, failed};

/// A folder of its own, deleted at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("postel-spool-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> (Spool, Vec<Entry>) {
        Spool::open(&self.0).unwrap()
    }

    fn files(&self, extension: &str) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|f| f.unwrap().path())
            .collect();
        files.retain(|f| f.extension().is_some_and(|e| e == extension));
        files.sort();
        files
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn day(n: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + n * 86_400).unwrap()
}

fn mails(entries: &[Entry]) -> Vec<(Ticket, String)> {
    let mail = |entry: &Entry| match entry {
        Entry::Mail { ticket, header, .. } => {
            Some((*ticket, String::from_utf8(header.clone()).unwrap()))
        }
        Entry::Damaged { .. } => None,
    };
    entries.iter().filter_map(mail).collect()
}

fn headers(entries: &[Entry]) -> Vec<String> {
    mails(entries)
        .into_iter()
        .map(|(_, header)| header)
        .collect()
}

async fn append(spool: &Spool, header: &str) -> Ticket {
    spool
        .append(day(0), header.into(), format!("raw of {header}").into())
        .await
        .unwrap()
}

#[tokio::test]
async fn mails_come_back_until_they_are_done() {
    let place = Place::new("back");
    let (spool, entries) = place.open();
    assert_eq!(entries, []);
    let (a, b, c) = (
        append(&spool, "a").await,
        append(&spool, "b").await,
        append(&spool, "c").await,
    );
    spool.done(b).await.unwrap();
    spool.done(b).await.unwrap();
    assert_eq!(spool.figures().pending, 2);
    drop(spool);

    let (spool, entries) = place.open();
    assert_eq!(mails(&entries), [(a, "a".to_owned()), (c, "c".to_owned())]);
    assert_eq!(spool.figures().pending, 2);
    let stored = spool.read(b).await.unwrap();
    assert_eq!(
        (stored.at, &stored.header[..], &stored.raw[..]),
        (day(0), &b"b"[..], &b"raw of b"[..])
    );
    let d = append(&spool, "d").await;
    spool.done(a).await.unwrap();
    spool.done(d).await.unwrap();
    drop(spool);
    assert_eq!(headers(&place.open().1), ["c"]);
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let place = Place::new("second");
    let (spool, _) = place.open();
    assert!(Spool::is_taken(&place.0));
    let error = Spool::open(&place.0).err().unwrap();
    assert_eq!(error, SpoolError::Taken(place.0.clone()));
    assert!(error.to_string().contains("another postel process"));
    let other = spool.clone();
    drop(spool);
    assert!(Spool::open(&place.0).is_err(), "a clone still has it");
    drop(other);
    assert!(!Spool::is_taken(&place.0));
    assert!(!Spool::is_taken(&place.0.join("nowhere")));
    place.open();
}

#[tokio::test]
async fn segments_go_when_all_is_done_and_old() {
    let place = Place::new("expire");
    let (spool, _) = place.open();
    let at = async |n: i64| {
        spool
            .append(day(n), n.to_string().into(), b"x".to_vec())
            .await
            .unwrap()
    };
    let (a, b, c, d) = (at(0).await, at(1).await, at(2).await, at(2).await);
    assert_eq!(place.files("mail").len(), 3, "a segment a day");
    for ticket in [a, c] {
        spool.done(ticket).await.unwrap();
    }
    let bytes = spool.figures().bytes;
    assert_eq!(spool.expire(day(0)).await, Ok(0), "not old");
    assert_eq!(spool.expire(day(9)).await, Ok(1), "b and d are not done");
    assert_eq!(spool.read(a).await, Err(SpoolError::Gone));
    spool.done(a).await.unwrap();
    spool.done(b).await.unwrap();
    assert_eq!(spool.expire(day(2)).await, Ok(1));
    assert!(spool.read(c).await.is_ok());
    spool.done(d).await.unwrap();
    assert_eq!(
        spool.expire(day(3)).await,
        Ok(1),
        "the segment in use goes, too"
    );
    assert!(bytes > 0);
    assert_eq!((spool.figures().bytes, spool.figures().pending), (0, 0));
    assert_eq!((place.files("mail"), place.files("done")), (vec![], vec![]));
    append(&spool, "e").await;
    drop(spool);
    assert_eq!(headers(&place.open().1), ["e"]);
}

#[tokio::test]
async fn a_torn_tail_is_cut_off_and_the_spool_goes_on() {
    let place = Place::new("torn");
    let (spool, _) = place.open();
    append(&spool, "a").await;
    let whole = fs::metadata(&place.files("mail")[0]).unwrap().len();
    append(&spool, "b").await;
    drop(spool);
    let file = place.files("mail").remove(0);
    let both = fs::read(&file).unwrap();
    for cut in usize::try_from(whole).unwrap()..both.len() {
        fs::write(&file, &both[..cut]).unwrap();
        let (spool, entries) = place.open();
        assert_eq!(headers(&entries), ["a"], "{cut}");
        assert_eq!(entries.len(), 1, "{cut}");
        assert_eq!(fs::metadata(&file).unwrap().len(), whole);
        let c = append(&spool, "c").await;
        assert_eq!(spool.read(c).await.unwrap().raw, b"raw of c");
        spool.done(c).await.unwrap();
    }
}

#[tokio::test]
async fn damage_is_told_every_time_and_hides_nothing_else() {
    let place = Place::new("damage");
    let (spool, _) = place.open();
    let a = append(&spool, "a").await;
    let b = append(&spool, "b").await;
    append(&spool, "c").await;
    drop(spool);
    let file = place.files("mail").remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let hit = bytes.windows(8).position(|w| w == b"raw of b").unwrap();
    bytes[hit] ^= 1;
    fs::write(&file, bytes).unwrap();
    for _ in 0..2 {
        let (spool, entries) = place.open();
        assert_eq!(headers(&entries), ["a", "c"]);
        assert_eq!(
            entries
                .iter()
                .filter(|e| matches!(e, Entry::Damaged { .. }))
                .count(),
            1
        );
        assert!(spool.read(a).await.is_ok());
        assert_eq!(spool.read(b).await, Err(SpoolError::Damaged));
    }
}

#[tokio::test]
async fn a_torn_or_damaged_done_only_brings_its_mail_up_again() {
    let place = Place::new("done");
    let (spool, _) = place.open();
    let tickets = [
        append(&spool, "a").await,
        append(&spool, "b").await,
        append(&spool, "c").await,
    ];
    spool.done(tickets[0]).await.unwrap();
    spool.done(tickets[1]).await.unwrap();
    drop(spool);
    let file = place.files("done").remove(0);
    let both = fs::read(&file).unwrap();
    assert_eq!(both.len(), 24);
    for cut in 12..24 {
        fs::write(&file, &both[..cut]).unwrap();
        let (spool, entries) = place.open();
        assert_eq!(headers(&entries), ["b", "c"]);
        // What is written after a torn piece counts.
        spool.done(tickets[1]).await.unwrap();
        drop(spool);
        assert_eq!(headers(&place.open().1), ["c"]);
    }
    for byte in 0..12 {
        let mut flipped = both.clone();
        flipped[byte] ^= 4;
        fs::write(&file, &flipped).unwrap();
        assert_eq!(headers(&place.open().1), ["a", "c"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_mails_share_a_sync() {
    let place = Place::new("group");
    let (spool, _) = place.open();
    let senders = (0..64).map(|sender| {
        let spool = spool.clone();
        tokio::spawn(async move {
            for i in 0..20 {
                append(&spool, &format!("{sender}/{i}")).await;
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    let figures = spool.figures();
    println!(
        "group commit: {} appends, {} fdatasyncs",
        figures.appends, figures.syncs
    );
    assert_eq!(figures.appends, 64 * 20);
    assert!(figures.syncs * 4 <= figures.appends, "{figures:?}");
    drop(spool);
    let (_, entries) = place.open();
    assert_eq!(entries.len(), 64 * 20);
}

#[tokio::test]
async fn a_finished_segment_is_not_read_at_the_next_start() {
    let place = Place::new("finished");
    let (spool, _) = place.open();
    let a = spool
        .append(day(0), b"a".to_vec(), b"x".to_vec())
        .await
        .unwrap();
    let b = spool
        .append(day(1), b"b".to_vec(), b"x".to_vec())
        .await
        .unwrap();
    let c = spool
        .append(day(2), b"c".to_vec(), b"x".to_vec())
        .await
        .unwrap();
    spool.done(a).await.unwrap();
    spool.done(c).await.unwrap();
    assert_eq!(place.files("finished").len(), 1, "a: nothing more comes");
    drop(spool);
    assert_eq!(place.files("finished").len(), 2, "a and c, but not b");

    // Spoiling the mails shows who reads them; spoiling the note brings the reading back.
    for file in place.files("mail") {
        let mut bytes = fs::read(&file).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&file, bytes).unwrap();
    }
    let damaged = |entries: &[Entry]| {
        entries
            .iter()
            .filter(|e| matches!(e, Entry::Damaged { .. }))
            .count()
    };
    let (spool, entries) = place.open();
    assert_eq!((damaged(&entries), spool.figures().pending), (1, 1));
    assert_eq!(spool.read(a).await, Err(SpoolError::Damaged));
    assert_eq!(spool.read(b).await, Err(SpoolError::Damaged));
    drop(spool);
    for file in place.files("finished") {
        fs::write(&file, b"rubbish").unwrap();
    }
    for _ in 0..2 {
        assert_eq!(damaged(&place.open().1), 3, "damage is told every time");
    }
    let (spool, entries) = place.open();
    assert_eq!(
        spool.expire(day(100_000)).await,
        Ok(0),
        "nobody has seen it"
    );
    for entry in entries {
        let Entry::Damaged { ticket, octets, .. } = entry else {
            continue;
        };
        let damaged = Some(octets);
        spool
            .set_aside(ticket, damaged, day(1), "damaged")
            .await
            .unwrap();
    }
    drop(spool);
    let (spool, entries) = place.open();
    assert_eq!(
        (entries, spool.failed()),
        (vec![], 3),
        "told where it lies now"
    );
    for file in fs::read_dir(place.0.join("failed")).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|e| e == "why") {
            fs::write(&file, b"rubbish").unwrap();
        }
    }
    let aside = failed::list(spool.path()).unwrap();
    let long_ago = Timestamp::from_second(1_600_000_000).unwrap();
    assert_eq!(aside.len(), 3);
    assert!(
        aside.iter().all(|mail| mail.since > long_ago),
        "since when is the file's own time"
    );
    // Nothing in them tells the time any more; the files' own is today.
    assert_eq!(spool.expire(day(100_000)).await, Ok(3));
    assert_eq!(place.files("finished"), Vec::<PathBuf>::new());
}

/// Starts this test program again, to run `test` as a child with `folder` to work in.
fn child(test: &str, folder: &Path, before: &str) -> Command {
    let mut command = Command::new("sh");
    let program = std::env::current_exe().unwrap();
    command
        .args([
            "-c",
            &format!("{before} exec \"$0\" --exact {test} --nocapture"),
        ])
        .arg(program)
        .env("POSTEL_TEST_SPOOL_CHILD", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The folder to work in, where this process is such a child.
fn as_child() -> Option<PathBuf> {
    std::env::var_os("POSTEL_TEST_SPOOL_CHILD").map(PathBuf::from)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    if let Some(folder) = as_child() {
        let (spool, _) = Spool::open(&folder).unwrap();
        let senders = (0..8).map(|sender| {
            let spool = spool.clone();
            tokio::spawn(async move {
                for i in 0.. {
                    append(&spool, &format!("{sender}/{i}")).await;
                    println!("kept {sender}/{i}");
                }
            })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }
        return;
    }
    let place = Place::new("kill");
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let mut running = child("what_was_acknowledged_survives_a_kill", &place.0, "")
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(running.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let kept = lines
            .by_ref()
            .filter_map(|l| l.strip_prefix("kept ").map(str::to_owned));
        acknowledged.extend(kept.take(100 + round * 37));
        running.kill().unwrap();
        acknowledged.extend(lines.filter_map(|l| l.strip_prefix("kept ").map(str::to_owned)));
        running.wait().unwrap();
    }
    let (spool, entries) = place.open();
    let mut there = headers(&entries);
    there.sort();
    acknowledged.sort();
    assert!(acknowledged.len() >= 500);
    assert!(
        mails(&entries).len() == entries.len(),
        "a kill damages nothing"
    );
    let mut there = there.into_iter().peekable();
    for mail in &acknowledged {
        while there.next_if(|t| t < mail).is_some() {}
        assert_eq!(there.next().as_ref(), Some(mail), "acknowledged, and gone");
    }
    println!(
        "kill: {} acknowledged, {} kept",
        acknowledged.len(),
        entries.len()
    );
    for (ticket, header) in mails(&entries) {
        assert_eq!(
            spool.read(ticket).await.unwrap().raw,
            format!("raw of {header}").into_bytes()
        );
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_spoils_nothing() {
    if let Some(folder) = as_child() {
        // Files of this process may not grow past 8 KiB here: to the spool, a full disk.
        let (spool, _) = Spool::open(&folder).unwrap();
        for (header, size) in [
            ("a", 3000),
            ("too big", 9000),
            ("b", 6000),
            ("c", 4000),
            ("d", 4000),
        ] {
            match spool.append(day(0), header.into(), vec![b'x'; size]).await {
                Ok(_) => println!("kept {header}"),
                Err(error) => println!("{header}: {error:?}"),
            }
        }
        return;
    }
    let place = Place::new("full");
    let mut running = child(
        "a_full_disk_refuses_and_spoils_nothing",
        &place.0,
        "trap '' XFSZ; ulimit -f 16;",
    )
    .spawn()
    .unwrap();
    let mut said = String::new();
    running
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    running.wait().unwrap();
    let (_, entries) = place.open();
    let kept: Vec<_> = said
        .lines()
        .filter_map(|l| l.split_once("kept ").map(|(_, h)| h))
        .collect();
    assert!(said.contains("too big: Full"), "{said}");
    assert!(
        kept.contains(&"a") && kept.contains(&"b") && kept.contains(&"d"),
        "it goes on after that: {said}"
    );
    assert_eq!(headers(&entries), kept);
    assert_eq!(entries.len(), kept.len(), "nothing is damaged");
    for file in place.files("mail") {
        let metadata = fs::metadata(file).unwrap();
        assert!(metadata.len() > 0, "no litter");
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::MetadataExt::mode(&metadata) & 0o077,
            0,
            "nobody else reads it"
        );
    }
}

#[test]
fn a_folder_that_cannot_be_is_explained() {
    let place = Place::new("impossible");
    fs::write(place.0.join("file"), b"").unwrap();
    let error = Spool::open(&place.0.join("file/spool"))
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("file/spool") && error.contains("Check that"),
        "{error}"
    );
}
