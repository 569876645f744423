//! Sends one request, of whatever kind, and says what became of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{sleep, timeout};

use super::failure::Failure;
use super::http::{HttpRequest, HttpSender};
use super::icmp::IcmpSender;

/// The first pause before a retry; each further one is twice as long.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause before a retry.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Of a longer datagram the rest is cut off; only that one came is of interest.
const DATAGRAM: usize = 2048;

/// What is sent, and how long it may take.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) what: What,
    /// For each attempt.
    pub(super) timeout: Duration,
    /// After the first attempt.
    pub(super) retries: u32,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(super) enum What {
    Http(Box<HttpRequest>),
    Tcp(SocketAddr, Bytes),
    Udp(SocketAddr, Bytes),
    Icmp(Ipv4Addr, Arc<AtomicU32>),
}

/// A whole answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Who gave it, where it says so.
    pub(super) instance: Option<String>,
    /// HTTP only.
    pub(super) status: Option<u16>,
    /// Whether it is the answer that was hoped for.
    pub(super) is_expected: bool,
}

/// What became of a request.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) result: Result<Answer, Failure>,
    /// How many further attempts it took.
    pub(super) retried: u32,
}

/// Sends the same request again and again. Belongs to one thread.
#[derive(Debug)]
pub(super) struct Sender {
    kind: Kind,
    timeout: Duration,
    retries: u32,
}

#[derive(Debug)]
enum Kind {
    Http(Box<HttpSender>),
    Tcp(SocketAddr, Bytes),
    Udp(SocketAddr, Bytes),
    Icmp(IcmpSender),
}

impl Request {
    /// Whether it can be sent twice without doing more than once.
    pub(super) fn is_idempotent(&self) -> bool {
        match &self.what {
            What::Http(request) => {
                [Method::GET, Method::HEAD, Method::PUT, Method::DELETE].contains(&request.method)
            }
            What::Tcp(_, body) => body.is_empty(),
            What::Udp(..) | What::Icmp(..) => false,
        }
    }
}

impl Sender {
    /// Must be called in the thread and the runtime that it is used in.
    pub(super) fn new(request: &Request) -> io::Result<Self> {
        let kind = match &request.what {
            What::Http(http) => Kind::Http(Box::new(HttpSender::new((**http).clone()))),
            What::Tcp(address, body) => Kind::Tcp(*address, body.clone()),
            What::Udp(address, body) => Kind::Udp(*address, body.clone()),
            What::Icmp(address, number) => {
                Kind::Icmp(IcmpSender::new(*address, Arc::clone(number))?)
            }
        };
        Ok(Self {
            kind,
            timeout: request.timeout,
            retries: request.retries,
        })
    }

    /// Sends it, and again where the connection fails and attempts are left.
    pub(super) async fn send(&self) -> Outcome {
        let mut pause = RETRY_PAUSE;
        let mut retried = 0;
        loop {
            let result = timeout(self.timeout, self.attempt())
                .await
                .unwrap_or(Err(Failure::Timeout));
            match result {
                Err(failure) if retried < self.retries && failure.is_of_connection() => {
                    sleep(pause).await;
                    pause = (pause * 2).min(RETRY_PAUSE_MAX);
                    retried += 1;
                }
                result => return Outcome { result, retried },
            }
        }
    }

    async fn attempt(&self) -> Result<Answer, Failure> {
        let exchanged = match &self.kind {
            Kind::Http(http) => return http.send().await,
            Kind::Icmp(icmp) => icmp.send().await,
            Kind::Tcp(address, body) => tcp(*address, body).await,
            Kind::Udp(address, body) => udp(*address, body)
                .await
                .map_err(|error| Failure::of_io(&error)),
        };
        exchanged.map(|()| Answer {
            is_expected: true,
            ..Answer::default()
        })
    }
}

async fn tcp(address: SocketAddr, body: &[u8]) -> Result<(), Failure> {
    let of_io = |error: io::Error| Failure::of_io(&error);
    let mut stream = TcpStream::connect(address).await.map_err(of_io)?;
    if body.is_empty() {
        return Ok(());
    }
    stream.write_all(body).await.map_err(of_io)?;
    let mut first = [0; 4096];
    match stream.read(&mut first).await.map_err(of_io)? {
        0 => Err(Failure::Reset),
        _ => Ok(()),
    }
}

async fn udp(address: SocketAddr, body: &[u8]) -> io::Result<()> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(address).await?;
    socket.send(body).await?;
    let mut answer = [0; DATAGRAM];
    socket.recv(&mut answer).await.map(drop)
}
