//! Bytes and a charset label → text. Every label gives an answer; an unknown one the best guess.
//!
//! Knows all labels of the WHATWG Encoding Standard (`encoding_rs`), those that mail-parser adds (IBM 850, old names),
//! and the few below that old mail still carries. It never fails: what cannot be decoded becomes U+FFFD.

use encoding_rs::Encoding;

const CP437: &str = "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
const CP852: &str = "\
    ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐\
    └┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}";
const CP855: &str = "\
    ђЂѓЃёЁєЄѕЅіІїЇјЈљЉњЊћЋќЌўЎџЏюЮъЪаАбБцЦдДеЕфФгГ«»░▒▓│┤хХиИ╣║╗╝йЙ┐\
    └┴┬├─┼кК╚╔╩╦╠═╬¤лЛмМнНоОп┘┌█▄Пя▀ЯрРсСтТуУжЖвВьЬ№\u{ad}ыЫзЗшШэЭщЩчЧ§■\u{a0}";
const CP858: &str = "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
    └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈ€ÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";
const MAC_CENTRAL_EUROPE: &str = "\
    ÄĀāÉĄÖÜáąČäčĆćéŹźĎíďĒēĖóėôöõúĚěü†°Ę£§•¶ß®©™ę¨≠ģĮįĪ≤≥īĶ∂∑łĻļĽľĹĺŅ\
    ņŃ¬√ńŇ∆«»…\u{a0}ňŐÕőŌ–—“”‘’÷◊ōŔŕŘ‹›řŖŗŠ‚„šŚśÁŤťÍŽžŪÓÔūŮÚůŰűŲųÝýķŻŁżĢˇ";

/// Decodes `bytes` as what the label says; without a label, or with one nobody knows, guesses.
pub(crate) fn decode(bytes: &[u8], label: Option<&str>) -> String {
    let label = label
        .map(|l| l.trim().trim_matches(['"', '\'']).to_ascii_lowercase())
        .unwrap_or_default();
    if let Some(text) = by_byte_order_mark(bytes) {
        return text;
    }
    match label.as_str() {
        "" | "us-ascii" | "ascii" | "unknown-8bit" | "x-unknown" | "unknown" | "default"
        | "ansi_x3.4-1968" => {
            return guess(bytes);
        }
        "utf-8" | "utf8" | "utf-8-mac" | "unicode-1-1-utf-8" => return utf8(bytes),
        "utf-16" | "utf16" | "ucs-2" | "iso-10646-ucs-2" | "unicode" => return utf16(bytes),
        "utf-7" | "utf7" | "unicode-1-1-utf-7" | "x-unicode-2-0-utf-7" => return utf7(bytes),
        "utf-32" | "utf-32be" | "utf-32le" | "ucs-4" => return utf32(bytes, label == "utf-32le"),
        "hz-gb-2312" | "hz" | "hz-gb" => return shifted(bytes, Shift::Hz),
        "iso-2022-kr" | "csiso2022kr" => return shifted(bytes, Shift::Iso2022Kr),
        "iso-2022-jp-1" | "iso-2022-jp-2" | "iso-2022-jp-3" | "iso-2022-jp-2004"
        | "iso-2022-jp-ms" | "cp50220" | "cp50221" => {
            return by_label(bytes, "iso-2022-jp").unwrap_or_else(|| guess(bytes));
        }
        _ => {}
    }
    if let Some(table) = table(&label) {
        return by_table(bytes, table);
    }
    by_label(bytes, &label)
        .or_else(|| by_label(bytes, alias(&label)))
        .or_else(|| by_label(bytes, &label.replace('_', "-")))
        .or_else(|| {
            mail_parser::decoders::charsets::map::charset_decoder(label.as_bytes())
                .map(|d| d(bytes))
        })
        .unwrap_or_else(|| guess(bytes))
}

