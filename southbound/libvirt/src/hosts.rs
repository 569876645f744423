//! The hosts, and calls to them: each in a thread of its own, since libvirt's calls block for as long as the other end likes.
//!
//! ```text
//!   call ─► one of few places ─► a thread: open where nothing is open ─► the call ─► answer
//!            (none in time: silent)        (no answer in time: silent, and the connection is given up)
//! ```
//!
//! The threads are not the async runtime's: a libvirtd that hangs would keep the service from ending. A thread that hangs keeps its
//! place until keepalive has cut its connection. One that hangs while it opens a connection, which nothing cuts, is left behind with
//! its lane, and the next call has another; of those there are never more than a few, either.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError, Weak};
use std::thread;
use std::time::Duration;

use controller::ports::CloudErrorKind;
use tokio::sync::{OnceCell, Semaphore, oneshot};
use tokio::time::timeout;

use crate::error::Trouble;
use crate::link::Link;
use crate::probe::Trial;
use crate::settings::{HostSettings, Settings};
use crate::{Wake, probe};

/// So many calls to one host at once: libvirtd itself works on no more than a handful for one client.
const CALLS_AT_ONCE: usize = 4;
/// So many lanes at most are left behind at once; a host with more has to answer first, or end.
const LEFT_BEHIND: usize = 8;

/// One host.
#[derive(Debug)]
pub(crate) struct Host {
    /// How its libvirt is reached.
    pub(crate) uri: String,
    /// So many instances of the cloud exist on it at most.
    pub(crate) capacity: u32,
    /// Held while a place on it is claimed, so that two launches do not take the same one.
    pub(crate) claim: tokio::sync::Mutex<()>,
    /// What instances run by here, once it was tried.
    pub(crate) trial: OnceCell<Trial>,
    limit: Duration,
    wake: WakeFn,
    lane: Mutex<Lanes>,
}

/// A connection, and the places for calls over it.
#[derive(Debug)]
struct Lane {
    places: Arc<Semaphore>,
    link: Mutex<Option<Arc<Link>>>,
}

impl Lane {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(CALLS_AT_ONCE)),
            link: Mutex::default(),
        })
    }
}

/// The lane in use, and those in which somebody still hangs.
#[derive(Debug)]
struct Lanes {
    current: Arc<Lane>,
    left: Vec<Weak<Lane>>,
}

/// A `Wake` that can be shown.
#[derive(Clone)]
struct WakeFn(Wake);

impl std::fmt::Debug for WakeFn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wake")
    }
}

impl Host {
    fn new(settings: &HostSettings, limit: Duration, wake: Wake) -> Self {
        Self {
            uri: settings.uri.clone(),
            capacity: settings.capacity,
            claim: tokio::sync::Mutex::new(()),
            trial: OnceCell::new(),
            limit,
            wake: WakeFn(wake),
            lane: Mutex::new(Lanes {
                current: Lane::new(),
                left: Vec::new(),
            }),
        }
    }

