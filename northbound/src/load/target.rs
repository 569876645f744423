//! Where the requests go, and the guard that keeps a generator of load off machines that nobody meant.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use hyper::http::Uri;

/// Where the requests go. Names are not resolved: a generator must not be led anywhere by a name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// How.
    pub mode: Mode,
    /// Whereto; the port is zero for ICMP.
    pub address: SocketAddr,
    /// The HTTP request target, `/` or longer; empty for the others.
    pub path: String,
}

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One HTTP/1.1 request and its whole answer.
    Http,
    /// A connection; with a body also the first bytes of an answer.
    Tcp,
    /// A datagram from a port of its own, and one back.
    Udp,
    /// An echo request with an identifier of its own, and its reply.
    Icmp,
}

/// A target that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}`: {problem}\nhint: a target looks like `http://45.45.45.45/path`, `tcp://127.0.0.1:80`, `udp://127.0.0.1:53` or `icmp://127.0.0.1`"
)]
pub struct TargetError {
    text: String,
    problem: String,
}

impl Target {
    /// Whether it can be nothing but this machine.
    pub fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        parse(text).map_err(|problem| TargetError {
            text: text.to_owned(),
            problem,
        })
    }
}

fn parse(text: &str) -> Result<Target, String> {
    let uri: Uri = text
        .parse()
        .map_err(|error| format!("not a URL ({error})"))?;
    let mode = match uri.scheme_str() {
        Some("http") => Mode::Http,
        Some("tcp") => Mode::Tcp,
        Some("udp") => Mode::Udp,
        Some("icmp") => Mode::Icmp,
        Some("https") => return Err("TLS is not spoken; test the plain port".to_owned()),
        Some(other) => return Err(format!("`{other}` is not http, tcp, udp or icmp")),
        None => return Err("it does not begin with http://, tcp://, udp:// or icmp://".to_owned()),
    };
    let host = uri.host().unwrap_or_default();
    let ip = match host.trim_start_matches('[').trim_end_matches(']') {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        number => number
            .parse()
            .map_err(|_| format!("the host is an IP address or `localhost`, found `{host}`"))?,
    };
    let authority = uri
        .authority()
        .map_or("", hyper::http::uri::Authority::as_str);
    if uri.port_u16().is_none() && authority != host {
        return Err(format!(
            "`{authority}` is not an address and a port up to 65535"
        ));
    }
    let port = match (mode, uri.port_u16()) {
        (Mode::Icmp, None) => 0,
        (Mode::Icmp, Some(_)) => return Err("ICMP has no ports".to_owned()),
        (Mode::Http, None) => 80,
        (_, Some(port)) if port > 0 => port,
        _ => return Err("it has no port".to_owned()),
    };
    if mode == Mode::Icmp && ip.is_ipv6() {
        return Err("ICMP is sent over IPv4 only".to_owned());
    }
    let path = uri
        .path_and_query()
        .map_or("/", hyper::http::uri::PathAndQuery::as_str);
    if mode != Mode::Http && path != "/" {
        return Err("only HTTP has a path".to_owned());
    }
    Ok(Target {
        mode,
        address: SocketAddr::new(ip, port),
        path: if mode == Mode::Http {
            path.to_owned()
        } else {
            String::new()
        },
    })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mode,
            address,
            path,
        } = self;
        match mode {
            Mode::Http => write!(f, "http://{address}{path}"),
            Mode::Tcp => write!(f, "tcp://{address}"),
            Mode::Udp => write!(f, "udp://{address}"),
            Mode::Icmp => write!(f, "icmp://{}", address.ip()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_url_with_an_address_in_it() {
        for (text, mode, address, shown) in [
            (
                "http://127.0.0.1",
                Mode::Http,
                "127.0.0.1:80",
                "http://127.0.0.1:80/",
            ),
            (
                "http://[::1]:81/a?b=c",
                Mode::Http,
                "[::1]:81",
                "http://[::1]:81/a?b=c",
            ),
            (
                "http://localhost:8080/x",
                Mode::Http,
                "127.0.0.1:8080",
                "http://127.0.0.1:8080/x",
            ),
            (
                "tcp://45.45.45.45:443",
                Mode::Tcp,
                "45.45.45.45:443",
                "tcp://45.45.45.45:443",
            ),
            (
                "udp://127.0.0.1:53",
                Mode::Udp,
                "127.0.0.1:53",
                "udp://127.0.0.1:53",
            ),
            (
                "icmp://127.0.0.1",
                Mode::Icmp,
                "127.0.0.1:0",
                "icmp://127.0.0.1",
            ),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(
                (target.mode, target.address),
                (mode, address.parse().unwrap())
            );
            assert_eq!(target.to_string(), shown);
        }
    }

    #[test]
    fn a_target_that_is_not_understood_is_refused_with_its_reason() {
        for (text, reason) in [
            ("127.0.0.1:80", "does not begin with http://"),
            ("https://127.0.0.1/", "TLS is not spoken"),
            ("ftp://127.0.0.1/", "`ftp` is not http"),
            (
                "http://example.org/",
                "an IP address or `localhost`, found `example.org`",
            ),
            ("tcp://127.0.0.1", "it has no port"),
            ("udp://127.0.0.1:0", "it has no port"),
            ("icmp://127.0.0.1:1", "ICMP has no ports"),
            ("icmp://[::1]", "IPv4 only"),
            ("tcp://127.0.0.1:1/x", "only HTTP has a path"),
            ("http://127.0.0.1:99999/", "a port up to 65535"),
            ("http://me@127.0.0.1/", "is not an address and a port"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text} gave {error}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let is_loopback = |text: &str| text.parse::<Target>().unwrap().is_loopback();

        assert!(is_loopback("http://127.9.9.9/"));
        assert!(is_loopback("http://[::ffff:127.0.0.1]/"));
        assert!(!is_loopback("http://0.0.0.0/"));
        assert!(!is_loopback("http://10.0.0.1/"));
    }
}
