//! HTTP/1.1 as far as a client of one JSON call needs it, with resets, halves and silence. Must not know what is asked.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::{Said, Shared, wire};

/// Largest head and body that are read.
const AT_MOST: usize = 64 * 1024;

/// One request.
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query as written.
    pub(super) target: String,
    pub(super) authorized: bool,
    pub(super) body: String,
}

/// What is to be answered.
pub(super) struct Response {
    pub(super) said: Said,
    pub(super) after: Duration,
    pub(super) kind: &'static str,
    pub(super) status: u16,
    pub(super) retry_after: Option<u32>,
    pub(super) body: String,
}

/// Ends a connection as a router that lost it does: what was sent and not read is lost.
pub(super) fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}

/// Serves requests until the client goes or one is answered by the end of the connection.
pub(super) async fn connection(stream: TcpStream, shared: &Shared) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let response = wire::answer(shared, &request);
        tokio::time::sleep(response.after).await;
        let whole = written(&response);
        let (octets, goes_on) = match response.said {
            Said::Reset => return reset(stream.into_inner()),
            Said::Nothing => {
                // Until the client goes.
                drop(stream.read_u8().await);
                return;
            }
            Said::Half => (whole.len() - response.body.len() / 2, false),
            Said::Created | Said::Error(..) | Said::Rubbish => (whole.len(), true),
        };
        let Some(part) = whole.as_bytes().get(..octets) else {
            return;
        };
        if stream.get_mut().write_all(part).await.is_err() || !goes_on {
            return;
        }
    }
}

fn written(response: &Response) -> String {
    let wait = response
        .retry_after
        .map(|seconds| format!("Retry-After: {seconds}\r\n"));
    format!(
        "HTTP/1.1 {} Said\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n{}",
        response.status,
        response.kind,
        response.body.len(),
        wait.unwrap_or_default(),
        response.body,
    )
}

/// The next request; `None` where the client is gone or writes no HTTP.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > AT_MOST {
            return None;
        }
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let field = |name: &str| {
        head.split("\r\n").find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let length: usize = field("content-length").map_or(Some(0), |n| n.parse().ok())?;
    let mut body = vec![0; (length <= AT_MOST).then_some(length)?];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request {
        method,
        target,
        authorized: field("authorization").is_some_and(|a| a.starts_with("Basic ")),
        body: String::from_utf8(body).ok()?,
    })
}
