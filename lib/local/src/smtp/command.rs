//! One command line to one command, or to the reply that refuses it.
//!
//! Must not know the state of the session.

use postel_core::address::EmailAddress;

use super::path::{Mailbox, PathError, path};
use super::reply::Reply;
use super::sasl::{Mechanism, Said};

/// A command, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// `HELO` or `EHLO`, with the client's name for itself.
    Hello {
        name: String,
        extended: bool,
    },
    Mail(Mail),
    /// The recipient as spelled without needless quotes, and whether that is ASCII.
    Rcpt {
        address: String,
        ascii: bool,
    },
    Data,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
    StartTls,
    /// `AUTH`, with its initial response undecoded; `=` stands for an empty one.
    Auth {
        mechanism: Option<Mechanism>,
        initial: Option<Said>,
    },
    /// `XCLIENT` or `XFORWARD`, its attributes unread: most clients have no right to say any.
    Report {
        of: Reporting,
        attributes: String,
    },
}

/// For how long a relay's report holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reporting {
    /// XCLIENT: the session.
    Session,
    /// XFORWARD: the next mail.
    NextMail,
}

/// `MAIL FROM`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mail {
    /// `None`: the null sender.
    pub(super) from: Option<EmailAddress>,
    /// `SIZE=`, where said (RFC 1870; 0 says nothing).
    pub(super) size: Option<u64>,
    /// `SMTPUTF8` (RFC 6531).
    pub(super) utf8: bool,
    /// Some parameter was given, which only `EHLO` allows.
    pub(super) extended: bool,
}

const NO_PARAMETER: Reply = Reply::fixed(501, 5, 4, "This command takes no parameter");
const UNREADABLE: Reply = Reply::fixed(500, 5, 2, "The line is not text");
const UNKNOWN: Reply = Reply::fixed(500, 5, 1, "Unknown command");
const NOT_HERE: Reply = Reply::fixed(502, 5, 1, "This command is not offered here");
const WRONG_PROTOCOL: Reply = Reply::fixed(421, 7, 0, "This is a mail server, not a web server");
const HELLO_NAME: Reply = Reply::fixed(501, 5, 4, "Say who you are: EHLO your.host.name");
const MAIL_SYNTAX: Reply = Reply::fixed(501, 5, 4, "Write it as MAIL FROM:<name@example.com>");
const RCPT_SYNTAX: Reply = Reply::fixed(501, 5, 4, "Write it as RCPT TO:<name@example.com>");
const PARAMETER: Reply = Reply::fixed(555, 5, 4, "A parameter of this command is not known here");
const PARAMETER_VALUE: Reply =
    Reply::fixed(501, 5, 4, "A parameter of this command has a wrong value");
const SENDER: Reply = Reply::fixed(
    553,
    1,
    7,
    "This is not a sender address that mail can come from",
);
const RECIPIENT: Reply = Reply::fixed(553, 1, 3, "This is not a recipient address");
/// RFC 6531 3.5.
pub(super) const NEEDS_UTF8: Reply = Reply::fixed(
    553,
    6,
    7,
    "An address beyond ASCII needs SMTPUTF8 in MAIL FROM",
);

/// Reads a line without its CR LF.
pub(super) fn parse(line: &[u8]) -> Result<Command, Reply> {
    let text = String::from_utf8_lossy(line);
    let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let rest = rest.trim_matches(' ');
    let verb = verb.to_ascii_uppercase();
    if !matches!(verb.as_str(), "HELO" | "EHLO") && std::str::from_utf8(line).is_err() {
        return Err(UNREADABLE);
    }
    match verb.as_str() {
        "EHLO" => hello(rest, true),
        "HELO" => hello(rest, false),
        "MAIL" => mail(rest),
        "RCPT" => rcpt(rest),
        "DATA" => alone(rest, Command::Data),
        "RSET" => alone(rest, Command::Rset),
        "QUIT" => alone(rest, Command::Quit),
        "STARTTLS" => alone(rest, Command::StartTls),
        "AUTH" => auth(rest),
        "XCLIENT" => Ok(report(Reporting::Session, rest)),
        "XFORWARD" => Ok(report(Reporting::NextMail, rest)),
        "NOOP" => Ok(Command::Noop),
        "HELP" => Ok(Command::Help),
        "VRFY" if rest.is_empty() => Err(Reply::fixed(501, 5, 4, "Say whom to verify")),
        "VRFY" => Ok(Command::Vrfy),
        "EXPN" | "SEND" | "SOML" | "SAML" | "TURN" | "ETRN" | "BDAT" => Err(NOT_HERE),
        // A browser made to talk to this port: none of its lines may become a command.
        "GET" | "POST" | "PUT" | "CONNECT" | "OPTIONS" => Err(WRONG_PROTOCOL),
        _ => Err(UNKNOWN),
    }
}

