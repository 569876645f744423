//! The threads of a run.
//!
//! ```text
//!  pacer ── one slot at its moment ──► sender 1..n: waits for a free client, starts a request, counts what becomes of it
//!    ▲                                      │
//!    └── skip, stop ── reporter ◄── counts ─┘
//! ```
//!
//! The pacer is a thread of its own, since it needs the kernel's timers: an async runtime wakes up to a millisecond late. Nothing that a
//! request does can delay it but the end of a bounded queue, and the wait in that queue counts in the latency.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::netns::Namespace;
use super::schedule::{Schedule, Slot};
use super::sender::{Request, Sender};
use super::stats::Stats;

/// Slots that wait for their thread: a second's worth of what one thread can do.
const LANE: usize = 8192;

/// What all threads of a run share.
#[derive(Debug)]
pub(super) struct Engine {
    start: Instant,
    pace: Mutex<Pace>,
    paced: Condvar,
    pub(super) clients: Arc<Semaphore>,
    stats: Mutex<Stats>,
    order: watch::Sender<Order>,
    request: Request,
    namespace: Option<Namespace>,
}

#[derive(Debug)]
struct Pace {
    schedule: Schedule,
    /// Counts the skips: a slot that was given out before one is void.
    version: u64,
    is_stopped: bool,
}

/// How a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// As the profile says.
    Run,
    /// Start nothing more, wait for what is under way.
    Finish,
    /// Give up what is under way.
    Abort,
}

