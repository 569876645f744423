//! Whole runs against real servers on loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use clap::Parser;

use super::*;

mod answers;
mod server;
mod summary;

use server::{OK, Server, closed_port, read_request};

/// No test waits longer for anything.
const LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    load: LoadArgs,
}

fn args(target: &str, more: &[&str]) -> LoadArgs {
    Cli::parse_from([&["load", target, "--quiet"], more].concat()).load
}

/// Controls that want nothing.
fn nothing() -> (Sender<Control>, Receiver<Control>) {
    mpsc::channel()
}

fn load(target: &str, more: &[&str]) -> Report {
    run(&args(target, more), &nothing().1).unwrap()
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LIMIT, "waited too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

// S4-53
#[test]
fn every_request_of_the_profile_is_sent_and_counted_once() {
    let server = Server::new(|number, stream| {
        read_request(stream);
        let name = if number.is_multiple_of(4) {
            "i-a"
        } else {
            "i-b"
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nX-Asaas-Instance: {name}\r\ncontent-length: 0\r\n\r\n"
        )
        .unwrap();
    });

    let report = load(&server.http(), &["-p", "low=20/s:500ms,high=100/s:300ms"]);

    assert_eq!(report.total.requests, 40);
    assert_eq!(report.total.answered, 40);
    assert!(!report.has_failures());
    assert_eq!(server.connections(), 40);
    assert_eq!(report.statuses, [(200, 40)].into());
    assert_eq!(report.instances["i-a"].answers, 10);
    assert_eq!(report.instances["i-b"].answers, 30);
    assert!(report.instances["i-a"].first < report.segments[0].ends);
    let segments: Vec<_> = report
        .segments
        .iter()
        .map(|segment| (segment.name.as_str(), segment.counts.answered))
        .collect();
    assert_eq!(segments, [("low", 10), ("high", 30)]);
    assert_eq!(report.segments[0].ends, report.segments[1].begins);
}

#[test]
fn a_stall_is_seen_by_every_request_that_was_due_meanwhile() {
    let began = Instant::now();
    let stall = began + Duration::from_millis(500)..began + Duration::from_millis(1500);
    let server = Server::new(move |_, stream| {
        read_request(stream);
        if stall.contains(&Instant::now()) {
            std::thread::sleep(stall.end - Instant::now());
        }
        stream.write_all(OK.as_bytes()).unwrap();
    });

    // A single client cannot send the next request before the last is answered: the worst case for an honest count.
    let report = load(&server.http(), &["-p", "50/s:3s", "-c", "1"]);

    assert_eq!(report.total.answered, 150);
    // Some 50 of the 150 were due during the stall, and waited for its end. A closed loop would have seen one slow request.
    let latency = report.total.latency;
    assert!(latency.p90_ms > 300.0, "{latency:?}");
    assert!(latency.max_ms > 700.0, "{latency:?}");
    assert!(report.generator.waited > 30, "{:?}", report.generator);
}

// S0-38
#[test]
fn clients_come_at_the_spawn_rate_and_are_never_more_than_allowed() {
    let slow = || {
        Server::new(|_, stream| {
            read_request(stream);
            std::thread::sleep(Duration::from_millis(400));
            stream.write_all(OK.as_bytes()).unwrap();
        })
    };

    let capped = load(&slow().http(), &["-p", "100/s:300ms", "-c", "7"]);
    let spawned = load(&slow().http(), &["-p", "100/s:300ms", "-c", "7", "-r", "2"]);

    assert_eq!(capped.generator.in_flight_max, 7);
    assert_eq!(capped.total.answered, 30);
    assert!(spawned.generator.waited > capped.generator.waited);
    assert!(spawned.total.latency.mean_ms > capped.total.latency.mean_ms);
}

#[test]
fn an_address_that_is_not_ours_is_refused() {
    for target in ["http://10.0.0.1/", "tcp://8.8.8.8:53", "udp://0.0.0.0:9"] {
        let error = run(&args(target, &[]), &nothing().1).unwrap_err();

        assert!(matches!(error, LoadError::NotOurs(_)), "{error}");
        assert!(error.to_string().contains("--netns"), "{error}");
    }
}

#[test]
fn the_sockets_live_in_the_namespace_that_was_named() {
    let server = Server::saying(OK);
    let (path_to, path) = mpsc::channel();
    let (done, wait) = mpsc::channel::<()>();
    let holder = std::thread::spawn(move || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("root is needed");
        path_to
            .send(format!("/proc/self/task/{}/ns/net", nix::unistd::gettid()))
            .unwrap();
        let _ = wait.recv_timeout(LIMIT);
    });
    let path = path.recv_timeout(LIMIT).unwrap();

    // Loopback is down in a new namespace, and our server is not there.
    let report = load(&server.http(), &["-p", "100/s:30ms", "--netns", &path]);

    drop(done);
    holder.join().unwrap();
    assert_eq!(
        report.failures,
        [("unreachable".to_owned(), 3)].into(),
        "{report}"
    );
    assert_eq!(server.connections(), 0);
}

