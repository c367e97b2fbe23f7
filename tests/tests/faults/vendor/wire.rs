//! What Twilio reads and writes, as its documents say. Must not know connections.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::http::{Request, Response};
use super::{Answer, Said, Shared, Text, lock};

/// Texts on one page of Twilio's list, unless asked otherwise.
const PAGE: usize = 50;

/// What is answered.
pub(super) fn answer(shared: &Shared, request: &Request) -> Response {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    if !request.authorized {
        return plain(401, "who are you?");
    }
    let messages = path.starts_with("/2010-04-01/Accounts/AC") && path.ends_with("/Messages.json");
    match request.method.as_str() {
        "POST" if messages => send_twilio(shared, &request.body),
        "GET" if messages => list(shared, query),
        _ => plain(404, "no such resource"),
    }
}

fn plain(status: u16, body: &str) -> Response {
    Response {
        said: Said::Error(status, 0, None),
        after: Duration::ZERO,
        kind: "text/plain",
        status,
        retry_after: None,
        body: body.to_owned(),
    }
}

/// The response that says so, with the body for what is true.
fn saying(answer: Answer, status: u16, kind: &'static str, body: String) -> Response {
    let mut response = Response {
        said: answer.said,
        after: answer.after,
        kind,
        status,
        retry_after: None,
        body,
    };
    match answer.said {
        Said::Rubbish => "{\"sid\": ".clone_into(&mut response.body),
        Said::Error(status, code, wait) => {
            (response.status, response.retry_after) = (status, wait);
            response.body = if code == 0 {
                response.kind = "text/html";
                "<html><h1>An error</h1></html>".to_owned()
            } else {
                json!({"code": code, "message": "as told", "status": status,
                    "more_info": format!("https://www.twilio.com/docs/errors/{code}")})
                .to_string()
            };
        }
        Said::Created | Said::Reset | Said::Half | Said::Nothing => {}
    }
    response
}

fn send_twilio(shared: &Shared, body: &str) -> Response {
    let field = |name: &str| form(body, name);
    let (Some(to), Some(text)) = (field("To"), field("Body")) else {
        return plain(400, "To and Body are needed");
    };
    let Some(from) = field("From").or_else(|| field("MessagingServiceSid")) else {
        return plain(400, "From or MessagingServiceSid is needed");
    };
    if !to.starts_with('+') || text.is_empty() {
        return plain(400, "no number or no text");
    }
    let answer = shared.decide();
    let resource = if answer.taken {
        resource(&shared.take(to, from, text)).to_string()
    } else {
        // Said where an answer is `Created` though nothing was taken: no test does that.
        String::new()
    };
    saying(answer, 201, "application/json", resource)
}

/// The Message resource.
fn resource(text: &Text) -> serde_json::Value {
    let date = rfc2822(text.at);
    json!({
        "account_sid": "AC00000000000000000000000000000001", "api_version": "2010-04-01",
        "body": text.body, "date_created": date, "date_sent": date, "date_updated": date,
        "direction": "outbound-api", "error_code": null, "error_message": null, "from": text.from,
        "messaging_service_sid": null, "num_media": "0", "num_segments": "1", "price": null,
        "price_unit": null, "sid": text.sid, "status": "queued", "to": text.to,
        "uri": format!("/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages/{}.json", text.sid),
    })
}

fn rfc2822(at: Timestamp) -> String {
    let zoned = at.to_zoned(TimeZone::UTC);
    zoned.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// The list of messages, newest first: `To`, `PageSize`, `Page`.
fn list(shared: &Shared, query: &str) -> Response {
    let number = |name: &str| form(query, name).and_then(|n| n.parse::<usize>().ok());
    let (size, page) = (
        number("PageSize").unwrap_or(PAGE).clamp(1, 1_000),
        number("Page").unwrap_or(0),
    );
    let to = form(query, "To");
    let texts = lock(&shared.texts).clone();
    let found: Vec<&Text> = texts
        .iter()
        .rev()
        .filter(|t| to.as_ref().is_none_or(|to| *to == t.to))
        .collect();
    let shown: Vec<_> = found
        .iter()
        .skip(page * size)
        .take(size)
        .map(|t| resource(t))
        .collect();
    let next = (found.len() > (page + 1) * size).then(|| {
        let others: Vec<&str> = query
            .split('&')
            .filter(|pair| !pair.starts_with("Page=") && !pair.is_empty())
            .collect();
        format!(
            "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json?{}&Page={}",
            others.join("&"),
            page + 1
        )
    });
    let body = json!({"messages": shown, "page": page, "page_size": size, "next_page_uri": next, "start": page * size,
        "end": page * size + shown.len(), "uri": "", "first_page_uri": "", "previous_page_uri": null});
    let answer = shared.look_up();
    saying(answer, 200, "application/json", body.to_string())
}

/// The value of a field in `application/x-www-form-urlencoded`.
fn form(written: &str, name: &str) -> Option<String> {
    written.split('&').find_map(|pair| {
        let (field, value) = pair.split_once('=')?;
        (decoded(field)? == name).then(|| decoded(value))?
    })
}

fn decoded(written: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(written.len());
    let mut rest = written.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(octets).ok()
}
