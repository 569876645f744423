//! Where a node's ports sit: which node, in which of its lives, in which world.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};

use controller::id::TenantName;

use crate::executor::{Handle, WORLD};
use crate::moment::Span;
use crate::truth::Truth;

/// The world, to be asked by all its tasks.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) handle: Handle,
    truth: Arc<Mutex<Truth>>,
}

impl World {
    pub(crate) fn new(seed: u64, handle: Handle, truth: Truth) -> Self {
        Self {
            seed,
            handle,
            truth: Arc::new(Mutex::new(truth)),
        }
    }

    /// What is really so, now.
    pub(crate) fn truth(&self) -> MutexGuard<'_, Truth> {
        let mut truth = self
            .truth
            .lock()
            .expect("one thread only, and it has not panicked");
        truth.now = self.handle.now();
        truth
    }

    pub(crate) async fn sleep(&self, span: Span) {
        if span > 0 {
            self.handle.sleep(span).await;
        }
    }
}

/// A node's place in the world.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) world: World,
    pub(crate) node: usize,
    /// How often the node was started before.
    pub(crate) life: u64,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} in its life {}", self.node, self.life)
    }
}

impl Seat {
    pub(crate) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.world.truth()
    }

    pub(crate) fn tenant(&self, name: &TenantName) -> usize {
        self.truth().tenant(name)
    }

    pub(crate) async fn sleep(&self, span: Span) {
        self.world.sleep(span).await;
    }

    /// Waits for an answer that does not come.
    pub(crate) async fn never<T>(&self) -> T {
        futures_util::future::pending().await
    }

    /// Has an effect happen after `there`, whatever becomes of the node meanwhile; returns what it led to.
    pub(crate) async fn deliver<T: Send + 'static>(
        &self,
        there: Span,
        effect: impl FnOnce(&mut Truth) -> T + Send + 'static,
    ) -> T {
        let answer = Arc::new(Mutex::new((None, None::<Waker>)));
        let (world, slot) = (self.world.clone(), answer.clone());
        self.world.handle.spawn(WORLD, move || async move {
            world.sleep(there).await;
            let value = effect(&mut world.truth());
            let mut slot = slot.lock().expect("one thread only");
            slot.0 = Some(value);
            if let Some(waker) = slot.1.take() {
                waker.wake();
            }
        });
        std::future::poll_fn(move |context| {
            let mut answer = answer.lock().expect("one thread only");
            if let Some(value) = answer.0.take() {
                return Poll::Ready(value);
            }
            answer.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}
