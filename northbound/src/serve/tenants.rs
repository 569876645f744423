//! One loop per tenant. A loop that fails is started again, and the others never notice (I19).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use controller::crashpoint;
use controller::drive::{self, Ended, Wake};
use controller::id::{Generation, TenantName};
use controller::pace::Pace;
use controller::ports::{Store, StoreError};
use controller::status::Status;
use tokio::sync::{Notify, watch};

use super::loops::Loops;
use crate::node::Duty;
use crate::store::Registrar;
use crate::wire::Wired;

/// A loop that failed is started again after this long, then twice as long …
const FIRST_RESTART: Duration = Duration::from_secs(1);
/// … up to this.
const LONGEST_RESTART: Duration = Duration::from_mins(1);
/// At the service's start, loops begin one after the other within this long for each, in no particular order: a thousand
/// within two seconds. They stay as far apart afterwards …
const START_SPREAD: Duration = Duration::from_millis(2);
/// … and however many there are, all of them have begun within this, which is no longer than it is from tick to tick.
const LONGEST_START: Duration = Duration::from_secs(10);

/// What a tenant looks like from outside.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// After its last tick; `None` before the first.
    pub(super) status: Option<Status>,
    /// Why its loop does not run now.
    pub(super) trouble: Option<String>,
}

/// All loops.
pub(super) struct Tenants {
    wired: Wired,
    pace: Pace,
    loops: Loops,
    running: Mutex<BTreeMap<TenantName, Running>>,
    /// Held while it is decided whether a tenant's loop has to be, so that one that ends and one that begins do not miss each
    /// other.
    turn: tokio::sync::Mutex<()>,
    is_stopping: watch::Sender<bool>,
}

/// What a tenant's loop is told and tells.
struct Life {
    tenant: TenantName,
    view: watch::Sender<View>,
    nudge: Arc<Notify>,
    stop: watch::Receiver<bool>,
}

struct Running {
    /// Closed when the loop has ended for good.
    view: watch::Receiver<View>,
    /// Ends the wait for a restart.
    nudge: Arc<Notify>,
    stop: watch::Sender<bool>,
}

impl Running {
    async fn ended(mut self) {
        while self.view.changed().await.is_ok() {}
    }
}

impl Tenants {
    pub(super) fn new(wired: Wired, pace: Pace, loops: Loops) -> Self {
        Self {
            wired,
            pace,
            loops,
            running: Mutex::new(BTreeMap::new()),
            turn: tokio::sync::Mutex::new(()),
            is_stopping: watch::Sender::new(false),
        }
    }

