//! The object store's contract, over real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test; clippy knows only of functions that are tests themselves"
)]

#[path = "contract/exec.rs"]
mod exec;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use exec::DemoApp;

const LIMIT: Duration = Duration::from_secs(20);

/// A directory that is gone when this is dropped.
struct Shared(PathBuf);

impl Shared {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("demo-app-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A connection to one demo app.
struct Client {
    reader: BufReader<TcpStream>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: String,
    body: String,
}

impl Client {
    fn of(app: &DemoApp) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", app.port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Self {
            reader: BufReader::new(stream),
        }
    }

    fn ask(&mut self, request: &str, body: &str) -> Answer {
        let length = body.len();
        let text =
            format!("{request} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Answer {
        let mut first = String::new();
        self.reader.read_line(&mut first).unwrap();
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = String::new();
        while !headers.ends_with("\r\n\r\n") && headers != "\r\n" {
            assert!(
                self.reader.read_line(&mut headers).unwrap() > 0,
                "{headers}"
            );
        }
        let length = headers
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.reader.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        Answer {
            status,
            headers,
            body,
        }
    }
}

/// One request on a connection of its own.
fn ask(app: &DemoApp, request: &str, body: &str) -> Answer {
    Client::of(app).ask(request, body)
}

#[test]
fn objects_are_created_read_replaced_listed_and_deleted() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[]);
    let status = |request: &str, body: &str| ask(&app, request, body).status;

    assert_eq!(ask(&app, "GET /", "").body, "[]\n"); // S0-07
    assert_eq!(status("PUT /objs/b", "one"), 201); // S0-10
    assert_eq!(status("PUT /objs/b", "two"), 204); // S0-10, S0-06: still one object
    assert_eq!(status("PUT /objs/a", ""), 201);
    assert_eq!(ask(&app, "GET /", "").body, "[\"a\",\"b\"]\n"); // S0-07
    assert_eq!(ask(&app, "GET /objs/b", "").body, "two"); // S0-09
    assert_eq!(status("GET /objs/none", ""), 404); // S0-09
    assert_eq!(status("DELETE /objs/b", ""), 204); // S0-11
    assert_eq!(status("DELETE /objs/b", ""), 404); // S0-11
    assert_eq!(status("DELETE /", ""), 204); // S0-08
    assert_eq!(ask(&app, "GET /", "").body, "[]\n");
}

#[test]
fn what_one_process_stores_another_finds() {
    let shared = Shared::new();
    let (first, second) = (
        DemoApp::start(&shared.0, &[]),
        DemoApp::start(&shared.0, &[]),
    );

    ask(&first, "PUT /objs/x", "shared");

    assert_eq!(ask(&second, "GET /objs/x", "").body, "shared"); // S0-06: one global pool
}

#[test]
fn an_id_that_leaves_the_directory_is_refused() {
    let shared = Shared::new();
    fs::write(shared.0.join("secret"), "s").unwrap();
    let app = DemoApp::start(&shared.0, &[]);

    for id in ["../secret", "..", ".hidden", "a/b", "%2e%2e%2fsecret", ""] {
        let answer = ask(&app, &format!("GET /objs/{id}"), "");
        assert_eq!(answer.status, 400, "{id}: {answer:?}");
    }
}

#[test]
fn a_reader_never_sees_half_an_object() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[]);
    let objects = ["a".repeat(300_000), "b".repeat(300_000)];
    ask(&app, "PUT /objs/x", &objects[0]);

    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = Client::of(&app);
            for number in 0..60 {
                client.ask("PUT /objs/x", &objects[number % 2]);
            }
        });
        let mut client = Client::of(&app);
        for _ in 0..60 {
            let seen = client.ask("GET /objs/x", "").body;
            assert!(objects.contains(&seen), "{} bytes", seen.len());
        }
    });
}

#[test]
fn a_rate_above_the_limit_is_answered_with_429_but_health_is_not() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[("RATE_LIMIT", "5")]);
    let mut client = Client::of(&app);

    let answers: Vec<Answer> = (0..40).map(|_| client.ask("GET /", "")).collect();
    let refused: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.status == 429)
        .collect();

    assert!(refused.len() >= 20, "{} of 40", refused.len()); // S0-04
    assert!(
        refused[0].headers.contains("Retry-After: 1\r\n"),
        "{refused:?}"
    );
    assert_eq!(client.ask("GET /health", "").status, 200);
}