/// Names that neither WHATWG nor mail-parser knows.
fn alias(label: &str) -> &str {
    match label {
        "cp932" | "shift-jis" | "ms-kanji" | "shift_jisx0213" | "shift_jis_2004" | "x-ms-cp932" => {
            "shift_jis"
        }
        "cp949" | "uhc" | "ms949" | "ksc5601-1987" | "x-windows-949" | "euckr" => "euc-kr",
        "cp936" | "ms936" | "euc-cn" | "x-euc-cn" | "gb-2312" | "cngb" | "gb2312-80" => "gbk",
        "cp950" | "big-5" | "x-big5" | "big5-eten" | "ms950" | "big5hkscs" => "big5",
        "eucjp" | "euc_jp" | "eucjp-ms" | "cp51932" | "ujis" => "euc-jp",
        "cp874" | "ibm874" | "iso-8859-11" | "tis620" => "windows-874",
        "mac-roman" | "macroman" | "x-mac-croatian" | "x-mac-romania" | "x-mac-icelandic" => {
            "macintosh"
        }
        "mac-cyrillic" | "maccyrillic" => "x-mac-cyrillic",
        "866" | "ibm-866" | "dos-866" => "ibm866",
        "koi8-t" | "koi8r" | "koi-8" => "koi8-r",
        "koi8u" => "koi8-u",
        other => match other
            .strip_prefix("win-")
            .or_else(|| other.strip_prefix("windows"))
        {
            Some("1250") => "windows-1250",
            Some("1251") => "windows-1251",
            Some("1252") => "windows-1252",
            Some("1253") => "windows-1253",
            Some("1254") => "windows-1254",
            Some("1255") => "windows-1255",
            Some("1256") => "windows-1256",
            Some("1257") => "windows-1257",
            Some("1258") => "windows-1258",
            _ => "",
        },
    }
}

fn by_label(bytes: &[u8], label: &str) -> Option<String> {
    let encoding = Encoding::for_label(label.as_bytes())?;
    if encoding == encoding_rs::REPLACEMENT {
        return None;
    }
    Some(encoding.decode_without_bom_handling(bytes).0.into_owned())
}

fn by_byte_order_mark(bytes: &[u8]) -> Option<String> {
    if bytes.starts_with(&[0xff, 0xfe, 0, 0]) || bytes.starts_with(&[0, 0, 0xfe, 0xff]) {
        return Some(utf32(bytes, false));
    }
    let (encoding, length) = Encoding::for_bom(bytes)?;
    Some(
        encoding
            .decode_without_bom_handling(bytes.get(length..)?)
            .0
            .into_owned(),
    )
}

/// UTF-8 when it is UTF-8, else Windows-1252 (the most common charset of mail that does not say).
fn guess(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252
            .decode_without_bom_handling(bytes)
            .0
            .into_owned(),
    }
}

/// UTF-8 with broken sequences replaced; text without a single sound sequence was not UTF-8, whatever its label.
fn utf8(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let text = String::from_utf8_lossy(bytes);
    if text
        .chars()
        .any(|c| !c.is_ascii() && c != char::REPLACEMENT_CHARACTER)
    {
        text.into_owned()
    } else {
        guess(bytes)
    }
}

