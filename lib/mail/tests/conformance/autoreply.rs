//! Bounces, reports, automatic answers and people's mail: what the mail itself shows, and the null envelope sender,
//! which core sees (`Return-Path: <>` in these files).

use crate::{cases, corpus};

#[test]
fn autoreply() {
    let Some(folder) = corpus("autoreply-bounce") else {
        return;
    };
    let (mut automatic, mut stopped, mut without_envelope, mut people, mut through) =
        (0, 0, 0, 0, 0);
    for case in cases(&folder.join("labels.jsonl")) {
        let file = case["file"].as_str().unwrap();
        let raw = std::fs::read(folder.join("mails").join(file)).unwrap();
        let mail = postel_mail::parse(&raw);
        let null_sender = case["headers"]["return_path"].as_str() == Some("<>");
        let is_stopped = null_sender || mail.automatic.is_some() || mail.bulk.is_some();
        if matches!(case["label"].as_str().unwrap(), "human" | "not_a_bounce") {
            people += 1;
            through += usize::from(!is_stopped);
            if is_stopped {
                println!(
                    "person stopped {file}: {:?} {:?}",
                    mail.automatic, mail.bulk
                );
            }
        } else {
            automatic += 1;
            without_envelope += usize::from(mail.automatic.is_some() || mail.bulk.is_some());
            stopped += usize::from(is_stopped);
            if !is_stopped {
                println!(
                    "automatic let through {file} {:?} {:?} {:?}",
                    case["label"], mail.subject, mail.from
                );
            }
        }
    }
    println!(
        "conformance autoreply-bounce: {stopped} of {automatic} automatic stopped ({without_envelope} without knowing the envelope), {through} of {people} people let through"
    );
    assert_eq!(stopped, automatic);
    assert_eq!(through, people);
}
