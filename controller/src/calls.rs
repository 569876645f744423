//! Calls to clouds that are under way. A slow cloud must not keep a tick waiting, so calls run beside the ticks, at most one
//! per instance, and what they answer is taken up by the next tick.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::SignedDuration;

use crate::crashpoint;
use crate::id::{CloudName, InstanceId, ProviderId, TenantName};
use crate::observe::{silent, within};
use crate::ports::{Clock, CloudError, InstanceSeen, Launch, Southbound};

/// A cloud that has not answered a launch or a removal after this long counts as unreachable; the call is repeated later.
const CALL_LIMIT: SignedDuration = SignedDuration::from_mins(2);
/// More calls of one tenant than this are not made at the same time.
const CALLS: usize = 50;

/// What a call has led to.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) instance: InstanceId,
    pub(crate) cloud: CloudName,
    pub(crate) said: Said,
}

#[derive(Debug)]
pub(crate) enum Said {
    Launched(Result<InstanceSeen, CloudError>),
    Removed(Result<(), CloudError>),
}

type Call = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The calls under way, and the answers that no tick has taken up yet.
#[derive(Default)]
pub(crate) struct Calls {
    under_way: FuturesUnordered<Call>,
    busy: BTreeSet<InstanceId>,
    answers: Vec<Answer>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("busy", &self.busy)
            .field("answers", &self.answers)
            .finish_non_exhaustive()
    }
}

impl Calls {
    /// Asks for an instance, unless a call about it is under way.
    pub(crate) fn launch(
        &mut self,
        cloud: Arc<dyn Southbound>,
        clock: Arc<dyn Clock>,
        launch: Launch,
    ) {
        let (instance, name) = (launch.instance.id, launch.instance.cloud.clone());
        self.start(instance, async move {
            let operation = format!("launch {instance}");
            crashpoint!("launch.unasked");
            let answer = within(&*clock, CALL_LIMIT, cloud.launch(&launch)).await;
            crashpoint!("launch.answered");
            let said = answer.unwrap_or_else(|| Err(silent(&name, &operation, CALL_LIMIT)));
            Answer {
                instance,
                cloud: name,
                said: Said::Launched(said),
            }
        });
    }

    /// Has an instance removed, unless a call about it is under way.
    pub(crate) fn remove(
        &mut self,
        cloud: Arc<dyn Southbound>,
        clock: Arc<dyn Clock>,
        tenant: TenantName,
        (instance, name, provider): (InstanceId, CloudName, ProviderId),
    ) {
        self.start(instance, async move {
            let operation = format!("remove {instance}");
            crashpoint!("removal.unasked");
            let answer = within(&*clock, CALL_LIMIT, cloud.terminate(&tenant, &provider)).await;
            crashpoint!("removal.answered");
            let said = answer.unwrap_or_else(|| Err(silent(&name, &operation, CALL_LIMIT)));
            Answer {
                instance,
                cloud: name,
                said: Said::Removed(said),
            }
        });
    }

    fn start(&mut self, instance: InstanceId, call: impl Future<Output = Answer> + Send + 'static) {
        if self.busy.len() < CALLS && !self.busy.contains(&instance) {
            self.busy.insert(instance);
            self.under_way.push(Box::pin(call));
        }
    }

    /// Returns once a call has been answered; never, where none is under way.
    pub(crate) async fn answered(&mut self) {
        if !self.answers.is_empty() {
            return;
        }
        match self.under_way.next().await {
            Some(answer) => self.answers.push(answer),
            None => futures_util::future::pending().await,
        }
    }

    /// All answers there are now, each once, without waiting.
    pub(crate) async fn take(&mut self) -> Vec<Answer> {
        let under_way = &mut self.under_way;
        let answers = &mut self.answers;
        std::future::poll_fn(|context| {
            while let Poll::Ready(Some(answer)) = under_way.poll_next_unpin(context) {
                answers.push(answer);
            }
            Poll::Ready(())
        })
        .await;
        let taken = std::mem::take(answers);
        for answer in &taken {
            self.busy.remove(&answer.instance);
        }
        taken
    }
}
