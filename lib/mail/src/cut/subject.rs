//! Whether a subject says "reply" or "forward".
//!
//! Must not know: the text.

/// What a subject's first prefix says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SubjectKind {
    /// `RE:`, `AW:`, `SV:`, …
    Reply,
    /// `Fwd:`, `TR:`, `WG:`, …
    Forward,
    /// A subject without such a prefix: hardly an answer.
    Fresh,
    /// No subject is known.
    Unknown,
}

/// Languages: en fr de es it nl pt da no sv fi pl cs sk hu ro tr el he zh ko ar.
const REPLY: &[&str] = &[
    "re", "r", "rép", "rep", "aw", "antw", "antwort", "sv", "vs", "odp", "rif", "res", "resp",
    "ynt", "yan", "vá", "απ", "σχετ", "השב", "回复", "回覆", "答复", "答覆", "답장", "رد", "bls",
];

const FORWARD: &[&str] = &[
    "fw",
    "fwd",
    "tr",
    "wg",
    "rv",
    "i",
    "enc",
    "vb",
    "pd",
    "vl",
    "vs",
    "doorst",
    "redir",
    "tovább",
    "továbbítás",
    "továbbított",
    "reenv",
    "ilt",
    "пересл",
    "προωθ",
    "πρθ",
    "הועבר",
    "转发",
    "轉寄",
    "轉發",
    "転送",
    "전달",
    "إعادة توجيه",
    "trs",
];

/// Reads the first prefix. `VS:` is "reply" in Finnish and "forward" in Danish and Norwegian, so it says nothing.
pub(super) fn kind(subject: Option<&str>) -> SubjectKind {
    let Some(subject) = subject else {
        return SubjectKind::Unknown;
    };
    let Some((prefix, _)) = subject.split_once([':', '：']) else {
        return SubjectKind::Fresh;
    };
    // `RE[2]`, `Re (3)`: a count belongs to the prefix.
    let word = prefix
        .trim()
        .trim_matches(['[', ']', '.', '*'])
        .split(['[', '(', '^'])
        .next()
        .unwrap_or_default()
        .trim();
    if word.len() > 40 {
        return SubjectKind::Fresh;
    }
    let word = super::line::lower(word);
    match (
        REPLY.contains(&word.as_str()),
        FORWARD.contains(&word.as_str()),
    ) {
        (true, true) => SubjectKind::Unknown,
        (true, false) => SubjectKind::Reply,
        (false, true) => SubjectKind::Forward,
        (false, false) => SubjectKind::Fresh,
    }
}
