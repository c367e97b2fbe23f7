//! Written numbers of 51 regions against libphonenumber's answers (`phones/` of the conformance data).

mod corpus;

use postel_core::number::{self, BareDigits, NumberFault};
use postel_core::recipient::Recipient;

/// Every row on which all readers agree, except that a number with an extension must be refused
/// as such: a text reaches no extension. No miss is allowed.
#[test]
fn numbers_all_readers_agree_on() {
    let Some(folder) = corpus::folder("phones") else {
        return;
    };
    let file = std::fs::read_to_string(folder.join("numbers.csv")).unwrap();
    let rows = corpus::csv_rows(&file);
    let header = &rows[0];
    let column = |name: &str| header.iter().position(|h| h == name).expect("a column");
    let (raw, region) = (column("raw_json"), column("default_region"));
    let (answer, extension) = (column("e164_or_invalid"), column("extension"));
    let agree = column("all_agree");
    let (mut cases, mut misses) = (0, Vec::new());
    for row in rows[1..].iter().filter(|row| row[agree] == "1") {
        let written: String = serde_json::from_str(&row[raw]).unwrap();
        let got = number::parse(&written, row[region].parse().ok(), BareDigits::National);
        let right = match (&got, row[answer].as_str()) {
            (Err(fault), _) if !row[extension].is_empty() => *fault == NumberFault::Extension,
            (_, _) if !row[extension].is_empty() => false,
            (Err(_), expected) => expected == "invalid",
            (Ok(number), expected) => number.as_e164() == expected,
        };
        cases += 1;
        if !right {
            misses.push(format!("{} {written:?} {} {got:?}", row[0], row[region]));
        }
    }
    println!("conformance phones: {} of {cases}", cases - misses.len());
    assert!(cases >= 1788, "{cases} cases");
    assert!(misses.is_empty(), "{misses:#?}");
}

/// What an address may spell reads as the same number there, except that `00` means
/// international in every country.
#[test]
fn an_address_reads_as_the_number_does() {
    let Some(folder) = corpus::folder("phones") else {
        return;
    };
    let rows = corpus::csv_rows(&std::fs::read_to_string(folder.join("numbers.csv")).unwrap());
    let mut cases = 0;
    for row in &rows[1..] {
        let written: String = serde_json::from_str(&row[2]).unwrap();
        let country = row[3].parse().ok();
        let Ok(recipient) = Recipient::read(&written) else {
            continue;
        };
        let got = recipient.number(country, BareDigits::National);
        if let Some(abroad) = written.strip_prefix("00") {
            let abroad = format!("+{abroad}");
            assert_eq!(
                got,
                number::parse(&abroad, country, BareDigits::National),
                "{}",
                row[0]
            );
        } else {
            assert_eq!(
                got,
                number::parse(&written, country, BareDigits::National),
                "{}",
                row[0]
            );
        }
        cases += 1;
    }
    println!("conformance phones as addresses: {cases} of {cases}");
    assert!(cases > 500);
}

/// Whatever is written, what comes out is E.164 of the same digits or a fault; never a panic.
#[test]
fn no_writing_breaks_the_reader() {
    let alphabet: Vec<char> = "0123456789+-./() px;#,\u{ff11}\u{661}\u{a0}\u{200b}aé*\0"
        .chars()
        .collect();
    let mut seed = 0x2545_f491_u32;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        usize::try_from(seed).unwrap() % below
    };
    let mut read = 0;
    for _ in 0..20_000 {
        let reach = 10 + next(alphabet.len() - 9);
        let written: String = (0..next(22)).map(|_| alphabet[next(reach)]).collect();
        let country = ["FR", "US", "IT", "BR", "KR", "ZZ"][next(6)].parse().ok();
        let bare = [BareDigits::National, BareDigits::International][next(2)];
        let as_address = Recipient::read(&written).map(|r| r.number(country, bare));
        let results = [
            number::parse(&written, country, bare).ok(),
            as_address.ok().and_then(Result::ok),
        ];
        for number in results.into_iter().flatten() {
            assert_eq!(number.as_e164().parse().as_ref(), Ok(&number));
            assert_eq!(
                number::parse(number.as_e164(), country, bare).as_ref(),
                Ok(&number),
                "{written:?}"
            );
            let shown = number::display_for(&number, country);
            assert_eq!(
                number::parse(&shown, country, BareDigits::National).as_ref(),
                Ok(&number),
                "{shown}"
            );
            read += 1;
        }
    }
    assert!(read > 200, "{read}");
}
