//! Mails made to hurt, each with the answer it must get.

use crate::process::USER;

/// One mail and the beginning of its answer.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) raw: fn() -> Vec<u8>,
    pub(crate) answer: &'static str,
}

const TAKEN: &str = "250 2.0.0";
const UNREADABLE: &str = "554 5.6.0";
const REFUSED: &str = "550 5.7.1";
const TOO_BIG: &str = "552 5.3.4";

/// A mail of the listed user: its own `Message-ID`, these fields, this body.
pub(crate) fn mail(id: &str, fields: &str, body: &str) -> Vec<u8> {
    let date = "Sat, 21 Nov 2026 12:00:00 +0000";
    let fields = fields.trim_end();
    let gap = if fields.is_empty() { "" } else { "\r\n" };
    format!("From: {USER}\r\nDate: {date}\r\nMessage-ID: <{id}@hostile.example>\r\n{fields}{gap}\r\n{body}\r\n").into_bytes()
}

fn typed(id: &str, media: &str, encoding: &str, body: &str) -> Vec<u8> {
    let fields = format!("Content-Type: {media}\r\nContent-Transfer-Encoding: {encoding}");
    mail(id, &fields, body)
}

fn html(id: &str, body: &str) -> Vec<u8> {
    typed(id, "text/html; charset=utf-8", "8bit", body)
}

/// An ordinary mail of that size: paragraphs, links and a table, as companies send them.
pub(crate) fn newsletter(octets: usize) -> Vec<u8> {
    let paragraph = "<p class=\"text\">The pump of station 4 has been serviced; see the <a href=\"https://company.example/4\">report</a>.</p>\r\n\
                     <table><tr><td>Level</td><td>3 cm</td></tr></table>\r\n";
    html("newsletter", &paragraph.repeat(octets / paragraph.len()))
}

/// `unit` again and again, in lines of about 900 octets.
fn lines(unit: &str, octets: usize) -> String {
    let line = unit.repeat((900 / unit.len()).max(1)) + "\r\n";
    line.repeat(octets / line.len())
}

/// Text, then an attachment that makes the mail so big.
fn with_attachment(id: &str, octets: usize) -> Vec<u8> {
    let line = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n";
    let body = format!(
        "--b\r\n\r\nbig mail {id}\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n{}--b--",
        line.repeat(octets / line.len())
    );
    mail(id, "Content-Type: multipart/mixed; boundary=b", &body)
}

fn levels() -> Vec<u8> {
    let deep: String = (0..200)
        .map(|n| {
            format!(
                "--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n",
                n + 1
            )
        })
        .collect();
    mail(
        "levels",
        "Content-Type: multipart/mixed; boundary=b0",
        &format!("{deep}--b200\r\n\r\ntext"),
    )
}

/// Signatures that each want another hash of the body.
fn signatures(id: &str, count: usize, body: &str) -> Vec<u8> {
    let hash = "A".repeat(43);
    let fields: String = (0..count)
        .map(|n| format!("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=d{n}.example; s=s; h=from; l={n}; bh={hash}=; b=AAAA\r\n"))
        .collect();
    mail(id, &fields, body)
}

fn fields(id: &str, field: &str, count: usize) -> Vec<u8> {
    mail(
        id,
        &format!("{field}\r\n").repeat(count),
        &format!("fields {id}"),
    )
}

