//! HTML bodies of real mailers: our words against those on which at least two of three converters agree.
//!
//! A word is a run of letters, digits and underscores. The score of a case is the F1 of the longest common subsequence of the two
//! word lists (so order counts); the measure is the mean over the cases.

use crate::{cases, corpus};

/// Not word for word, and why.
const MISSES: &[(&str, &str)] = &[
    (
        "mimekit-papercut-4.4.html",
        "a link whose text is its address: a reader sees it, so it stays; two converters drop it",
    ),
    ("mime-mimekit-messages_messages__bounce.txt", "the same"),
];

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| !w.is_empty())
        .collect()
}

#[test]
fn html_text() {
    let Some(folder) = corpus("html-text") else {
        return;
    };
    let cases = cases(&folder.join("cases.jsonl"));
    let mut sum = 0.0;
    let (mut exact, mut judged) = (0, 0_u32);
    let (mut missed, mut unread) = (Vec::new(), 0);
    for case in &cases {
        // Three cases have no two converters that agree.
        let Some(theirs) = case["words_consensus"].as_array() else {
            continue;
        };
        let theirs: Vec<&str> = theirs.iter().map(|w| w.as_str().unwrap()).collect();
        let html = case["html"].as_str().unwrap();
        // Pages in UTF-16 and UTF-32 that were recorded as if each byte were a letter: three of four are NUL, and the
        // agreed words are single letters. Decoding is the mail reader's work, and no mail brings such a string.
        if html.matches('\0').count() > html.len() / 3 {
            unread += 1;
            continue;
        }
        judged += 1;
        let text = postel_mail::html_to_text(html);
        let ours = words(&text);
        let score = f1(&ours, &theirs);
        exact += usize::from(ours == theirs);
        sum += score;
        if ours != theirs {
            println!("{score:.3} {}", case["id"]);
            show(&ours, &theirs);
            missed.push(case["id"].as_str().unwrap());
        }
    }
    let mean = sum / f64::from(judged);
    println!(
        "conformance html-text: {:.2} % of words, {exact} of {judged} word for word, {unread} undecoded pages left out",
        mean * 100.0,
    );
    let known: Vec<&str> = MISSES.iter().map(|(id, _)| *id).collect();
    assert_eq!(missed, known, "misses are listed with their reasons");
    assert!(mean >= 0.92);
}

fn show(ours: &[&str], theirs: &[&str]) {
    let same = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(3);
    println!(
        "   ours   {:?}",
        ours.iter().skip(from).take(14).collect::<Vec<_>>()
    );
    println!(
        "   theirs {:?}",
        theirs.iter().skip(from).take(14).collect::<Vec<_>>()
    );
}

fn f1(a: &[&str], b: &[&str]) -> f64 {
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let mut row = vec![0_u32; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == y {
                diagonal + 1
            } else {
                above.max(row[j])
            };
            diagonal = above;
        }
    }
    let total = u32::try_from(a.len() + b.len()).unwrap();
    2.0 * f64::from(row[b.len()]) / f64::from(total)
}