fn alone(rest: &str, command: Command) -> Result<Command, Reply> {
    if rest.is_empty() {
        Ok(command)
    } else {
        Err(NO_PARAMETER)
    }
}

/// RFC 4954 4.
fn auth(rest: &str) -> Result<Command, Reply> {
    let mut words = rest.split(' ');
    let name = words.next().filter(|w| !w.is_empty());
    let name = name.ok_or(Reply::fixed(501, 5, 4, "Name a mechanism: AUTH PLAIN"))?;
    let initial = words.next().map(|word| match word {
        "=" => Said(Vec::new()),
        word => Said(word.as_bytes().to_vec()),
    });
    if words.next().is_some() {
        return Err(Reply::fixed(
            501,
            5,
            4,
            "Write it as AUTH PLAIN, with one response at most",
        ));
    }
    Ok(Command::Auth {
        mechanism: Mechanism::named(name),
        initial,
    })
}

fn report(of: Reporting, attributes: &str) -> Command {
    Command::Report {
        of,
        attributes: attributes.to_owned(),
    }
}

fn hello(rest: &str, extended: bool) -> Result<Command, Reply> {
    if rest.is_empty() || rest.len() > 255 {
        return Err(HELLO_NAME);
    }
    Ok(Command::Hello {
        name: rest.to_owned(),
        extended,
    })
}

/// What follows `FROM:` or `TO:`; a space after the colon is forgiven, as many small devices send one.
fn after<'a>(keyword: &str, rest: &'a str) -> Option<&'a str> {
    let (said, path) = rest.split_at_checked(keyword.len())?;
    said.eq_ignore_ascii_case(keyword)
        .then(|| path.trim_start_matches(' '))
}

fn mail(rest: &str) -> Result<Command, Reply> {
    let rest = after("FROM:", rest).ok_or(MAIL_SYNTAX)?;
    let (mailbox, rest) = path(rest).map_err(|e| {
        if e == PathError::Brackets {
            MAIL_SYNTAX
        } else {
            SENDER
        }
    })?;
    let mut mail = parameters(rest)?;
    if let Some(mailbox) = mailbox {
        if !mailbox.is_ascii() && !mail.utf8 {
            return Err(NEEDS_UTF8);
        }
        mail.from = Some(sender(&mailbox)?);
    }
    Ok(Command::Mail(mail))
}

/// Address literals and local parts that need quotes cannot be asked about in SPF or listed on an account.
fn sender(mailbox: &Mailbox) -> Result<EmailAddress, Reply> {
    EmailAddress::new(&mailbox.local, &mailbox.domain).map_err(|_| SENDER)
}

fn parameters(rest: &str) -> Result<Mail, Reply> {
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(MAIL_SYNTAX);
    }
    let mut mail = Mail::default();
    let (mut body, mut auth) = (false, false);
    for parameter in rest.split(' ').filter(|p| !p.is_empty()) {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (parameter, None),
        };
        let again = match (name.to_ascii_uppercase().as_str(), value) {
            ("SIZE", Some(value)) => mail.size.replace(size(value)?).is_some(),
            ("BODY", Some(value))
                if ["7BIT", "8BITMIME"]
                    .iter()
                    .any(|b| b.eq_ignore_ascii_case(value)) =>
            {
                std::mem::replace(&mut body, true)
            }
            // RFC 4954 5: who else let the sender in is said to nobody's profit here, and taken for nothing.
            ("AUTH", Some(value)) if !value.is_empty() => std::mem::replace(&mut auth, true),
            ("SMTPUTF8", None) => std::mem::replace(&mut mail.utf8, true),
            ("SIZE" | "BODY" | "SMTPUTF8" | "AUTH", _) => return Err(PARAMETER_VALUE),
            _ => return Err(PARAMETER),
        };
        if again {
            return Err(PARAMETER_VALUE);
        }
        mail.extended = true;
    }
    Ok(mail)
}

