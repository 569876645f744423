//! A steady trickle of requests through the public address, from inside the edge: whoever cuts a connection is seen at once.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};

/// How a client asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// From the answer to one request to the next.
    pub(crate) pace: Duration,
    /// A request that takes longer is lost.
    pub(crate) limit: Duration,
}

/// One request, on a connection of its own, never sent again.
#[derive(Debug, Clone)]
struct Asked {
    at: Instant,
    ended: Instant,
    lost: Option<String>,
}

/// What became of the requests of a while.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flow {
    pub(crate) sent: usize,
    /// Why, for each that was lost.
    pub(crate) lost: Vec<String>,
    /// The longest time without an answer.
    pub(crate) hole: Duration,
}

/// One client that asks again and again.
pub(crate) struct Trickle {
    asked: Arc<Mutex<Vec<Asked>>>,
    is_on: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Trickle {
    /// Asks nobody yet.
    pub(crate) fn new(netns: &Path, to: Ipv4Addr, manner: Manner) -> Self {
        let Manner { pace, limit } = manner;
        let (asked, is_on, is_over) =
            <(Arc<Mutex<Vec<Asked>>>, Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let netns = File::open(netns).unwrap();
        let (log, on, over) = (asked.clone(), is_on.clone(), is_over.clone());
        let thread = std::thread::spawn(move || {
            setns(netns, CloneFlags::CLONE_NEWNET).unwrap();
            while !over.load(Ordering::SeqCst) {
                if on.load(Ordering::SeqCst) {
                    let at = Instant::now();
                    let lost = ask(to, limit).err().map(|why| format!("{to}: {why}"));
                    let ended = Instant::now();
                    log.lock().unwrap().push(Asked { at, ended, lost });
                }
                std::thread::sleep(pace);
            }
        });
        Self {
            asked,
            is_on,
            is_over,
            thread: Some(thread),
        }
    }

    /// Asks from now on, or no more.
    pub(crate) fn set(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::SeqCst);
    }

    /// What became of the requests since then, the one under way included.
    pub(crate) fn since(&self, moment: Instant) -> Flow {
        let mut flow = Flow::default();
        let mut answered = moment;
        let asked = self.asked.lock().unwrap().clone();
        for one in asked.iter().filter(|one| one.at >= moment) {
            flow.sent += 1;
            if let Some(why) = &one.lost {
                flow.lost.push(why.clone());
            } else {
                flow.hole = flow.hole.max(one.ended - answered);
                answered = one.ended;
            }
        }
        flow.hole = flow.hole.max(answered.elapsed());
        flow
    }
}

impl Drop for Trickle {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn ask(to: Ipv4Addr, limit: Duration) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((to, 80)), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(b"GET /whoami HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    if text.starts_with("HTTP/1.1 200") {
        Ok(())
    } else {
        Err(io::Error::other(format!("answered {text:?}")))
    }
}
