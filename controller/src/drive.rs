//! When the next tick is: after a period, or sooner, when something has happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::future::select;
use futures_util::task::AtomicWaker;
use jiff::SignedDuration;

use crate::id::TenantName;
use crate::pace::Pace;
use crate::ports::{Ports, StoreError, StoreErrorKind};
use crate::status::Status;
use crate::tick::{Controller, Outcome};

/// A store that does not work is tried again after this long.
const STORE_RETRY: SignedDuration = SignedDuration::from_secs(2);

/// After a tick that thought about a spec that was replaced meanwhile, the next one comes after this long.
const OUTDATED_RETRY: SignedDuration = SignedDuration::from_millis(10);

/// After a tick that took long, since somebody was slow to answer, the next one comes after this share of its wait at least.
const LEAST_WAIT: i32 = 10;

/// Ends a tenant's wait for its next tick.
#[derive(Debug, Default)]
pub struct Wake {
    is_rung: AtomicBool,
    is_stopped: AtomicBool,
    waker: AtomicWaker,
}

impl Wake {
    /// The next tick is now; or right after the one that goes on.
    pub fn wake(&self) {
        self.is_rung.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// The tick that goes on is the last.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.waker.wake();
    }

    async fn rung(&self) {
        std::future::poll_fn(|context| {
            self.waker.register(context.waker());
            let is_rung = self.is_rung.swap(false, Ordering::AcqRel);
            if is_rung || self.is_stopped.load(Ordering::Acquire) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// How a tenant's loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The tenant is gone, with nothing left.
    Destroyed,
    /// It was told to stop; everything goes on running.
    Stopped,
    /// Another service looks after it.
    Deposed,
}

/// One tenant's loop, until it is gone or told to stop. A store that fails at a tick means that nothing is done, and that it
/// is tried again; only one that fails at the start is an error.
pub async fn run(
    tenant: TenantName,
    ports: Ports,
    pace: Pace,
    seed: u64,
    wake: Arc<Wake>,
    on_status: impl Fn(&Status) + Send,
) -> Result<Ended, StoreError> {
    let clock = ports.clock.clone();
    let Some(mut controller) = Controller::load(tenant.clone(), ports, pace, seed).await? else {
        return Ok(Ended::Destroyed);
    };
    loop {
        if wake.is_stopped.load(Ordering::Acquire) {
            return Ok(Ended::Stopped);
        }
        let began = clock.now();
        let wait = match controller.tick().await {
            Ok(Outcome::Destroyed) => return Ok(Ended::Destroyed),
            Ok(Outcome::Next(wait)) => wait,
            Err(error) if error.kind == StoreErrorKind::Deposed && !seeded!(F32) => {
                tracing::warn!(%tenant, %error, "left to another service");
                return Ok(Ended::Deposed);
            }
            Err(error) if error.kind == StoreErrorKind::Outdated => OUTDATED_RETRY,
            Err(error) => {
                tracing::error!(%tenant, %error, "nothing is done until the store works again");
                controller.complain(&error);
                STORE_RETRY
            }
        };
        if let Some(status) = controller.status() {
            on_status(status);
        }
        // From the begin of a tick to the begin of the next: a cloud that is slow to answer delays its own answers, and not how
        // often its tenants are looked at.
        let spent = clock.now().since(began.steady);
        let wait = wait.saturating_sub(spent).max(wait / LEAST_WAIT);
        let rung = std::pin::pin!(wake.rung());
        let answered = std::pin::pin!(controller.answered());
        select(select(rung, answered), clock.sleep(wait)).await;
    }
}