/// RFC 1870 3: 1 to 20 digits. What does not fit the type is too big for any server.
fn size(value: &str) -> Result<u64, Reply> {
    if (1..=20).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit()) {
        Ok(value.parse().unwrap_or(u64::MAX))
    } else {
        Err(PARAMETER_VALUE)
    }
}

fn rcpt(rest: &str) -> Result<Command, Reply> {
    let rest = after("TO:", rest).ok_or(RCPT_SYNTAX)?;
    let (mailbox, rest) = path(rest).map_err(|e| match e {
        PathError::Brackets => RCPT_SYNTAX,
        PathError::Mailbox | PathError::Route => RECIPIENT,
    })?;
    if !rest.is_empty() {
        return Err(if rest.starts_with(' ') {
            PARAMETER
        } else {
            RCPT_SYNTAX
        });
    }
    let mailbox = mailbox.ok_or(RECIPIENT)?;
    Ok(Command::Rcpt {
        address: mailbox.spelled(),
        ascii: mailbox.is_ascii(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &str) -> u16 {
        parse(line.as_bytes()).map_or_else(|r| r.code(), |_| 0)
    }

    #[test]
    fn parameters_of_mail() {
        let Ok(Command::Mail(mail)) =
            parse(b"mail from:<ann@example.com> size=12 Body=8bitmime SMTPUTF8")
        else {
            panic!("not understood");
        };
        assert_eq!(
            (mail.size, mail.utf8, mail.extended),
            (Some(12), true, true)
        );
        assert_eq!(mail.from, Some("ann@example.com".parse().unwrap()));
        assert!(matches!(
            parse(b"MAIL FROM: <>"),
            Ok(Command::Mail(Mail {
                from: None,
                extended: false,
                ..
            }))
        ));
    }

    #[test]
    fn each_fault_has_its_code() {
        for (line, expected) in [
            ("EHLO", 501),
            ("HELO ", 501),
            ("QUIT now", 501),
            ("DATA x", 501),
            ("VRFY", 501),
            ("EXPN list", 502),
            ("BDAT 3", 502),
            ("AUTH PLAIN", 0),
            ("AUTH", 501),
            ("AUTH PLAIN = x", 501),
            ("XCLIENT ADDR=192.0.2.7", 0),
            ("", 500),
            (" EHLO x", 500),
            ("GET / HTTP/1.1", 421),
            ("MAIL", 501),
            ("MAIL TO:<a@b.example>", 501),
            ("MAIL FROM:a@b.example", 501),
            ("MAIL FROM:<a@b.example>SIZE=1", 501),
            ("MAIL FROM:<a@b.example> SIZE=", 501),
            ("MAIL FROM:<a@b.example> SIZE=x", 501),
            ("MAIL FROM:<a@b.example> SIZE=1 SIZE=1", 501),
            ("MAIL FROM:<a@b.example> BODY=BINARYMIME", 501),
            ("MAIL FROM:<a@b.example> SMTPUTF8=1", 501),
            ("MAIL FROM:<a@b.example> RET=FULL", 555),
            ("MAIL FROM:<a@b.example> AUTH=<>", 0),
            ("MAIL FROM:<a@b.example> AUTH=", 501),
            ("MAIL FROM:<@relay.example:a@b.example>", 553),
            ("MAIL FROM:<a@[192.0.2.1]>", 553),
            ("MAIL FROM:<postmaster>", 553),
            ("MAIL FROM:<\"a b\"@c.example>", 553),
            ("MAIL FROM:<zoé@b.example>", 553),
            ("MAIL FROM:<zoé@b.example> SMTPUTF8", 0),
            ("RCPT TO:<>", 553),
            ("RCPT TO:a@b.example", 501),
            ("RCPT TO:<a@b.example> NOTIFY=NEVER", 555),
            ("RCPT TO:<@relay.example:a@b.example>", 553),
            ("RCPT TO:<a@[192.0.2.1]>", 0),
            ("rcpt to:<postmaster>", 0),
            ("NOOP anything", 0),
        ] {
            assert_eq!(code(line), expected, "{line}");
        }
        assert_eq!(parse(b"NOOP \xff").unwrap_err().code(), 500);
        assert!(parse(b"HELO \xe9cole").is_ok());
    }

    #[test]
    fn a_size_no_machine_holds_is_still_a_size() {
        let Ok(Command::Mail(mail)) = parse(b"MAIL FROM:<> SIZE=99999999999999999999") else {
            panic!("not understood");
        };
        assert_eq!(mail.size, Some(u64::MAX));
    }
}
