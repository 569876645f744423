//! A real Prometheus, which scrapes a small source that the test is.

#[path = "exec.rs"]
mod exec;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use controller::load::Metric;

use self::exec::Prometheus;
use crate::service::{serve, stays_through_silence, until_alarm, until_desired};

/// Serves one gauge, `jobs`.
struct Source {
    port: u16,
    jobs: Arc<AtomicU32>,
    is_over: Arc<AtomicBool>,
}

impl Source {
    fn new(jobs: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let source = Self {
            port: listener.local_addr().unwrap().port(),
            jobs: Arc::new(AtomicU32::new(jobs)),
            is_over: Arc::default(),
        };
        let (jobs, is_over) = (Arc::clone(&source.jobs), Arc::clone(&source.is_over));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let answered =
                    stream.and_then(|stream| answer(stream, jobs.load(Ordering::SeqCst)));
                drop(answered);
            }
        });
        source
    }

    /// Its port is closed from now on.
    fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn answer(mut stream: TcpStream, jobs: u32) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    // A scrape is one small request.
    let _ = stream.read(&mut [0; 4096])?;
    let body = format!("# TYPE jobs gauge\njobs {jobs}\n");
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn jobs() -> Metric {
    Metric::Prometheus("sum(jobs)".to_owned())
}

fn configuration(prometheus: &Prometheus) -> String {
    format!("prometheus: {{ url: \"{}\" }}\n", prometheus.url())
}

// C-20
#[test]
fn the_number_follows_a_query_and_stays_when_its_source_or_prometheus_is_gone() {
    let source = Source::new(35);
    let Some(mut prometheus) = Prometheus::start(source.port) else {
        return;
    };
    let place = serve(&jobs(), &configuration(&prometheus));

    until_desired(&place, 4);
    source.jobs.store(55, Ordering::SeqCst);
    until_desired(&place, 6);
    source.end();
    until_alarm(&place, "the query `sum(jobs)`: it finds nothing");
    stays_through_silence(&place, 6);
    prometheus.kill();
    until_alarm(&place, "cannot be asked");
    stays_through_silence(&place, 6);

    let source = Source::new(5);
    prometheus.start_again(source.port);
    until_desired(&place, 2);
}

#[test]
fn a_query_that_gives_no_number_is_told_with_what_to_do() {
    let source = Source::new(35);
    let Some(prometheus) = Prometheus::start(source.port) else {
        return;
    };
    let cases = [
        (
            "{__name__=~\"up|jobs\"}",
            "it finds 2 series, and one is needed",
        ),
        ("jobs[1m]", "it gives a matrix, not a number"),
        ("jobs / 0", "it gives +Inf"),
        ("0 / 0", "it gives NaN"),
        ("sum(", "it is refused: invalid parameter \"query\""),
    ];
    for (query, said) in cases {
        let place = serve(
            &Metric::Prometheus(query.to_owned()),
            &configuration(&prometheus),
        );
        until_alarm(&place, said);
        until_desired(&place, 2);
    }
}

#[test]
fn without_a_prometheus_the_operator_is_told_where_to_name_one() {
    let place = serve(&jobs(), "");

    until_alarm(
        &place,
        "the operator names one as `prometheus` in asaas.yml",
    );
    until_desired(&place, 2);
}

#[test]
fn one_that_accepts_and_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let more = format!("prometheus: {{ url: \"http://127.0.0.1:{port}\", timeout: 200ms }}\n");

    let place = serve(&jobs(), &more);

    until_alarm(&place, "does not answer within 200ms");
    until_desired(&place, 2);
}
