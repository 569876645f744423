//! One question to one instance. The socket is made in the site's namespace and then used like any other.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

use controller::spec::Probe;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::name::NamespaceName;
use crate::namespace::Workers;

/// The first line of an answer is much shorter.
const LINE_LIMIT: usize = 1024;
/// Of the rest of an answer, so much is read, so that the instance can close the connection in peace.
const BODY_LIMIT: u64 = 64 << 10;
/// … and for so long.
const REST_LIMIT: Duration = Duration::from_millis(50);

/// Whether the instance says that it is well. An error where it cannot be reached. Does not end by itself.
pub(super) async fn ask(
    workers: &Workers,
    site: &NamespaceName,
    address: SocketAddrV4,
    probe: &Probe,
) -> io::Result<bool> {
    let socket = workers.within(site, TcpSocket::new_v4).await?;
    let mut stream = socket.connect(SocketAddr::V4(address)).await?;
    match probe {
        Probe::Tcp { .. } => Ok(true),
        Probe::Http { path, .. } => get(&mut stream, address, path).await,
    }
}

async fn get(stream: &mut TcpStream, address: SocketAddrV4, path: &str) -> io::Result<bool> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: asaas\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut start = Vec::new();
    while !start.contains(&b'\n') {
        let mut piece = [0; 256];
        let read = stream.read(&mut piece).await?;
        if read == 0 || start.len() + read > LINE_LIMIT {
            break;
        }
        start.extend_from_slice(&piece[..read]);
    }
    let is_well = is_success(&start);
    if is_well {
        let (mut rest, mut nowhere) = (stream.take(BODY_LIMIT), tokio::io::sink());
        let rest = tokio::io::copy(&mut rest, &mut nowhere);
        // The verdict stands, however the rest of the answer comes.
        let _ = tokio::time::timeout(REST_LIMIT, rest).await;
    }
    Ok(is_well)
}

/// Whether an answer begins with `HTTP/1.x 2xx`.
pub(crate) fn is_success(start: &[u8]) -> bool {
    let line = start.split(|byte| *byte == b'\r' || *byte == b'\n').next();
    let mut words = line.unwrap_or_default().split(|byte| *byte == b' ');
    let is_http = words.next().is_some_and(|v| v.starts_with(b"HTTP/1."));
    let status = words.next().unwrap_or_default();
    is_http && status.len() == 3 && status[0] == b'2' && status.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_two_hundred_is_well() {
        for (line, is_well) in [
            ("HTTP/1.1 200 OK\r\n", true),
            ("HTTP/1.0 204 No Content\r\n", true),
            ("HTTP/1.1 200\n", true),
            ("HTTP/1.1 503 Service Unavailable\r\n", false),
            ("HTTP/1.1 2000 Odd\r\n", false),
            ("SSH-2.0-OpenSSH\r\n", false),
            ("200 OK\r\n", false),
            ("", false),
        ] {
            assert_eq!(is_success(line.as_bytes()), is_well, "{line:?}");
        }
    }
}
