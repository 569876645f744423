//! Clients of every tenant, all the while: each request on a connection of its own, none sent twice.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

const EVERY: Duration = Duration::from_millis(100);
/// A request that is not answered within this has failed.
const LIMIT: Duration = Duration::from_secs(10);

/// The clients, until it is ended.
pub(crate) struct Traffic {
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    failed: Arc<Mutex<Vec<String>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// One client for each address, in this network namespace.
    pub(crate) fn start(netns: &Path, addresses: &[Ipv4Addr]) -> Self {
        let mut traffic = Self {
            is_over: Arc::default(),
            answered: Arc::default(),
            failed: Arc::default(),
            threads: Vec::new(),
        };
        for address in addresses {
            let (netns, to) = (File::open(netns).unwrap(), SocketAddr::from((*address, 80)));
            let is_over = Arc::clone(&traffic.is_over);
            let (answered, failed) = (Arc::clone(&traffic.answered), Arc::clone(&traffic.failed));
            traffic.threads.push(std::thread::spawn(move || {
                setns(netns, CloneFlags::CLONE_NEWNET).unwrap();
                while !is_over.load(Ordering::Acquire) {
                    match ask(to) {
                        Ok(()) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        Err(why) => failed.lock().unwrap().push(format!("{to}: {why}")),
                    }
                    std::thread::sleep(EVERY);
                }
            }));
        }
        traffic
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// How many were answered, and why others were not.
    pub(crate) fn end(mut self) -> (u64, Vec<String>) {
        self.stop();
        (self.answered(), self.failed.lock().unwrap().clone())
    }

    fn stop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop();
    }
}

fn ask(to: SocketAddr) -> Result<(), String> {
    let asked = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&to, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    match asked() {
        Ok(text) if text.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(text) => Err(text.lines().next().unwrap_or("nothing").to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
