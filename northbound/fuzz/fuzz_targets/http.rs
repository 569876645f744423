//! HTTP: what the demo app reads of a client that sends anything, in any pieces, and what the load generator reads of a server that
//! answers anything.
#![no_main]

use std::io::{BufReader, Read};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use northbound::fuzzing::load_answer;
use tokio::io::AsyncWriteExt;

#[expect(
    dead_code,
    reason = "of the demo app's HTTP only the reader is wanted here"
)]
#[path = "../../demo-app/src/http.rs"]
mod http;

/// As the demo app's own.
const BODY_LIMIT: usize = 4 << 20;
/// An answer of these sizes is read at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(5);

fuzz_target!(|bytes: &[u8]| {
    let whole = requests(bytes, usize::MAX);
    assert_eq!(
        whole,
        requests(bytes, 1),
        "it matters in which pieces it comes"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(answered(bytes));
});

/// Every request of one connection.
fn requests(bytes: &[u8], piece: usize) -> Vec<http::Request> {
    let mut reader = BufReader::with_capacity(piece.min(8 << 10), Pieces { bytes, piece });
    let mut said = Vec::new();
    let mut requests = Vec::new();
    loop {
        match http::read(&mut reader, &mut said) {
            Ok(request) => {
                assert!(request.body.len() <= BODY_LIMIT);
                assert!(!request.path.contains(['?', ' ', '\r', '\n']));
                request.number("ms");
                requests.push(request);
            }
            Err(http::Unread::Gone) => return requests,
            Err(http::Unread::Refused(response)) => {
                assert!((400..600).contains(&response.status));
                return requests;
            }
        }
    }
}

struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.piece);
        let (now, later) = self.bytes.split_at(most.min(self.bytes.len()));
        buffer[..now.len()].copy_from_slice(now);
        self.bytes = later;
        Ok(now.len())
    }
}

async fn answered(bytes: &[u8]) {
    let (ours, mut theirs) = tokio::io::duplex(64 << 10);
    let answer = bytes.to_vec();
    let server = async move {
        let _ = theirs.write_all(&answer).await;
        let _ = theirs.shutdown().await;
        // What is asked is not looked at.
        tokio::io::copy(&mut theirs, &mut tokio::io::sink()).await
    };
    let server = tokio::spawn(server);
    let read = tokio::time::timeout(PATIENCE, load_answer(ours)).await;
    server.abort();
    let Some((status, instance)) = read.expect("it ends when the server has gone") else {
        return;
    };
    assert!((100..1000).contains(&status));
    assert!(instance.is_none_or(|name| name.chars().count() <= 64));
}
