//! Addresses and numbers: what is read is one thing, has its shape, and reads back as itself.
//!
//! The whole input is read as the value of a `From`, as a recipient's local part, as a number, and as an address.

use postel_core::address::{Domain, EmailAddress};
use postel_core::number::{self, BareDigits, Country, PhoneNumber, display_for};
use postel_core::recipient::Recipient;
use postel_mail::{AddrSpec, FromField, parse};

/// See the module.
pub fn holds(data: &[u8]) {
    from(data);
    let text = String::from_utf8_lossy(data);
    address(&text);
    for country in [
        None,
        Some("FR"),
        Some("US"),
        Some("AR"),
        Some("IT"),
        Some("JP"),
    ] {
        let country: Option<Country> = country.and_then(|code| code.parse().ok());
        for bare in [BareDigits::National, BareDigits::International] {
            phone(&text, country, bare);
            recipient(&text, country, bare);
        }
    }
}

/// A strict `From` never names two: outside quotes and comments it has one `@` and nothing that separates addresses.
fn from(value: &[u8]) {
    let FromField::One(spec) = parse(&[b"From: ", value, b"\r\n\r\ntext"].concat()).from else {
        return;
    };
    let written = spec.to_string();
    assert!(
        AddrSpec::parse(&written).as_ref() == Some(&spec),
        "{written:?}"
    );
    assert!(!written.contains(char::is_control), "{written:?}");
    assert!(spec.local.len() <= 64 && spec.domain.len() <= 255);
    let again = parse(format!("From: {written}\r\n\r\ntext").as_bytes());
    assert!(again.from == FromField::One(spec), "{written:?}");
    let folded = |pair: &[u8]| !matches!(pair, [b'\n', b' ' | b'\t'] | [0..=9 | 11..=255, _]);
    if value.ends_with(b"\n") || value.windows(2).any(folded) {
        return; // Further fields, and a body perhaps: other lines than the one that names the sender.
    }
    let bare = unquoted(value);
    assert_eq!(bare.iter().filter(|b| **b == b'@').count(), 1, "{bare:?}");
    assert!(!bare.iter().any(|b| b",;:".contains(b)), "{bare:?}");
}

/// The bytes outside quoted strings and comments (RFC 5322 3.2.2, 3.2.4).
fn unquoted(value: &[u8]) -> Vec<u8> {
    let mut bare = Vec::new();
    let (mut quoted, mut depth) = (false, 0_usize);
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' if depth == 0 => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            byte if !quoted && depth == 0 => bare.push(byte),
            _ => {}
        }
    }
    bare
}

fn address(text: &str) {
    if let Ok(address) = text.parse::<EmailAddress>() {
        assert_eq!(address.to_string().parse(), Ok(address.clone()));
        assert!(
            !address
                .to_string()
                .contains(|c: char| c.is_control() || c.is_whitespace())
        );
        assert!(!address.local().contains(['@', '<', '>', '"']));
    }
    if let Ok(domain) = text.parse::<Domain>() {
        assert!(domain.as_str().is_ascii() && domain.as_str().len() <= 253);
        assert_eq!(domain.as_str().parse(), Ok(domain.clone()));
        assert_eq!(domain.to_unicode().parse(), Ok(domain.clone()));
        assert!(domain.aligned(&domain));
    }
    if let Some(spec) = AddrSpec::parse(text) {
        assert!(AddrSpec::parse(&spec.to_string()) == Some(spec));
    }
}

fn phone(text: &str, country: Option<Country>, bare: BareDigits) {
    let Ok(number) = number::parse(text, country, bare) else {
        return;
    };
    e164(&number);
    let dialled = text.trim().trim_start_matches(['p', 'P']);
    assert!(
        !dialled.contains(|c: char| c.is_ascii_alphabetic()),
        "{dialled:?}"
    );
    for reader in [None, country] {
        let again = number::parse(number.as_e164(), reader, bare);
        assert_eq!(again.as_ref(), Ok(&number), "{}", number.as_e164());
    }
    let shown = display_for(&number, None);
    assert_eq!(number::parse(&shown, None, bare), Ok(number), "{shown}");
}

fn e164(number: &PhoneNumber) {
    let digits = number.digits();
    assert!((7..=15).contains(&digits.len()) && !digits.starts_with('0'));
    assert!(digits.bytes().all(|b| b.is_ascii_digit()));
    assert_eq!(number.as_e164().parse().as_ref(), Ok(number));
}

fn recipient(local: &str, country: Option<Country>, bare: BareDigits) {
    let Ok(recipient) = Recipient::read(local) else {
        return;
    };
    let spelled = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-');
    assert!(local.len() <= 64 && local.chars().all(spelled), "{local:?}");
    if let Some(account) = recipient.account() {
        assert!(account.starts_with(|c: char| c.is_ascii_lowercase()));
        assert!(!account.contains(|c: char| c.is_ascii_uppercase()));
    }
    let Ok(number) = recipient.number(country, bare) else {
        return;
    };
    e164(&number);
    // Our own reply addresses are spelled so, and must mean the same number to everybody.
    let reply = Recipient::read(&format!("p{}", number.digits())).unwrap();
    assert_eq!(
        reply.number(None, BareDigits::National).as_ref(),
        Ok(&number)
    );
    assert_eq!(reply.number(country, bare), Ok(number));
}
