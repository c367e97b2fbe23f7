//! Tag lists (RFC 6376 3.2): the `name=value; name=value` of signatures and key records.
//!
//! Strict, because two readers that read one list differently are a hole: a doubled tag is an
//! error, names are case-sensitive. Must not know what any tag means.

/// More tags than any signature carries; what is longer is refused unread.
const MAX_TAGS: usize = 50;

/// The tags of one list, in order, each name once. Values are without surrounding blanks.
#[derive(Debug)]
pub(super) struct Tags<'a>(Vec<Tag<'a>>);

/// One tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    /// Where in the list all between `=` and the next `;` begins, blanks included.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// Why a text is no tag list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// A part without `=`, or with a name that is none.
    Shape,
    /// The same tag twice.
    Doubled(String),
    /// More than [`MAX_TAGS`].
    TooMany,
}

impl<'a> Tags<'a> {
    /// Reads a whole list. Empty parts (`;;`, a `;` at the end) are passed over.
    pub(super) fn parse(list: &'a str) -> Result<Self, Malformed> {
        let mut tags: Vec<Tag<'a>> = Vec::new();
        let mut next = 0_usize;
        for part in list.split(';') {
            let end = next.saturating_add(part.len());
            next = end.saturating_add(1);
            if trim(part).is_empty() {
                continue;
            }
            let (name, raw) = part.split_once('=').ok_or(Malformed::Shape)?;
            let name = trim(name);
            let mut letters = name.bytes();
            if !letters.next().is_some_and(|b| b.is_ascii_alphabetic())
                || !letters.all(|b| b.is_ascii_alphanumeric() || b == b'_')
            {
                return Err(Malformed::Shape);
            }
            if tags.iter().any(|tag| tag.name == name) {
                return Err(Malformed::Doubled(name.to_owned()));
            }
            if tags.len() == MAX_TAGS {
                return Err(Malformed::TooMany);
            }
            tags.push(Tag {
                name,
                value: trim(raw),
                start: end.saturating_sub(raw.len()),
                end,
            });
        }
        Ok(Self(tags))
    }

    /// The value of a tag.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.tag(name).map(|tag| tag.value)
    }

    /// A tag with all that belongs to it.
    pub(super) fn tag(&self, name: &str) -> Option<Tag<'a>> {
        self.0.iter().find(|tag| tag.name == name).copied()
    }

    /// The name of the first tag.
    pub(super) fn first(&self) -> Option<&'a str> {
        self.0.first().map(|tag| tag.name)
    }
}

/// Without the blanks and folds around it.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// The items of a colon-separated list, trimmed.
pub(super) fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(':').map(trim)
}

/// Base64 with blanks and folds inside it, padded or not.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    use base64::alphabet::STANDARD;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let dense: Vec<u8> = text
        .bytes()
        .filter(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
        .collect();
    ENGINE.decode(dense).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_in_order_with_blanks_gone() {
        let list = " v = 1;\r\n a=rsa-sha256;; b= x\r\n y ;";
        let tags = Tags::parse(list).unwrap();
        assert_eq!(tags.first(), Some("v"));
        assert_eq!(tags.get("v"), Some("1"));
        let b = tags.tag("b").unwrap();
        assert_eq!(list.get(b.start..b.end), Some(" x\r\n y "));
        assert_eq!(tags.get("B"), None);
    }

    #[test]
    fn a_doubled_tag_or_a_part_that_is_none_is_refused() {
        assert_eq!(
            Tags::parse("d=a; d=b").unwrap_err(),
            Malformed::Doubled("d".into())
        );
        assert_eq!(Tags::parse("v=1; junk").unwrap_err(), Malformed::Shape);
        assert_eq!(Tags::parse("=1").unwrap_err(), Malformed::Shape);
        assert_eq!(Tags::parse("v v=1").unwrap_err(), Malformed::Shape);
        let many = (0..60).fold(String::new(), |list, i| format!("{list}a{i}=1;"));
        assert_eq!(Tags::parse(&many).unwrap_err(), Malformed::TooMany);
    }

    #[test]
    fn base64_ignores_folds_and_padding_but_not_rubbish() {
        assert_eq!(base64("aGk\r\n =").unwrap(), b"hi");
        assert_eq!(base64("aGk").unwrap(), b"hi");
        assert_eq!(base64("a*k="), None);
    }
}