    fn lane(&self) -> Arc<Lane> {
        let lanes = self.lane.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&lanes.current)
    }

    /// The next call opens a connection of its own; in another lane, where somebody hangs who opens one in this.
    fn give_up(&self, lane: &Arc<Lane>) {
        if give_up(lane) {
            return;
        }
        let mut lanes = self.lane.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.left.retain(|left| left.strong_count() > 0);
        if Arc::ptr_eq(&lanes.current, lane) && lanes.left.len() < LEFT_BEHIND {
            lanes.left.push(Arc::downgrade(lane));
            lanes.current = Lane::new();
        }
    }

    /// Makes a call and waits for its answer, for as long as one may take. What was asked of a host that did not answer in time may
    /// have happened or happen yet, unless nothing was asked of it: a call that has not begun by then never does.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Link) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let silent = |detail: String| Trouble::silent(&self.uri, detail);
        let lane = self.lane();
        let Ok(Ok(place)) = timeout(self.limit, Arc::clone(&lane.places).acquire_owned()).await
        else {
            self.give_up(&lane);
            return Err(silent(format!(
                "has not answered {CALLS_AT_ONCE} calls so far"
            )));
        };
        let (tell, told) = oneshot::channel();
        let (uri, wake, used) = (self.uri.clone(), self.wake.clone(), Arc::clone(&lane));
        let is_given_up = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_given_up);
        let work = move || {
            let answer = open(&uri, &wake.0, &used.link).and_then(|open| {
                if stop.load(Ordering::Acquire) {
                    return Err(Trouble::silent(&uri, "came too late"));
                }
                let answer = call(&open);
                if answer.as_ref().is_err_and(|trouble| trouble.is_cut) {
                    give_up(&used);
                }
                answer
            });
            drop(place);
            // Nobody may be waiting any more.
            let _ = tell.send(answer);
        };
        let spawned = thread::Builder::new()
            .name("libvirt".to_owned())
            .spawn(work);
        if let Err(cause) = spawned {
            let detail = format!("no thread could be started: {cause}");
            return Err(Trouble::new(CloudErrorKind::Throttled, detail));
        }
        match timeout(self.limit, told).await {
            Ok(Ok(answer)) => answer.map_err(|trouble| trouble.on(&self.uri)),
            Ok(Err(_)) => Err(silent(
                "was asked by a call that broke off, a bug".to_owned(),
            )),
            Err(_) => {
                is_given_up.store(true, Ordering::Release);
                self.give_up(&lane);
                Err(silent(format!("has not answered within {:?}", self.limit)))
            }
        }
    }

    /// What instances run by here: tried once.
    pub(crate) async fn trial(&self, settings: &Settings) -> Result<&Trial, Trouble> {
        let (hypervisor, pool) = (settings.hypervisor, settings.pool.clone());
        self.trial
            .get_or_try_init(|| self.call(move |link| probe::trial(link, hypervisor, &pool)))
            .await
    }
}

/// The open connection, or a new one. While one is being opened, others wait for it.
fn open(uri: &str, wake: &Wake, link: &Mutex<Option<Arc<Link>>>) -> Result<Arc<Link>, Trouble> {
    let mut link = link.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(open) = link.as_ref().filter(|open| open.is_alive()) {
        return Ok(Arc::clone(open));
    }
    *link = None;
    let opened = Arc::new(Link::open(uri, wake)?);
    *link = Some(Arc::clone(&opened));
    Ok(opened)
}

/// Lets the next call in this lane open a connection of its own; false where one is being opened at this moment.
fn give_up(lane: &Lane) -> bool {
    let mut link = match lane.link.try_lock() {
        Ok(link) => link,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return false,
    };
    *link = None;
    true
}

/// All hosts of a cloud, in order of preference.
#[derive(Debug, Clone)]
pub(crate) struct Hosts(Arc<[Host]>);

impl Hosts {
    pub(crate) fn new(settings: &Settings, wake: &Wake) -> Self {
        let hosts = settings.hosts.iter();
        let hosts = hosts.map(|host| Host::new(host, settings.call_limit, Arc::clone(wake)));
        Self(hosts.collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Host> {
        self.0.iter()
    }

    /// By its place in the order.
    pub(crate) fn at(&self, index: usize) -> &Host {
        &self.0[index]
    }

    /// Asks every host the same, all at once; each answers for itself, in order.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        call: impl Fn(&Link) -> Result<T, Trouble> + Clone + Send + 'static,
    ) -> Vec<Result<T, Trouble>> {
        let asked = self.iter().map(|host| host.call(call.clone()));
        futures_util::future::join_all(asked).await
    }

    /// Asks every host the same; all answer, or none does: a list that lacks a host's part is not a list.
    pub(crate) async fn ask_all<T: Send + 'static>(
        &self,
        call: impl Fn(&Link) -> Result<T, Trouble> + Clone + Send + 'static,
    ) -> Result<Vec<T>, Trouble> {
        self.ask(call).await.into_iter().collect()
    }
}