impl Engine {
    pub(super) fn new(
        schedule: Schedule,
        request: Request,
        namespace: Option<Namespace>,
    ) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            stats: Mutex::new(Stats::new(schedule.stretches().len())),
            pace: Mutex::new(Pace {
                schedule,
                version: 0,
                is_stopped: false,
            }),
            paced: Condvar::new(),
            clients: Arc::new(Semaphore::new(0)),
            order: watch::Sender::new(Order::Run),
            request,
            namespace,
        })
    }

    /// Starts the threads. `ended` is called by each sending thread when it is done.
    pub(super) fn spawn(
        self: &Arc<Self>,
        threads: u16,
        ended: impl Fn(io::Result<()>) + Send + Sync + 'static,
    ) -> io::Result<Vec<JoinHandle<()>>> {
        let ended = Arc::new(ended);
        let mut lanes = Vec::new();
        let mut handles = Vec::new();
        for number in 0..threads {
            let (lane, slots) = mpsc::channel(LANE);
            lanes.push(lane);
            let (engine, ended) = (Arc::clone(self), Arc::clone(&ended));
            let thread = std::thread::Builder::new().name(format!("load-{number}"));
            handles.push(thread.spawn(move || ended(engine.send_all(slots)))?);
        }
        let engine = Arc::clone(self);
        let thread = std::thread::Builder::new().name("load-pacer".to_owned());
        handles.push(thread.spawn(move || engine.pace_all(&lanes))?);
        Ok(handles)
    }

    /// How far the run is.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the schedule.
    pub(super) fn schedule<T>(&self, look: impl FnOnce(&Schedule) -> T) -> T {
        look(&self.pace().schedule)
    }

    /// Goes on to the next segment now.
    pub(super) fn skip(&self) {
        let elapsed = self.elapsed();
        let mut pace = self.pace();
        pace.schedule.skip(elapsed);
        pace.version += 1;
        self.paced.notify_all();
    }

    /// Ends the run early: the first call starts nothing more, the second waits for nothing either.
    pub(super) fn stop(&self) {
        self.pace().is_stopped = true;
        self.paced.notify_all();
        self.order.send_modify(|order| {
            *order = match *order {
                Order::Run => Order::Finish,
                Order::Finish | Order::Abort => Order::Abort,
            }
        });
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands every slot out at its moment, to the threads in turn. Returns when the profile is over, not when its last slot is.
    fn pace_all(&self, lanes: &[mpsc::Sender<Slot>]) {
        let mut lanes = lanes.iter().cycle();
        loop {
            let mut pace = self.pace();
            let slot = pace.schedule.next();
            let at = slot.map_or_else(|| pace.schedule.ends(), |slot| slot.at);
            match self.wait_until(pace, at) {
                Wait::Over => {}
                Wait::Void => continue,
                Wait::Stopped => return,
            }
            let Some(slot) = slot else {
                return;
            };
            let lane = lanes.next().expect("there is at least one sending thread");
            // Closed where its thread was stopped or has failed.
            if lane.blocking_send(slot).is_err() {
                return;
            }
        }
    }

    fn wait_until(&self, mut pace: MutexGuard<'_, Pace>, at: Duration) -> Wait {
        let version = pace.version;
        loop {
            if pace.is_stopped {
                return Wait::Stopped;
            }
            if pace.version != version {
                return Wait::Void;
            }
            let left = at.saturating_sub(self.elapsed());
            if left.is_zero() {
                return Wait::Over;
            }
            (pace, _) = self
                .paced
                .wait_timeout(pace, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// One sending thread, from its first socket to its last answer.
    fn send_all(self: &Arc<Self>, slots: mpsc::Receiver<Slot>) -> io::Result<()> {
        if let Some(namespace) = &self.namespace {
            namespace.enter()?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let sender = Arc::new(Sender::new(&self.request)?);
            self.drive(&sender, slots).await;
            Ok(())
        })
    }

    async fn drive(self: &Arc<Self>, sender: &Arc<Sender>, mut slots: mpsc::Receiver<Slot>) {
        let mut order = self.order.subscribe();
        let mut requests = JoinSet::new();
        loop {
            let slot = tokio::select! {
                biased;
                () = at_least(&mut order, Order::Finish) => break,
                slot = slots.recv() => slot,
            };
            let Some(slot) = slot else { break };
            self.stats().due(slot.stretch);
            let client = tokio::select! {
                biased;
                () = at_least(&mut order, Order::Finish) => break,
                client = self.client_for(slot) => client,
            };
            match client {
                Some(client) => {
                    let (engine, sender) = (Arc::clone(self), Arc::clone(sender));
                    requests.spawn(async move { engine.send_one(&sender, slot, client).await });
                }
                None => self.stats().never_start(slot.stretch),
            }
            while requests.try_join_next().is_some() {}
        }
        // Let the pacer see that nobody takes its slots any more.
        drop(slots);
        tokio::select! {
            () = at_least(&mut order, Order::Abort) => {}
            () = async { while requests.join_next().await.is_some() {} } => {}
        }
    }

    /// A free client; `None` where there is none in time.
    async fn client_for(&self, slot: Slot) -> Option<OwnedSemaphorePermit> {
        if let Ok(client) = Arc::clone(&self.clients).try_acquire_owned() {
            return Some(client);
        }
        self.stats().waited += 1;
        let deadline = self.start + slot.at + self.request.timeout;
        timeout_at(deadline.into(), Arc::clone(&self.clients).acquire_owned())
            .await
            .ok()?
            .ok()
    }

    async fn send_one(&self, sender: &Sender, slot: Slot, client: OwnedSemaphorePermit) {
        let due = self.start + slot.at;
        self.stats().start(slot.stretch, due.elapsed());
        let outcome = sender.send().await;
        let now = self.elapsed();
        self.stats()
            .finish(slot.stretch, &outcome, now.saturating_sub(slot.at), now);
        drop(client);
    }
}

/// How a wait for a slot ended.
enum Wait {
    Over,
    Void,
    Stopped,
}

/// Returns once the order is that or more.
async fn at_least(order: &mut watch::Receiver<Order>, wanted: Order) {
    // An error means that the engine is gone, which holds its sender itself.
    drop(order.wait_for(|order| *order >= wanted).await);
}