// S4-114
#[test]
fn datagrams_connections_and_echoes_are_answered_too() {
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    echo.set_read_timeout(Some(LIMIT)).unwrap();
    let udp = echo.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 100];
        let mut ports = std::collections::BTreeSet::new();
        while ports.len() < 10 {
            let (length, from) = echo.recv_from(&mut buffer).unwrap();
            echo.send_to(&buffer[..length], from).unwrap();
            assert!(ports.insert(from.port()), "a port was used twice");
        }
    });
    let banner = Server::new(|_, stream| {
        let mut first = [0; 5];
        stream.read_exact(&mut first).unwrap();
        stream.write_all(&first).unwrap();
    });
    let ten = ["-p", "100/s:100ms"];

    for (target, more) in [
        (format!("udp://{udp}"), &[][..]),
        (format!("tcp://{}", banner.address), &[]),
        (format!("tcp://{}", banner.address), &["-b", "hello"]),
        ("icmp://127.0.0.1".to_owned(), &["--threads", "2"]),
    ] {
        let report = load(&target, &[&ten, more].concat());
        assert_eq!(report.total.answered, 10, "{target}: {report}");
    }
}

#[test]
fn datagrams_to_nobody_are_refused() {
    let closed = closed_port();

    let udp = load(&format!("udp://{closed}"), &["-p", "100/s:30ms"]);

    assert_eq!(udp.failures, [("refused".to_owned(), 3)].into(), "{udp}");
}

#[test]
fn a_stop_ends_the_run_and_still_sums_up() {
    let server = Server::saying(OK);
    let (to, controls) = nothing();
    let began = Instant::now();
    let stopper = std::thread::spawn({
        let connections = Arc::clone(&server.connections);
        move || {
            wait_until(|| connections.load(Ordering::SeqCst) >= 5);
            to.send(Control::Stop).unwrap();
        }
    });

    let report = run(&args(&server.http(), &["-p", "50/s:1h"]), &controls).unwrap();

    stopper.join().unwrap();
    assert!(began.elapsed() < LIMIT);
    assert!(report.is_interrupted);
    assert!(report.total.answered >= 5);
    assert_eq!(report.total.failed + report.total.unfinished, 0, "{report}");
}

#[test]
fn a_second_stop_gives_up_what_is_under_way() {
    let server = Server::new(|_, stream| while read_request(stream) {});
    let (to, controls) = nothing();
    let stopper = std::thread::spawn({
        let connections = Arc::clone(&server.connections);
        move || {
            wait_until(|| connections.load(Ordering::SeqCst) >= 1);
            to.send(Control::Stop).unwrap();
            to.send(Control::Stop).unwrap();
        }
    });

    let report = run(
        &args(&server.http(), &["-p", "1/s:1h", "--timeout", "5m"]),
        &controls,
    )
    .unwrap();

    stopper.join().unwrap();
    assert_eq!(report.total.unfinished, 1, "{report}");
    assert!(report.has_failures());
}

// S3-09
#[test]
fn a_skip_goes_on_to_the_next_segment() {
    let server = Server::saying(OK);
    let (to, controls) = nothing();
    to.send(Control::Skip).unwrap();

    let report = run(
        &args(&server.http(), &["-p", "low=1/s:1h,high=50/s:200ms"]),
        &controls,
    )
    .unwrap();

    assert!(!report.is_interrupted);
    assert_eq!(report.segments[1].counts.answered, 10);
}

// S1-27
#[test]
fn the_csv_has_every_second_with_its_segment_and_the_sums_are_the_summary() {
    let server = Server::saying(OK);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("load.csv");

    let report = load(
        &server.http(),
        &[
            "-p",
            "low=20/s:1s,high=60/s:1200ms",
            "--csv",
            path.to_str().unwrap(),
        ],
    );

    let mut reader = csv::Reader::from_path(&path).unwrap();
    let headers = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column = |name: &str| {
        let index = headers.iter().position(|header| header == name).unwrap();
        rows.iter().map(move |row| row[index].to_owned())
    };
    let sum = |name| {
        column(name)
            .map(|value| value.parse::<u64>().unwrap())
            .sum::<u64>()
    };
    assert_eq!(sum("sent"), report.total.sent);
    assert_eq!(sum("ok"), report.total.answered);
    assert_eq!(report.total.answered, 92);
    let segments: Vec<String> = column("segment").collect();
    assert_eq!(segments[..2], ["low", "high"]);
    let since: Vec<String> = column("t").collect();
    assert_eq!(since[..2], ["0.000", "1.000"]);
}

#[test]
fn a_csv_that_cannot_be_written_is_told_before_anything_is_sent() {
    let server = Server::saying(OK);

    let error = run(
        &args(&server.http(), &["--csv", "/proc/no/such/file"]),
        &nothing().1,
    )
    .unwrap_err();

    assert!(matches!(error, LoadError::File { .. }));
    assert_eq!(server.connections(), 0);
}
