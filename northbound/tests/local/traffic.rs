//! Requests from inside a network namespace: one, one that takes its time, and many.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::Parser;
use nix::sched::{CloneFlags, setns};
use northbound::load::{Control, LoadArgs, Report};
use serde::Deserialize;

use crate::host::{LIMIT, wait};

/// A wall is one if nothing comes through it for so long.
const WALL: Duration = Duration::from_millis(1_500);

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Which instance says that it was it.
    pub(crate) instance: String,
    pub(crate) body: String,
}

pub(crate) fn get(path: &str) -> String {
    request("GET", path, "")
}

pub(crate) fn put(path: &str, body: &str) -> String {
    request("PUT", path, body)
}

fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Asks once, from inside a namespace.
pub(crate) fn ask(netns: &Path, to: (Ipv4Addr, u16), request: &str) -> io::Result<Answer> {
    Asked::send(netns, to, request, LIMIT).answer()
}

/// Whether a connection can be had at all.
pub(crate) fn reaches(netns: &Path, to: (Ipv4Addr, u16)) -> bool {
    Asked::send(netns, to, &get("/health"), WALL)
        .answer()
        .is_ok()
}

/// A request whose answer is awaited.
pub(crate) struct Asked(JoinHandle<io::Result<Answer>>);

impl Asked {
    /// Returns once it is sent, or could not be.
    pub(crate) fn send(netns: &Path, to: (Ipv4Addr, u16), request: &str, limit: Duration) -> Self {
        let (netns, request) = (File::open(netns).unwrap(), request.to_owned());
        let (told, sent) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            // However it ends, the other side of the channel is told.
            let told = told;
            setns(netns, CloneFlags::CLONE_NEWNET)?;
            let mut stream = TcpStream::connect_timeout(&SocketAddr::from(to), limit)?;
            stream.set_read_timeout(Some(limit))?;
            stream.write_all(request.as_bytes())?;
            drop(told);
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            parse(&text)
        });
        // Nothing is ever sent over it: it ends.
        let _: Result<(), _> = Receiver::<()>::recv(&sent);
        Self(thread)
    }

    pub(crate) fn answer(self) -> io::Result<Answer> {
        self.0.join().unwrap()
    }
}

fn parse(text: &str) -> io::Result<Answer> {
    let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, text.to_owned());
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let instance = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("x-asaas-instance")
            .then_some(value)
    });
    Ok(Answer {
        status: status.ok_or_else(broken)?,
        instance: instance.unwrap_or_default().to_owned(),
        body: body.to_owned(),
    })
}

/// Requests at a steady rate, each on a connection of its own, none sent twice: whatever breaks one is seen.
pub(crate) struct Load {
    controls: Sender<Control>,
    thread: Option<JoinHandle<Report>>,
    csv: PathBuf,
}

/// What is read of a row.
#[derive(Debug, Deserialize)]
struct Second {
    ok: u64,
}

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    load: LoadArgs,
}

impl Load {
    pub(crate) fn start(netns: &Path, url: &str, profile: &str, csv: &Path) -> Self {
        let (netns, file) = (netns.to_str().unwrap(), csv.to_str().unwrap());
        let words = ["load", url, "--quiet", "--timeout", "30s", "--profile"];
        let more = [profile, "--netns", netns, "--csv", file];
        let args = Cli::parse_from(words.iter().chain(&more)).load;
        let (controls, wishes) = mpsc::channel();
        let thread = std::thread::spawn(move || northbound::load::run(&args, &wishes).unwrap());
        let load = Self {
            controls,
            thread: Some(thread),
            csv: csv.to_owned(),
        };
        load.flows_on();
        load
    }

    /// Waits until requests are answered that were sent from now on.
    #[track_caller]
    pub(crate) fn flows_on(&self) {
        // The second that is being counted now has begun before.
        let now = self.seconds();
        wait(
            || self.seconds() > now + 1 || now == 0 && self.seconds() > 0,
            || "requests are answered".to_owned(),
        );
    }

    /// In how many whole seconds requests were answered.
    fn seconds(&self) -> usize {
        let text = fs::read_to_string(&self.csv).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let rows: Vec<Second> = csv::Reader::from_reader(whole.as_bytes())
            .deserialize()
            .map(Result::unwrap)
            .collect();
        rows.iter().filter(|row| row.ok > 0).count()
    }

    /// Goes on to the next part of the profile.
    pub(crate) fn next(&self) {
        self.controls.send(Control::Skip).unwrap();
    }

    /// Ends it; every request that was sent has its answer, or has failed.
    pub(crate) fn end(mut self) -> Report {
        self.controls.send(Control::Stop).unwrap();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            for _ in 0..2 {
                let _ = self.controls.send(Control::Stop);
            }
            let _ = thread.join();
        }
    }
}
