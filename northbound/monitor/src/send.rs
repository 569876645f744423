//! Posts one report over HTTP/1.1, each time on a connection of its own, and waits a bounded time for each step.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::report::PATH;
use crate::settings::Settings;

/// The service is the next hop: connecting, and then all the rest, takes no longer than this.
const LIMIT: Duration = Duration::from_secs(3);
/// A status line is much shorter.
const ANSWER_LIMIT: usize = 1024;

/// What the service said to a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has it.
    Taken,
    /// It will not have this one, however often it comes.
    Refused(u16),
    /// Not now: it is overloaded, or does not know us (yet).
    Later(u16),
}

/// Posts a line of JSON. An error where the service is away.
pub(crate) fn post(settings: &Settings, line: &str) -> io::Result<Answer> {
    let Settings {
        service,
        credential,
        ..
    } = settings;
    let mut stream = TcpStream::connect_timeout(&(*service).into(), LIMIT)?;
    let end = Instant::now() + LIMIT;
    stream.set_write_timeout(Some(LIMIT))?;
    let length = line.len();
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {service}\r\nAuthorization: Bearer {credential}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{line}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut piece = [0; 256];
    while !answer.contains(&b'\n') && answer.len() < ANSWER_LIMIT {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let read = stream.read(&mut piece)?;
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..read]);
    }
    status(&answer)
        .map(meaning)
        .ok_or_else(|| io::Error::other("what answers does not speak HTTP"))
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = answer
        .split(|byte| *byte == b'\r' || *byte == b'\n')
        .next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next().filter(|word| word.starts_with("HTTP/1."))?;
    let status = words.next()?.parse().ok()?;
    (100..600).contains(&status).then_some(status)
}

fn meaning(status: u16) -> Answer {
    match status {
        200..300 => Answer::Taken,
        // Malformed or too large. A credential that is not accepted yet, or too many at once, is another matter.
        400 | 413 | 422 => Answer::Refused(status),
        _ => Answer::Later(status),
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;
    use std::net::TcpListener;

    use super::*;

    fn settings(port: u16) -> Settings {
        format!("127.0.0.1:{port},i-7,c0ffee").parse().unwrap()
    }

    /// What a service that answers like this hears, and what the monitor makes of it.
    fn talk(answer: &'static str) -> (Vec<String>, io::Result<Answer>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let service = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let reader = io::BufReader::new(stream.try_clone().unwrap());
            let mut heard = Vec::new();
            for line in reader.lines() {
                let line = line.unwrap();
                heard.push(line.clone());
                if line == "{}" || line.is_empty() {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).unwrap();
            heard
        });
        let answered = post(&settings(port), "{}");
        (service.join().unwrap(), answered)
    }

    #[test]
    fn a_report_is_one_request_with_its_credential() {
        let (heard, answered) = talk("HTTP/1.1 204 No Content\r\n\r\n");

        assert_eq!(answered.unwrap(), Answer::Taken);
        assert_eq!(heard[0], "POST /v1/report HTTP/1.1");
        assert!(heard.contains(&"Authorization: Bearer c0ffee".to_owned()));
        assert!(heard.contains(&"Content-Length: 2".to_owned()));
    }

    #[test]
    fn only_what_never_can_be_taken_is_given_up() {
        assert_eq!(meaning(400), Answer::Refused(400));
        assert_eq!(meaning(413), Answer::Refused(413));
        for status in [401, 403, 429, 500, 503, 301] {
            assert_eq!(meaning(status), Answer::Later(status));
        }
    }

    #[test]
    fn nonsense_and_silence_are_a_service_that_is_away() {
        assert!(talk("SSH-2.0-OpenSSH\r\n").1.is_err());
        assert!(talk("").1.is_err());
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = closed.local_addr().unwrap().port();
        drop(closed);
        assert!(post(&settings(port), "{}").is_err());
    }
}