#[rustfmt::skip]
pub(crate) const CASES: &[Case] = &[
    Case { name: "39 MB with an attachment", answer: TAKEN, raw: || with_attachment("39mb", 39_000_000) },
    Case { name: "39 MB without any text", answer: UNREADABLE, raw: || typed("no-text", "application/octet-stream", "base64", &lines("QUJD", 39_000_000)) },
    Case { name: "60 MB", answer: TOO_BIG, raw: || with_attachment("60mb", 60_000_000) },
    Case { name: "39 MB of text in base64", answer: TAKEN, raw: || typed("base64", "text/plain", "base64", &lines("YWJj", 39_000_000)) },
    Case { name: "10 MB in one line", answer: TAKEN, raw: || mail("line", "", &"x".repeat(10_000_000)) },
    Case { name: "10 MB that ten signatures hash differently", answer: TAKEN, raw: || signatures("hashes", 10, &lines("a  b ", 10_000_000)) },
    Case { name: "10,000 MIME parts", answer: UNREADABLE, raw: || mail("parts", "Content-Type: multipart/mixed; boundary=b", &("--b\r\n\r\nx\r\n".repeat(10_000) + "--b--")) },
    Case { name: "200 levels", answer: UNREADABLE, raw: levels },
    Case { name: "parts that are all named files", answer: TAKEN, raw: || mail("names", "Content-Type: multipart/mixed; boundary=b", &("--b\r\n\r\nnames\r\n".to_owned() + &format!("--b\r\nContent-Type: image/png; name=\"{}\"\r\n\r\nx\r\n", "=?utf-8?q?x?= ".repeat(500)).repeat(900) + "--b--")) },
    Case { name: "a header of 1 MB in one field", answer: UNREADABLE, raw: || mail("field", &format!("Subject: {}", "x".repeat(1_000_000)), "x") },
    Case { name: "a header of 1 MB in many fields", answer: UNREADABLE, raw: || fields("many", "X: y", 170_000) },
    Case { name: "a header of 1 MB of folds", answer: UNREADABLE, raw: || mail("folds", &format!("Subject: x{}", "\r\n x".repeat(250_000)), "x") },
    Case { name: "a Message-ID of 1 MB", answer: UNREADABLE, raw: || mail("id", &format!("Message-ID: <{}@x>", "x".repeat(1_000_000)), "x") },
    Case { name: "a Message-ID of 200 KB", answer: TAKEN, raw: || mail("id200", &format!("Message-ID: <{}@x>", "x".repeat(100_000)), "a long id") },
    Case { name: "200 KB of folds within the limit", answer: TAKEN, raw: || mail("folds200", &format!("Subject: x{}", "\r\n x".repeat(50_000)), "folded") },
    Case { name: "1,500 Received fields", answer: TAKEN, raw: || fields("received", "Received: from a (b [192.0.2.1]) by c; Sat, 21 Nov 2026 12:00:00 +0000", 1_500) },
    Case { name: "5,000 addresses in To", answer: TAKEN, raw: || mail("to", &format!("To: {}", vec!["a@b.example"; 5_000].join(",\r\n ")), "many readers") },
    Case { name: "thousands of comments in From", answer: REFUSED, raw: || format!("From: {}{USER}\r\n\r\nx\r\n", "((a)".repeat(15_000)).into_bytes() },
    Case { name: "1,500 DKIM signatures", answer: TAKEN, raw: || signatures("signatures", 1_500, &lines("signed ", 100_000)) },
    Case { name: "200 KB of encoded words", answer: TAKEN, raw: || mail("words", &format!("Subject: {}", vec!["=?utf-8?b?w6k=?="; 12_000].join("\r\n ")), "") },
    Case { name: "broken encoded words", answer: TAKEN, raw: || mail("broken", &format!("Subject: {}", "=?utf-8?q?=".repeat(20_000)), "words") },
    Case { name: "1,000 Content-Type parameters", answer: TAKEN, raw: || mail("parameters", &format!("Content-Type: text/plain{}", ";\r\n a*1*=utf-8''%41".repeat(5_000)), "parameters") },
    Case { name: "quoted-printable", answer: TAKEN, raw: || typed("qp", "text/plain", "quoted-printable", &lines("=C3=A9=", 2_000_000)) },
    Case { name: "UTF-7", answer: TAKEN, raw: || typed("utf7", "text/plain; charset=utf-7", "7bit", &lines("+AOk", 2_000_000)) },
    Case { name: "ISO-2022-JP escapes", answer: TAKEN, raw: || typed("iso2022", "text/plain; charset=iso-2022-jp", "7bit", &lines("a\x1b$B$\"\x1b(B", 2_000_000)) },
    Case { name: "UTF-16 of nothing", answer: UNREADABLE, raw: || typed("utf16", "text/plain; charset=utf-16", "base64", &lines("AAAA", 2_000_000)) },
    Case { name: "format=flowed quotes", answer: TAKEN, raw: || typed("flowed", "text/plain; format=flowed; delsp=yes", "7bit", &lines("> ", 2_000_000)) },
    Case { name: "100,000 open elements", answer: TAKEN, raw: || html("deep", &("<div>\r\n".repeat(100_000) + "deep")) },
    Case { name: "100,000 open quotes", answer: TAKEN, raw: || html("quotes", &("quotes".to_owned() + &"<blockquote>x\r\n".repeat(100_000))) },
    Case { name: "10 MB of entities", answer: TAKEN, raw: || html("entities", &lines("&eacute;&#x1f600;", 10_000_000)) },
    Case { name: "a huge table", answer: TAKEN, raw: || html("table", &("<table>".to_owned() + &"<tr><td colspan=9999>x\r\n".repeat(200_000))) },
    // An unended tag of more than 8 KB is passed over up to the next `>`: here that of the end tag.
    Case { name: "2 MB of style, and a script of unended tags", answer: UNREADABLE, raw: || html("css", &format!("<style>{}</style><script>{}</script>css", lines("a{b:c}", 1_000_000), lines("</scrip", 1_000_000))) },
    Case { name: "an attribute without end", answer: UNREADABLE, raw: || html("attribute", &format!("<p a=\"{}", lines("b ", 4_000_000))) },
    Case { name: "attributes", answer: TAKEN, raw: || html("attributes", &("attributes".to_owned() + &format!("<p {}>x\r\n", "a b c d e f ".repeat(600)).repeat(400))) },
    Case { name: "lines of quote marks", answer: TAKEN, raw: || mail("marks", "", &lines(">", 250_000)) },
    Case { name: "lines of blanks", answer: UNREADABLE, raw: || mail("blanks", "", &lines(" ", 250_000)) },
    Case { name: "lines of dashes", answer: TAKEN, raw: || mail("dashes", "", &("dashes\r\n\r\n".to_owned() + &lines("-", 250_000))) },
    Case { name: "one reply header after the other", answer: UNREADABLE, raw: || mail("wrote", "", &"On Sat, 21 Nov 2026 at 12:00, Ann <ann@company.example> wrote:\r\n".repeat(4_000)) },
    Case { name: "reply headers that never end", answer: TAKEN, raw: || mail("on", "", &lines("On Sat, 21 Nov 2026 ", 250_000)) },
];
