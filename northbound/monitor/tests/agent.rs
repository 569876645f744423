//! The monitor as a process of its own, beside an application and alone, against a service that listens on the loopback.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "agent/exec.rs"]
mod exec;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use monitor::{REPORT_LIMIT, Report};

/// For anything that takes milliseconds.
const LIMIT: Duration = Duration::from_secs(20);
/// What an instance spares for it, in KiB.
const RESIDENT_LIMIT: u64 = 10 << 10;

fn settings(listener: &TcpListener) -> String {
    let service = listener.local_addr().unwrap();
    format!("{service},i-7,c0ffee,every=100ms")
}

/// The next request, whole.
fn next(listener: &TcpListener) -> (TcpStream, Report) {
    listener.set_nonblocking(true).unwrap();
    let end = Instant::now() + LIMIT;
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => panic!("nobody reports within {LIMIT:?}: {error}"),
        }
    };
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"}") && request.len() < REPORT_LIMIT {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&request));
        request.extend_from_slice(&piece[..read]);
    }
    let request = String::from_utf8(request).unwrap();
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let report = serde_json::from_str(body).unwrap();
    (stream, report)
}

/// The next report, which is taken.
fn take(listener: &TcpListener) -> Report {
    let (mut stream, report) = next(listener);
    stream
        .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
        .unwrap();
    report
}

// S1-13
#[test]
fn it_reports_from_its_start_on_and_is_small() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let monitor = exec::Running::alone(&settings(&listener));

    let first = take(&listener);
    assert_eq!((&*first.instance, first.every_ms), ("i-7", 100));
    assert_eq!(first.readings[0].number, 0);
    assert_eq!(
        first.readings[0].cpu, None,
        "there is nothing to compare it with"
    );
    assert!(first.readings[0].memory.is_some());
    let second = take(&listener);
    assert_eq!(second.run, first.run);
    assert!(second.readings[0].cpu.is_some(), "{second:?}");

    let resident = monitor.resident();
    assert!(resident > 0, "it runs");
    assert!(resident <= RESIDENT_LIMIT, "{resident} KiB");
}

#[test]
fn readings_that_were_not_taken_come_again_and_are_older_then() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _monitor = exec::Running::alone(&settings(&listener));

    let (mut stream, refused) = next(&listener);
    stream
        .write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
        .unwrap();
    drop(stream);
    let after = take(&listener);

    assert_eq!(refused.readings[0].number, 0);
    let again = &after.readings[0];
    assert_eq!(again.number, 0, "the oldest goes first");
    assert!(
        again.age_ms >= refused.readings[0].age_ms + 100,
        "{after:?}"
    );
    assert!(after.readings.len() > 1, "it went on measuring: {after:?}");
    assert_eq!(after.dropped, 0);
}

// S1-24
#[test]
fn beside_an_application_it_is_the_applications_child_and_keeps_its_secret() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();

    let mut application = exec::Running::beside(&settings(&listener), &["/usr/bin/env"]);
    let said = application.said();

    assert!(said.contains("PATH="), "{said}");
    assert!(!said.contains("ASAAS_MONITOR"), "{said}");
    assert_eq!(take(&listener).instance, "i-7");
}

#[test]
fn an_application_runs_where_nobody_is_to_be_told() {
    for settings in ["", "nonsense"] {
        let mut application = exec::Running::beside(settings, &["/bin/echo", "here"]);

        assert_eq!(application.said(), "here\n", "{settings:?}");
    }
}
