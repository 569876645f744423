//! One question over plain HTTP/1, and its whole answer.

use std::fmt;
use std::str::FromStr;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A single number takes a hundred bytes, and a list of series that should have been one a few thousand.
const ANSWER_LIMIT: usize = 1 << 20;
/// Of an answer that is none so much is shown.
const SHOWN: usize = 200;
const PORT: u16 = 9090;

/// Where a Prometheus listens: `http://127.0.0.1:9090`, with a path behind where it is not at the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    host: String,
    port: u16,
    /// Without a slash at its end.
    path: String,
}

/// A text that is no address of a Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write it as http://127.0.0.1:9090: no other scheme, no user, no query")]
pub struct ServerError;

impl FromStr for Server {
    type Err = ServerError;
    fn from_str(text: &str) -> Result<Self, ServerError> {
        let uri: Uri = text.parse().map_err(|_| ServerError)?;
        let authority = uri.authority().ok_or(ServerError)?;
        let is_plain = uri.scheme_str() == Some("http")
            && uri.query().is_none()
            && !text.contains(['#', '@'])
            && !authority.host().is_empty();
        if !is_plain {
            return Err(ServerError);
        }
        Ok(Self {
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(PORT),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
    }
}

impl Server {
    /// What it answers to an instant query. The error says what went wrong, with its own words where it has any.
    pub(super) async fn ask(&self, query: &str) -> Result<Bytes, String> {
        let failed = |cause: &dyn fmt::Display| format!("{self} cannot be asked: {cause}");
        let host = self.host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.port))
            .await
            .map_err(|cause| failed(&cause))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|cause| failed(&cause))?;
        // Ends with the answer, or with the sender.
        tokio::spawn(connection);
        let request = Request::get(format!(
            "{}/api/v1/query?query={}",
            self.path,
            encoded(query)
        ))
        .header(HOST, format!("{}:{}", self.host, self.port))
        .body(Empty::<Bytes>::new())
        .map_err(|cause| failed(&cause))?;
        let reply = sender
            .send_request(request)
            .await
            .map_err(|cause| failed(&cause))?;
        let status = reply.status();
        let body = Limited::new(reply.into_body(), ANSWER_LIMIT)
            .collect()
            .await;
        let body = body.map_err(|cause| failed(&cause))?.to_bytes();
        // With these it says in JSON what is wrong with the query.
        let says_why = [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY];
        if status == StatusCode::OK || says_why.contains(&status) {
            return Ok(body);
        }
        let text: String = String::from_utf8_lossy(&body).chars().take(SHOWN).collect();
        Err(format!("{self} answers {status}: {}", text.trim()))
    }
}

/// A text as a part of a URL.
fn encoded(text: &str) -> String {
    let mut url = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push('%');
            for half in [byte >> 4, byte & 15] {
                url.extend(
                    char::from_digit(half.into(), 16).map(|digit| digit.to_ascii_uppercase()),
                );
            }
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_one_argument_whatever_is_in_it() {
        assert_eq!(
            encoded("sum(rate(x{a=\"ä&b\"}[1m]))+1 #%"),
            "sum%28rate%28x%7Ba%3D%22%C3%A4%26b%22%7D%5B1m%5D%29%29%2B1%20%23%25"
        );
    }

    #[test]
    fn only_a_plain_address_is_one() {
        let shown = |text: &str| text.parse::<Server>().unwrap().to_string();
        assert_eq!(shown("http://127.0.0.1:9090"), "http://127.0.0.1:9090");
        assert_eq!(shown("http://metrics/"), "http://metrics:9090");
        assert_eq!(shown("http://[::1]:80/prom/"), "http://[::1]:80/prom");
        for text in [
            "",
            "127.0.0.1:9090",
            "https://metrics:9090",
            "unix:///run/x",
            "http://user:secret@metrics",
            "http://metrics/?query=1",
            "http://metrics/#top",
            "http://",
            "/api",
        ] {
            assert_eq!(text.parse::<Server>(), Err(ServerError), "{text}");
        }
    }
}