/// UTF-16 without a mark: big-endian (RFC 2781 4.3), unless the zero bytes of Latin text stand the other way.
fn utf16(bytes: &[u8]) -> String {
    let zeros = |odd: usize| {
        bytes
            .iter()
            .skip(odd)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let encoding = if zeros(1) > zeros(0) {
        encoding_rs::UTF_16LE
    } else {
        encoding_rs::UTF_16BE
    };
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

fn utf32(bytes: &[u8], little: bool) -> String {
    let little = little || bytes.starts_with(&[0xff, 0xfe, 0, 0]);
    bytes
        .chunks(4)
        .filter_map(|chunk| <[u8; 4]>::try_from(chunk).ok())
        .map(|b| {
            if little {
                u32::from_le_bytes(b)
            } else {
                u32::from_be_bytes(b)
            }
        })
        .map(|n| char::from_u32(n).unwrap_or(char::REPLACEMENT_CHARACTER))
        .filter(|c| *c != '\u{feff}')
        .collect()
}

/// RFC 2152. mail-parser's decoder loses the character that ends a run (a blank, most often).
fn utf7(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'+' {
            out.push(if first.is_ascii() {
                char::from(*first)
            } else {
                char::REPLACEMENT_CHARACTER
            });
            continue;
        }
        let length = tail
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
            .count();
        let (run, after) = tail.split_at(length);
        rest = after.strip_prefix(b"-").unwrap_or(after);
        if run.is_empty() {
            out.push('+');
            continue;
        }
        let units = crate::transfer::base64(run);
        let units = units
            .chunks_exact(2)
            .filter_map(|pair| <[u8; 2]>::try_from(pair).ok())
            .map(u16::from_be_bytes);
        out.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    }
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Shift {
    /// RFC 1843: `~{` and `~}`.
    Hz,
    /// RFC 1557: SO and SI.
    Iso2022Kr,
}

/// 7-bit forms of two 8-bit charsets: the high bit is set again between the marks, then the 8-bit form decoded.
fn shifted(bytes: &[u8], shift: Shift) -> String {
    let mut eight_bit = Vec::with_capacity(bytes.len());
    let mut high = false;
    let mut rest = bytes.iter().copied().peekable();
    while let Some(b) = rest.next() {
        match (shift, b) {
            (Shift::Iso2022Kr, 0x0e) => high = true,
            (Shift::Iso2022Kr, 0x0f) => high = false,
            (Shift::Iso2022Kr, 0x1b) if rest.peek() == Some(&b'$') => {
                // The designation ESC $ ) C.
                for _ in 0..3 {
                    rest.next();
                }
            }
            (Shift::Hz, b'~') => match rest.next() {
                Some(b'{') => high = true,
                Some(b'}') => high = false,
                Some(b'~') => eight_bit.push(b'~'),
                Some(b'\n') | None => {}
                Some(other) => eight_bit.extend([b'~', other]),
            },
            (_, b'\r' | b'\n') => {
                high = false;
                eight_bit.push(b);
            }
            (_, b) if high && b > b' ' => eight_bit.push(b | 0x80),
            (_, b) => eight_bit.push(b),
        }
    }
    let encoding = if shift == Shift::Hz {
        encoding_rs::GBK
    } else {
        encoding_rs::EUC_KR
    };
    encoding
        .decode_without_bom_handling(&eight_bit)
        .0
        .into_owned()
}

fn table(label: &str) -> Option<&'static str> {
    Some(match label {
        "cp437" | "ibm437" | "437" | "cspc8codepage437" => CP437,
        "cp852" | "ibm852" | "852" | "cspcp852" => CP852,
        "cp855" | "ibm855" | "855" | "csibm855" => CP855,
        "cp858" | "ibm858" | "ibm00858" | "858" | "cp00858" => CP858,
        "x-mac-ce" | "x-mac-centraleurroman" | "mac-centraleurope" | "maccentraleurope" => {
            MAC_CENTRAL_EUROPE
        }
        _ => return None,
    })
}

fn by_table(bytes: &[u8], table: &str) -> String {
    let high: Vec<char> = table.chars().collect();
    bytes
        .iter()
        .map(|b| match b.checked_sub(0x80) {
            None => char::from(*b),
            Some(index) => high
                .get(usize::from(index))
                .copied()
                .unwrap_or(char::REPLACEMENT_CHARACTER),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_beyond_the_web() {
        let cases: [(&str, &[u8], &str); 16] = [
            ("hz-gb-2312", b"~{VPND~} ok~~", "中文 ok~"),
            ("iso-2022-kr", b"\x1b$)C\x0e>H3g\x0f ok", "안녕 ok"),
            ("utf-7", b"+AOk-t+AOk-", "été"),
            ("utf-7", b"+AOA No 1+-1", "à No 1+1"),
            ("utf-7", b"+2D3eAA- \xff", "😀 \u{fffd}"),
            ("cp437", b"caf\x82", "café"),
            ("cp858", b"\xd5", "€"),
            ("cp850", b"\x82", "é"),
            ("x-mac-ce", b"\x8e", "é"),
            ("utf-16", b"\0a\0b", "ab"),
            ("utf-16", b"a\0b\0", "ab"),
            ("utf-32", b"\0\0\0a", "a"),
            ("cp932", b"\x83n", "ハ"),
            ("no-such-charset", b"\xe9t\xe9", "été"),
            ("us-ascii", b"\xc3\xa9", "é"),
            ("utf-8", b"\xe9t\xe9", "été"),
        ];
        for (label, bytes, text) in cases {
            assert_eq!(decode(bytes, Some(label)), text, "{label}");
        }
    }

    #[test]
    fn tables_have_128_characters() {
        for table in [CP437, CP852, CP855, CP858, MAC_CENTRAL_EUROPE] {
            assert_eq!(table.chars().count(), 128);
        }
    }

    #[test]
    fn a_byte_order_mark_beats_the_label() {
        assert_eq!(decode(b"\xef\xbb\xbf\xc3\xa9", Some("iso-8859-1")), "é");
        assert_eq!(decode(b"\xff\xfea\0", Some("utf-8")), "a");
    }
}
