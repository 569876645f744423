//! Clients that never rest.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use crate::traffic::{LIMIT, inside, open};

/// Connects over and over in a thread of its own until told to stop, and counts what became of it.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    broken: Arc<AtomicUsize>,
    thread: Option<JoinHandle<Tally>>,
}

/// What became of a load's connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) answered: BTreeMap<String, usize>,
    pub(crate) broken: usize,
    pub(crate) first_error: Option<String>,
}

impl Load {
    /// Each connection exchanges some bytes, so it lives for a moment.
    pub(crate) fn start(namespace: PathBuf, to: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let broken = Arc::new(AtomicUsize::new(0));
        let thread = std::thread::spawn({
            let (stop, broken) = (Arc::clone(&stop), Arc::clone(&broken));
            move || inside(&namespace, || Self::run(to, &stop, &broken))
        });
        Self {
            stop,
            broken,
            thread: Some(thread),
        }
    }

    fn run(to: SocketAddr, stop: &AtomicBool, broken: &AtomicUsize) -> Tally {
        let mut tally = Tally::default();
        while !stop.load(Ordering::SeqCst) {
            let exchanged = open(to, LIMIT).and_then(|mut connection| {
                for _ in 0..3 {
                    connection.exchange(100)?;
                }
                Ok(connection.answer.name)
            });
            match exchanged {
                Ok(name) => *tally.answered.entry(name).or_default() += 1,
                Err(error) => {
                    tally.broken += 1;
                    broken.store(tally.broken, Ordering::SeqCst);
                    tally.first_error.get_or_insert(error.to_string());
                }
            }
        }
        tally
    }

    /// How many connections were broken so far.
    pub(crate) fn broken(&self) -> usize {
        self.broken.load(Ordering::SeqCst)
    }

    /// Ends it and tells.
    pub(crate) fn stop(mut self) -> Tally {
        self.stop.store(true, Ordering::SeqCst);
        let thread = self.thread.take().expect("it is stopped once");
        thread.join().expect("the load does not panic")
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}
