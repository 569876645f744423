//! As much of HTTP/1.1 as an object store needs: requests with a length, answers with a length, connections that are kept.
//! No chunks, no trailers, no upgrades; what is not understood is refused and the connection closed, never guessed at.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// Request line and headers together.
const HEAD_LIMIT: u64 = 16 << 10;
/// The largest object.
const BODY_LIMIT: u64 = 4 << 20;

/// A request, read whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// What follows the first `?`.
    pub(crate) query: String,
    pub(crate) body: Vec<u8>,
    /// The client wants to ask again on this connection.
    pub(crate) is_kept: bool,
}

impl Request {
    /// The number that the query gives to `name`.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let mut pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        value.parse().ok()
    }
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Whole lines.
    pub(crate) headers: Vec<String>,
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(status: u16, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if !text.is_empty() {
            text.push('\n');
        }
        Self {
            status,
            headers: Vec::new(),
            kind: "text/plain; charset=utf-8",
            body: text.into_bytes(),
        }
    }

    pub(crate) fn json(text: String) -> Self {
        Self {
            kind: "application/json",
            ..Self::text(200, text)
        }
    }

    pub(crate) fn bytes(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            kind: "application/octet-stream",
            body,
        }
    }

    #[must_use]
    pub(crate) fn with(mut self, header: impl Into<String>) -> Self {
        self.headers.push(header.into());
        self
    }
}

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The client has gone, in good order or not; there is nobody to answer.
    Gone,
    /// It can be answered with this, and nothing more can be read.
    Refused(Response),
}

impl From<io::Error> for Unread {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

fn refused<T>(status: u16, why: &str) -> Result<T, Unread> {
    Err(Unread::Refused(Response::text(status, why)))
}

/// What the headers say of the rest.
#[derive(Debug, Default)]
struct Framing {
    length: Option<u64>,
    is_waiting: bool,
    is_kept: Option<bool>,
}

/// Reads the next request of a connection. `answer` is written to where the client waits for leave to send its body.
pub(crate) fn read(
    reader: &mut BufReader<impl Read>,
    answer: &mut impl Write,
) -> Result<Request, Unread> {
    let mut head = reader.by_ref().take(HEAD_LIMIT);
    let mut first = line(&mut head)?;
    // Some clients send an empty line after a body.
    if first.is_empty() {
        first = line(&mut head)?;
    }
    let words: Vec<&str> = first.split(' ').collect();
    let (&[method, target, version], true) = (&words[..], first.is_ascii()) else {
        return refused(400, "that is no request line");
    };
    let is_newer = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ => return refused(505, "speak HTTP/1.1"),
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        ..Request::default()
    };
    let framing = headers(&mut head)?;
    request.is_kept = framing.is_kept.unwrap_or(is_newer);
    let length = framing.length.unwrap_or(0);
    if length > BODY_LIMIT {
        return refused(413, &format!("an object has at most {BODY_LIMIT} bytes"));
    }
    if framing.is_waiting && length > 0 {
        answer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let read = reader.take(length).read_to_end(&mut request.body)?;
    if read as u64 == length {
        Ok(request)
    } else {
        Err(Unread::Gone)
    }
}

fn headers(head: &mut impl BufRead) -> Result<Framing, Unread> {
    let mut framing = Framing::default();
    loop {
        let line = line(head)?;
        if line.is_empty() {
            return Ok(framing);
        }
        // A blank before the colon, or at the beginning of a folded line: others read a length there.
        let header = line.split_once(':');
        let Some((name, value)) = header.filter(|(name, _)| !name.contains([' ', '\t'])) else {
            return refused(400, "that is no header");
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
                let Some(length) = value.parse().ok().filter(|_| is_number) else {
                    return refused(400, "that is no length");
                };
                if framing.length.is_some_and(|before| before != length) {
                    return refused(400, "two lengths");
                }
                framing.length = Some(length);
            }
            "transfer-encoding" => return refused(501, "send the object with its length"),
            "expect" => framing.is_waiting = value.eq_ignore_ascii_case("100-continue"),
            "connection" => {
                for word in value.split(',').map(str::trim) {
                    if word.eq_ignore_ascii_case("close") {
                        framing.is_kept = Some(false);
                    } else if word.eq_ignore_ascii_case("keep-alive") {
                        framing.is_kept.get_or_insert(true);
                    }
                }
            }
            _ => {}
        }
    }
}

