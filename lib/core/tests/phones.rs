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
