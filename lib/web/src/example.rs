//! The addresses with which pages show how a text is sent: whoever tries one must text no stranger.

use postel_core::address::Domain;
use postel_core::number::Country;

/// A number that France keeps free for films and books (06 39 98): sending to it is refused, which costs nothing.
const NOBODYS_NATIONAL: &str = "0639981234";
const NOBODYS: &str = "+33639981234";

/// A number that is accepted: only for the handset, which rings nobody.
const HANDSETS: &str = "+33612345678";

/// How an account's people write an address: digits as in their country where that is France.
pub(crate) fn of_account(gateway: &Domain, country: Country) -> String {
    let number = if country == Country::FR {
        NOBODYS_NATIONAL
    } else {
        NOBODYS
    };
    at(number, gateway)
}

/// An address that reaches the handset.
pub(crate) fn of_handset(gateway: &Domain) -> String {
    at(HANDSETS, gateway)
}

fn at(number: &str, gateway: &Domain) -> String {
    format!("{number}@{}", gateway.to_unicode())
}

#[cfg(test)]
mod tests {
    use postel_core::number::{BareDigits, NumberFault, parse, textable};

    use super::*;

    #[test]
    fn the_example_of_an_account_is_nobodys_and_the_handsets_arrives() {
        let read = |written| parse(written, Some(Country::FR), BareDigits::National);
        assert_eq!(read(NOBODYS_NATIONAL), Err(NumberFault::Invalid));
        assert_eq!(read(NOBODYS), Err(NumberFault::Invalid));
        assert!(textable(&read(HANDSETS).unwrap()).is_ok());
    }
}
