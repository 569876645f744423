//! A server that answers as it is told, and not as a server should.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is sent, piece by piece; the connection is closed in the end.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing, for so long.
    Pause(Duration),
    /// These bytes, over and over, until nobody reads any more.
    Forever(Vec<u8>),
}

/// Answers every request with the same pieces, until it is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn answering(pieces: Vec<Piece>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (pieces, over) = (pieces.clone(), Arc::clone(&over));
                std::thread::spawn(move || answer(stream.unwrap(), &pieces, &over));
            }
        });
        Self {
            url,
            is_over,
            thread: Some(thread),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        let _ = self.thread.take().unwrap().join();
    }
}

fn answer(mut stream: TcpStream, pieces: &[Piece], over: &AtomicBool) {
    if read_request(&mut stream).is_none() {
        return;
    }
    for piece in pieces {
        let is_heard = match piece {
            Piece::Bytes(bytes) => stream.write_all(bytes).is_ok(),
            Piece::Pause(time) => {
                std::thread::sleep(*time);
                true
            }
            Piece::Forever(bytes) => {
                while !over.load(Ordering::Relaxed) && stream.write_all(bytes).is_ok() {}
                false
            }
        };
        if !is_heard {
            return;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// Until the body has come in whole.
fn read_request(stream: &mut TcpStream) -> Option<()> {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(());
            }
        }
        let count = stream.read(&mut buffer).ok()?;
        if count == 0 {
            return None;
        }
        request.extend_from_slice(&buffer[..count]);
    }
}
