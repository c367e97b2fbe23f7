//! Clear-signed text (RFC 9580 section 7): the text without its armour.
//!
//! No signature is checked: that a text is signed says nothing of whether it may be sent.

use std::borrow::Cow;

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// Takes the armour headers and the signature away and undoes the dash escapes; what stands around them stays.
/// A text without a whole armour is given back as it is.
pub(crate) fn unwrap(text: &str) -> Cow<'_, str> {
    if !text.contains("BEGIN PGP SIGNED") {
        return Cow::Borrowed(text);
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let after = |from: usize, wanted: &str| {
        let found = lines.iter().skip(from).position(|l| l.trim_end() == wanted);
        found.map(|at| from.saturating_add(at))
    };
    let Some(begin) = after(0, BEGIN) else {
        return Cow::Borrowed(text);
    };
    // The armour headers (`Hash: SHA256`) end at the first empty line.
    let (Some(head_end), Some(signature)) = (after(begin, ""), after(begin, SIGNATURE)) else {
        return Cow::Borrowed(text);
    };
    let Some(end) = after(signature, END).filter(|_| head_end < signature) else {
        return Cow::Borrowed(text);
    };
    let part = |from: usize, to: usize| lines.get(from..to).unwrap_or_default().iter().copied();
    let signed = part(head_end.saturating_add(1), signature)
        .map(|line| line.strip_prefix("- ").unwrap_or(line));
    let kept: Vec<&str> = part(0, begin)
        .chain(signed)
        .chain(part(end.saturating_add(1), lines.len()))
        .collect();
    Cow::Owned(kept.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_armour_goes_and_the_text_stays() {
        let armour = |text: &str| {
            format!("{BEGIN}\nHash: SHA256\n\n{text}\n{SIGNATURE}\n\niQEzBAEB\n=abcd\n{END}\n")
        };
        for (text, wanted) in [
            (armour("Hello\n- -- \nAnn"), "Hello\n-- \nAnn\n"),
            (format!("before\n{}after", armour("x")), "before\nx\nafter"),
            (armour("x").replace(END, ""), ""),
            (armour("x").replace(SIGNATURE, ""), ""),
            (armour("x").replace('\n', "\n> "), ""),
            ("- not escaped".to_owned(), ""),
        ] {
            let wanted = if wanted.is_empty() { &text } else { wanted };
            assert_eq!(unwrap(&text), wanted);
        }
    }
}
