//! What becomes of requests: which failures are told apart, and what is tried again.

use super::server::{OK, Server, closed_port, read_request};
use super::*;

/// Makes a server, or none.
type Make = Box<dyn Fn() -> SocketAddr>;

#[test]
fn failures_are_counted_by_their_kind() {
    let cases: [(&str, Make); 7] = [
        ("refused", Box::new(closed_port)),
        (
            "reset",
            Box::new(|| {
                Server::new(|_, stream| {
                    read_request(stream);
                })
                .address
            }),
        ),
        (
            "timeout",
            Box::new(|| {
                // Reads until the client gives up.
                Server::new(|_, stream| while read_request(stream) {}).address
            }),
        ),
        (
            "bad_status",
            Box::new(|| Server::saying("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").address),
        ),
        (
            "short_body",
            Box::new(|| {
                Server::new(|_, stream| {
                    read_request(stream);
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort")
                        .unwrap();
                })
                .address
            }),
        ),
        (
            "bad_answer",
            Box::new(|| Server::saying("SSH-2.0-hello\r\n\r\n").address),
        ),
        // Three requests, one client, an answer that never comes: two are given up before they start.
        (
            "not_started",
            Box::new(|| Server::new(|_, stream| while read_request(stream) {}).address),
        ),
    ];
    for (kind, address) in cases {
        let clients = if kind == "not_started" { "1" } else { "3" };
        let target = format!("http://{}/", address());

        let report = load(
            &target,
            &["-p", "100/s:30ms", "-c", clients, "--timeout", "300ms"],
        );

        assert!(report.has_failures(), "{kind}");
        assert_eq!(report.total.failed, 3, "{kind}: {report:?}");
        if kind == "not_started" {
            assert!(report.failures[kind] >= 1, "{report:?}");
        } else {
            assert_eq!(report.failures, [(kind.to_owned(), 3)].into());
        }
    }
}

#[test]
fn a_status_can_be_expected() {
    let server = Server::saying("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n");

    let report = load(
        &server.http(),
        &["-p", "100/s:30ms", "--expect-status", "404"],
    );

    assert_eq!((report.total.answered, report.total.failed), (3, 0));
}

#[test]
fn connections_are_used_again_only_when_asked_to() {
    let server = Server::saying(OK);
    let again = Server::saying(OK);

    load(&server.http(), &["-p", "100/s:200ms"]);
    load(
        &again.http(),
        &["-p", "100/s:200ms", "--keep-alive", "-c", "2"],
    );

    assert_eq!(server.connections(), 20);
    assert!(again.connections() <= 2, "{}", again.connections());
}

#[test]
fn a_kept_connection_that_was_closed_meanwhile_is_replaced_without_a_failure() {
    let server = Server::new(|_, stream| {
        read_request(stream);
        stream.write_all(OK.as_bytes()).unwrap();
    });

    let report = load(
        &server.http(),
        &["-p", "20/s:500ms", "--keep-alive", "-c", "1"],
    );

    assert_eq!(
        (report.total.answered, report.total.failed),
        (10, 0),
        "{report}"
    );
    assert_eq!(report.total.retried, 0);
}

#[test]
fn a_broken_connection_is_tried_again_and_the_attempts_are_told_apart() {
    let server = Server::new(|number, stream| {
        read_request(stream);
        if number.is_multiple_of(2) {
            return;
        }
        stream.write_all(OK.as_bytes()).unwrap();
    });

    let report = load(
        &server.http(),
        &["-p", "5/s:600ms", "-c", "1", "--retries", "1"],
    );

    assert_eq!(
        (report.total.answered, report.total.failed),
        (3, 0),
        "{report}"
    );
    assert_eq!(report.total.retried, 3);
    assert!(report.total.latency.p50_ms >= 100.0, "the pause counts");
}

#[test]
fn what_must_not_happen_twice_is_not_tried_again() {
    let error = run(
        &args("http://127.0.0.1:1/", &["-X", "POST", "--retries", "1"]),
        &nothing().1,
    );

    assert!(matches!(error, Err(LoadError::Arguments(_))));
}