/// One line without its end.
fn line(head: &mut impl BufRead) -> Result<String, Unread> {
    let mut line = Vec::new();
    if head.read_until(b'\n', &mut line)? == 0 {
        return Err(Unread::Gone);
    }
    if line.pop() != Some(b'\n') {
        // The limit, or the end of the connection, which no longer reads the answer.
        return refused(431, "too much before the body");
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    // A carriage return in the middle ends a line for others.
    if line
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        return refused(400, "that is not text");
    }
    String::from_utf8(line).or_else(|_| refused(400, "that is not text"))
}

/// Writes an answer, in one piece.
pub(crate) fn write(
    stream: &mut TcpStream,
    response: &Response,
    is_head: bool,
    is_kept: bool,
) -> io::Result<()> {
    let Response {
        status,
        headers,
        kind,
        body,
    } = response;
    let mut answer = Vec::new();
    write!(answer, "HTTP/1.1 {status} {}\r\n", reason(*status))?;
    if !body.is_empty() {
        write!(answer, "Content-Type: {kind}\r\n")?;
    }
    if *status != 204 {
        write!(answer, "Content-Length: {}\r\n", body.len())?;
    }
    for header in headers {
        write!(answer, "{header}\r\n")?;
    }
    let end = if is_kept {
        "\r\n"
    } else {
        "Connection: close\r\n\r\n"
    };
    answer.extend_from_slice(end.as_bytes());
    if !is_head {
        answer.extend_from_slice(body);
    }
    stream.write_all(&answer)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Request, Unread> {
        read(&mut BufReader::new(text.as_bytes()), &mut io::sink())
    }

    fn status(text: &str) -> Option<u16> {
        match parse(text) {
            Err(Unread::Refused(response)) => Some(response.status),
            _ => None,
        }
    }

    #[test]
    fn a_request_is_read_with_its_query_and_its_body_and_no_more() {
        let text = "PUT /objs/a?x=1&ms=25 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET";

        let request = parse(text).unwrap();

        assert_eq!((&*request.method, &*request.path), ("PUT", "/objs/a"));
        assert_eq!(
            (request.number("ms"), &*request.body),
            (Some(25), &b"abc"[..])
        );
        assert!(request.is_kept);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let with = |headers: &str| format!("PUT /objs/a HTTP/1.1\r\n{headers}\r\n\r\nabc");

        assert_eq!(
            status(&with("Content-Length: 3\r\nContent-Length: 4")),
            Some(400)
        );
        assert_eq!(status(&with("Content-Length: +3")), Some(400));
        assert_eq!(
            status(&with("Transfer-Encoding: chunked\r\nContent-Length: 3")),
            Some(501)
        );
        assert_eq!(status(&with("Content-Length: 99999999999")), Some(413));
        assert_eq!(status(&with("Content-Length : 3")), Some(400));
        assert_eq!(status(&with("X: 1\r\n Content-Length: 3")), Some(400));
        assert_eq!(status(&with("X: 1\rContent-Length: 3")), Some(400));
        assert_eq!(status("GET /\rx HTTP/1.1\r\n\r\n"), Some(400));
        assert_eq!(status("GET / HTTP/2\r\n\r\n"), Some(505));
        assert_eq!(status("nonsense\r\n\r\n"), Some(400));
        assert_eq!(
            status(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000))),
            Some(431)
        );
    }

    #[test]
    fn a_connection_is_kept_as_the_client_and_the_version_say() {
        let is_kept = |text: &str| parse(text).unwrap().is_kept;

        assert!(is_kept("GET / HTTP/1.1\r\n\r\n"));
        assert!(!is_kept("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
        assert!(!is_kept("GET / HTTP/1.0\r\n\r\n"));
        assert!(is_kept("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    }

    #[test]
    fn a_client_that_goes_in_the_middle_is_gone() {
        assert!(matches!(parse(""), Err(Unread::Gone)));
        let torn = "PUT /objs/a HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc";
        assert!(matches!(parse(torn), Err(Unread::Gone)));
    }
}
