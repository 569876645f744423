//! A server that answers as it is told, byte for byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What comes back for a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, and then the connection is closed.
    Bytes(Vec<u8>),
    /// The head, and then a byte now and then, for ever.
    Drip,
    /// A head that promises much, and as much as anybody reads.
    Huge,
    /// Nothing, for ever.
    Stall,
    /// Nothing, and the connection is closed.
    Close,
}

/// An answer with this status, content type and body.
pub(crate) fn answer(status: u16, kind: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(
        format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes(),
    )
}

pub(crate) fn json(status: u16, body: &str) -> Reply {
    answer(status, "application/json", body)
}

/// More than any answer of Google's.
const HUGE: usize = 64 << 20;

/// Listens on loopback until it is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    is_over: Arc<AtomicBool>,
}

impl Server {
    /// `script` is given the verb and the path, without its query.
    pub(crate) fn start(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, script) = (is_over.clone(), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (over, script) = (over.clone(), script.clone());
                std::thread::spawn(move || stream.map(|stream| serve(stream, &over, &*script)));
            }
        });
        Self { url, is_over }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.url.strip_prefix("http://").unwrap());
    }
}

/// Whoever asked may have gone away, which is fine.
fn serve(mut stream: TcpStream, over: &AtomicBool, script: &dyn Fn(&str) -> Reply) -> Option<()> {
    let request = read(&stream)?;
    let wait = || {
        std::thread::sleep(Duration::from_millis(20));
        (!over.load(Ordering::Relaxed)).then_some(())
    };
    match script(&request) {
        Reply::Bytes(bytes) => stream.write_all(&bytes).ok(),
        Reply::Close => Some(()),
        Reply::Stall => loop {
            wait()?;
        },
        Reply::Drip => {
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n";
            stream.write_all(head).ok()?;
            loop {
                stream.write_all(b" ").ok()?;
                wait()?;
            }
        }
        Reply::Huge => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {HUGE}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).ok()?;
            let piece = vec![b' '; 1 << 16];
            (0..HUGE / piece.len()).try_for_each(|_| stream.write_all(&piece).ok())
        }
    }
}

/// The verb and the path; the body is read so that closing is no reset.
fn read(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line
            .split_once(':')
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            debug_assert!(!name.is_empty());
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let mut words = first.split(' ');
    let (verb, target) = (words.next()?, words.next()?);
    Some(format!("{verb} {}", target.split('?').next()?))
}