    pub(super) fn wired(&self) -> &Wired {
        &self.wired
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<TenantName, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the loop of every tenant in the store, not all at the same moment.
    pub(super) async fn start_all(self: &Arc<Self>) -> Result<(), StoreError> {
        let tenants = self.wired.store.tenants().await?;
        let others = u32::try_from(tenants.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let tick = self.pace.tick.unsigned_abs();
        let spread = START_SPREAD
            .saturating_mul(others)
            .min(LONGEST_START)
            .min(tick);
        for row in tenants {
            self.start(&row.tenant, spread.mul_f64(fastrand::f64()))
                .await;
        }
        Ok(())
    }

    /// Makes the tenant's next tick happen now; starts its loop if it has none. Nothing for a tenant that another node looks
    /// after, or whose node is not known yet.
    pub(super) async fn wake(self: &Arc<Self>, tenant: &TenantName) {
        let place = self.wired.place.as_ref();
        if place.is_some_and(|place| !place.is_ours(tenant)) {
            return;
        }
        self.start(tenant, Duration::ZERO).await;
        if let Some(running) = self.running().get(tenant) {
            running.nudge.notify_one();
        }
        self.wired.wakes.ring(tenant);
    }

    async fn start(self: &Arc<Self>, tenant: &TenantName, delay: Duration) {
        let _turn = self.turn.lock().await;
        if *self.is_stopping.borrow() || self.running().contains_key(tenant) {
            return;
        }
        let (sender, view) = watch::channel(View::default());
        let (nudge, stop) = (Arc::new(Notify::new()), watch::Sender::new(false));
        let life = Life {
            tenant: tenant.clone(),
            view: sender,
            nudge: Arc::clone(&nudge),
            stop: stop.subscribe(),
        };
        tokio::spawn(Arc::clone(self).supervise(life, delay));
        let running = Running { view, nudge, stop };
        self.running().insert(tenant.clone(), running);
    }

    /// Ends the tenant's loop after the tick that goes on: another node looks after it from now on. Nothing where it has none.
    pub(super) async fn leave(&self, tenant: &TenantName) {
        let found = self.running().get(tenant).map(|running| Running {
            view: running.view.clone(),
            nudge: Arc::clone(&running.nudge),
            stop: running.stop.clone(),
        });
        if let Some(running) = found {
            running.stop.send_replace(true);
            self.wired.wakes.stop(tenant);
            running.ended().await;
        }
        self.let_go(tenant).await;
    }

    /// Forgets a tenant that others look after, as far as this node knows more of it than the store.
    async fn let_go(&self, tenant: &TenantName) {
        let _turn = self.turn.lock().await;
        self.wired.wakes.take_down(tenant);
        if let Some(network) = &self.wired.network {
            network.let_go(tenant);
        }
        self.running().remove(tenant);
    }

    /// What a tenant looks like; `None` where there is none.
    pub(super) fn view(&self, tenant: &TenantName) -> Option<watch::Receiver<View>> {
        self.running()
            .get(tenant)
            .map(|running| running.view.clone())
    }

    /// Every loop ends after the tick that goes on.
    pub(super) async fn stop(&self, limit: Duration) {
        self.is_stopping.send_replace(true);
        self.wired.wakes.stop_all();
        let running = std::mem::take(&mut *self.running());
        let all = futures_util::future::join_all(running.into_values().map(Running::ended));
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!(
                "some ticks did not end in time; the next start takes up where they are"
            );
        }
    }

    /// Runs a tenant's loop until the tenant is gone, is left to another node, or the service stops.
    async fn supervise(self: Arc<Self>, mut life: Life, delay: Duration) {
        let mut stopping = self.is_stopping.subscribe();
        let mut pause = delay;
        let mut restart = FIRST_RESTART;
        loop {
            let is_stopped = tokio::select! {
                _ = stopping.wait_for(|is_stopping| *is_stopping) => true,
                _ = life.stop.wait_for(|is_stopped| *is_stopped) => true,
                () = tokio::time::sleep(pause) => false,
                () = life.nudge.notified() => false,
            };
            if is_stopped {
                return;
            }
            let tenant = &life.tenant;
            match self.run(&life).await {
                Ok(Ended::Stopped) => return,
                Ok(Ended::Deposed) => return self.let_go(tenant).await,
                Ok(Ended::Destroyed) => {
                    if self.forget(tenant).await {
                        return;
                    }
                    (pause, restart) = (Duration::ZERO, FIRST_RESTART);
                }
                Err(trouble) => {
                    tracing::error!(%tenant, trouble, "its loop is started again");
                    life.view.send_modify(|view| view.trouble = Some(trouble));
                    // Half of it fixed, half by chance, so that many do not come back at once.
                    pause = restart.mul_f64(0.5 + fastrand::f64() / 2.0);
                    restart = (restart * 2).min(LONGEST_RESTART);
                }
            }
        }
    }

    /// One life of a tenant's loop, in a task of its own, so that a panic in it is its end and no other's.
    async fn run(&self, life: &Life) -> Result<Ended, String> {
        let (tenant, bell) = (&life.tenant, Arc::new(Wake::default()));
        self.wired.wakes.hang(tenant, Arc::clone(&bell));
        if *self.is_stopping.borrow() || *life.stop.borrow() {
            return Ok(Ended::Stopped);
        }
        let shown = life.view.clone();
        let registrar = Arc::clone(&self.wired.registrar);
        let released = AtomicU64::new(0);
        let on_status = move |status: &Status| {
            let generation = status.generation;
            let is_applied = status.is_settled && status.alarms.is_empty();
            if is_applied && released.swap(generation.0, Ordering::Relaxed) != generation.0 {
                tokio::spawn(release(
                    Arc::clone(&registrar),
                    status.tenant.clone(),
                    generation,
                ));
            }
            shown.send_replace(View {
                status: Some(status.clone()),
                trouble: None,
            });
        };
        let (owner, ports, pace) = (tenant.clone(), self.wired.ports.clone(), self.pace);
        let life = move || drive::run(owner, ports, pace, fastrand::u64(..), bell, on_status);
        match self.loops.run(life).await {
            None => Ok(Ended::Stopped),
            Some(Ok(Ok(ended))) => Ok(ended),
            Some(Ok(Err(error))) => Err(error.to_string()),
            Some(Err(stopped)) => {
                let what = format!("the tenant's loop failed, this is a fault of asaas: {stopped}");
                let now = self.wired.ports.clock.now();
                if let Err(error) = self.wired.registrar.alarm(tenant, now, &what).await {
                    tracing::error!(%tenant, %error, "an alarm could not be written down");
                }
                Err(what)
            }
        }
    }

    /// Takes away what tenants have left that were gone before the service was killed. Where there are several nodes, another
    /// may be about to take such a tenant up, and nothing is taken away.
    pub(super) async fn sweep(self: Arc<Self>) {
        if self.wired.local.is_empty() || self.wired.place.is_some() {
            return;
        }
        let Ok(ever) = self.wired.store.journal_ends().await else {
            return;
        };
        for (tenant, _) in ever {
            let _turn = self.turn.lock().await;
            if let Ok(None) = self.wired.store.wish(&tenant).await {
                self.remove_shared(&tenant).await;
            }
        }
    }

    async fn remove_shared(&self, tenant: &TenantName) {
        for cloud in &self.wired.local {
            if let Err(error) = cloud.remove_shared(tenant).await {
                tracing::warn!(%tenant, %error, "its shared directory is left behind");
            }
        }
    }

    /// The tenant is gone: takes away what is left of it here. False where it has come back meanwhile.
    async fn forget(&self, tenant: &TenantName) -> bool {
        let _turn = self.turn.lock().await;
        match self.wired.store.wish(tenant).await {
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => return false,
        }
        crashpoint!("gone.unswept");
        self.remove_shared(tenant).await;
        crashpoint!("gone.swept");
        self.wired.wakes.take_down(tenant);
        self.running().remove(tenant);
        tracing::info!(%tenant, "gone, with nothing left");
        true
    }
}

#[async_trait]
impl Duty for Arc<Tenants> {
    async fn tenants(&self) -> Result<BTreeSet<TenantName>, StoreError> {
        let rows = self.wired.store.tenants().await?;
        Ok(rows.into_iter().map(|row| row.tenant).collect())
    }

    async fn begin(&self, tenant: &TenantName) {
        self.start(tenant, Duration::ZERO).await;
    }

    async fn end(&self, tenant: &TenantName) {
        self.leave(tenant).await;
    }
}

/// Lets others have the addresses that the tenant had before this generation.
async fn release(registrar: Arc<dyn Registrar>, tenant: TenantName, generation: Generation) {
    if let Err(error) = registrar.release_addresses(&tenant, generation).await {
        tracing::warn!(%tenant, %error, "addresses that it no longer uses stay its own");
    }
}