#[test]
fn health_is_what_the_store_can_do() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[]);

    assert_eq!(ask(&app, "GET /health", "").status, 200); // S2-07
    assert_eq!(ask(&app, "GET /", "").body, "[]\n"); // it leaves nothing
    fs::remove_dir_all(shared.0.join("objs")).unwrap();
    let unwell = ask(&app, "GET /health", "");

    assert_eq!(unwell.status, 500); // S2-07
    assert!(unwell.body.starts_with("insert: "), "{unwell:?}");
}

#[test]
fn a_crash_disables_it_for_good() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[]);

    assert_eq!(ask(&app, "GET /crash", "").status, 200); // S2-08

    for _ in 0..3 {
        assert_eq!(ask(&app, "GET /health", "").status, 500);
        assert_eq!(ask(&app, "GET /", "").status, 500);
    }
}

#[test]
fn a_crash_can_leave_it_serving() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[]);

    ask(&app, "GET /crash?serve=1", "");

    assert_eq!(ask(&app, "GET /health", "").status, 500);
    assert_eq!(ask(&app, "GET /", "").status, 200);
}

#[test]
fn exit_ends_the_process_after_the_answer() {
    let shared = Shared::new();
    let mut app = DemoApp::start(&shared.0, &[]);

    assert_eq!(ask(&app, "GET /exit", "").status, 200); // S2-08

    assert_eq!(app.wait().code(), Some(1));
}

#[test]
fn whoami_tells_who_answers_and_who_asks() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[]);
    let mut client = Client::of(&app);

    client.ask("GET /", "");
    client.ask("GET /health", "");
    let answer = client.ask("GET /whoami", "");

    assert!(answer.headers.contains("X-Asaas-Instance: i-test\r\n"));
    let told = answer.body;
    let port = client.reader.get_ref().local_addr().unwrap().port();
    assert!(told.contains(r#""instance":"i-test""#), "{told}");
    assert!(told.contains(r#""address":"19.0.0.2""#), "{told}");
    assert!(told.contains(r#""requests":2,"#), "{told}");
    assert!(
        told.contains(&format!(r#""client":"127.0.0.1","client_port":{port}"#)),
        "{told}"
    );
}

#[test]
fn slow_answers_after_the_time_that_was_asked_for() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[]);
    let before = Instant::now();

    assert_eq!(ask(&app, "GET /slow?ms=120", "").status, 200);

    assert!(before.elapsed() >= Duration::from_millis(120));
    assert_eq!(ask(&app, "GET /slow", "").status, 400);
    assert_eq!(ask(&app, "GET /burn?ms=99999999", "").status, 400);
    assert_eq!(ask(&app, "GET /burn?ms=2", "").status, 200);
}

#[test]
fn a_connection_carries_many_requests_and_an_odd_one_closes_it() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[]);
    let mut client = Client::of(&app);

    for number in 0..50 {
        let path = format!("PUT /objs/o{number}");
        assert_eq!(client.ask(&path, "x").status, 201);
    }
    let stream = client.reader.get_mut();
    stream
        .write_all(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    let refused = client.answer();

    assert_eq!(refused.status, 501);
    assert!(refused.headers.contains("Connection: close"));
    assert_eq!(client.reader.read(&mut [0]).unwrap(), 0);
}

#[test]
fn connections_beyond_the_limit_wait_and_are_served() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[("CONNECTIONS", "4")]);

    thread::scope(|scope| {
        let all: Vec<_> = (0..24)
            .map(|_| scope.spawn(|| ask(&app, "GET /slow?ms=5", "").status))
            .collect();
        for answer in all {
            assert_eq!(answer.join().unwrap(), 200);
        }
    });
}

#[test]
fn a_large_object_is_refused() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[]);
    let mut client = Client::of(&app);

    let head = "PUT /objs/x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 99000000\r\n\r\n";
    client.reader.get_mut().write_all(head.as_bytes()).unwrap();

    assert_eq!(client.answer().status, 413);
}

#[test]
fn a_datagram_comes_back_as_it_was() {
    let shared = Shared::new();
    let app = DemoApp::start(&shared.0, &[]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.connect(("127.0.0.1", app.port)).unwrap();
    let mut buffer = [0; 1_000];
    let mut ask = |datagram: &[u8]| {
        socket.send(datagram).unwrap();
        let length = socket.recv(&mut buffer).unwrap();
        buffer[..length].to_vec()
    };

    assert_eq!(ask(b"hello\0\xff"), b"hello\0\xff");
    assert!(
        String::from_utf8(ask(b"whoami"))
            .unwrap()
            .contains("i-test")
    );
}
