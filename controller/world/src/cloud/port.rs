//! A cloud as a node reaches it: over a wire that loses requests and answers, to an API that throttles and fails.

use async_trait::async_trait;
use controller::id::{CloudName, InstanceId, ProviderId, TenantName};
use controller::ports::{Checkup, CloudError, CloudErrorKind, InstanceSeen, Launch, Southbound};

use crate::chaos::brink;
use crate::draw::Personality;
use crate::fault::Fault;
use crate::moment::{MILLI, SECOND, Span};
use crate::oracle::Rule;
use crate::rules::acting;
use crate::seat::Seat;
use crate::truth::Truth;

/// A cloud, from a node.
#[derive(Debug, Clone)]
pub(crate) struct CloudPort {
    pub(crate) seat: Seat,
    pub(crate) cloud: usize,
    pub(crate) name: CloudName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    List,
    Launch,
    Remove,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    RequestLost,
    ReplyLost,
    Answered(CloudErrorKind),
}

struct Trip {
    there: Span,
    back: Span,
    fate: Fate,
}

impl CloudPort {
    fn trip(&self, tenant: usize, call: Call) -> Trip {
        let truth = &mut *self.seat.truth();
        let now = truth.now;
        let is_cut_off = truth.nodes[self.seat.node]
            .moods
            .is_on(Fault::CloudPartition, now);
        let Truth {
            clouds,
            tenants,
            faults,
            ..
        } = truth;
        let here = &clouds[self.cloud];
        let chance = &mut tenants[tenant].chances.wire;
        let mut there = chance.u64(5 * MILLI..300 * MILLI);
        let back = if chance.bool() {
            chance.u64(..300 * MILLI)
        } else {
            0
        };
        let slow = if call == Call::Launch { 0.04 } else { 0.004 };
        if faults.strikes(Fault::SlowAnswer, slow, chance) {
            there += chance.u64(5 * SECOND..200 * SECOND);
        }
        let drops = here.drawn.personality == Personality::Libvirt;
        let is_denied = here.moods.is_on(Fault::Denied, now)
            || call == Call::Remove && here.moods.is_on(Fault::DeleteDenied, now);
        let odds = if call == Call::List { 0.004 } else { 0.04 };
        let fate = if is_cut_off || faults.strikes(Fault::RequestLost, odds, chance) {
            Fate::RequestLost
        } else if here.moods.is_on(Fault::ServerErrors, now) && chance.f64() < 0.7 {
            Fate::Answered(CloudErrorKind::Unreachable)
        } else if is_denied {
            Fate::Answered(CloudErrorKind::Denied)
        } else if !drops && faults.strikes(Fault::Throttled, odds * 2.0, chance) {
            Fate::Answered(CloudErrorKind::Throttled)
        } else if faults.strikes(Fault::ReplyLost, odds * 1.5, chance) {
            Fate::ReplyLost
        } else {
            Fate::Fine
        };
        Trip { there, back, fate }
    }

    /// What the operation that a launch began comes to; one that fails is waited for until it does.
    async fn outcome(&self, tenant: usize, id: InstanceId) -> Result<(), CloudErrorKind> {
        let (fails, now) = {
            let truth = &*self.seat.truth();
            let real = truth.real(tenant, id).filter(|real| real.is_to_fail);
            (real.map(|real| real.gone_from), truth.now)
        };
        let Some(fails) = fails else { return Ok(()) };
        self.seat.sleep(fails.saturating_sub(now)).await;
        Err(CloudErrorKind::NoCapacity)
    }

    fn error(&self, kind: CloudErrorKind, operation: impl Into<String>) -> CloudError {
        CloudError {
            cloud: self.name.clone(),
            kind,
            operation: operation.into(),
            detail: format!("it answered {kind:?}"),
        }
    }

    /// Has the cloud do something, on a wire that goes on also when the node ends.
    async fn ask<T: Send + 'static>(
        &self,
        tenant: usize,
        call: Call,
        operation: &str,
        effect: impl FnOnce(&mut Truth) -> T + Send + 'static,
    ) -> Result<T, CloudError> {
        let trip = self.trip(tenant, call);
        // Between the decision and the wire there is a moment in which a node may die or be stopped.
        brink(&self.seat, tenant).await;
        self.seat.sleep(trip.there / 8).await;
        match trip.fate {
            Fate::RequestLost => self.seat.never().await,
            Fate::Answered(kind) => {
                self.seat.sleep(trip.there).await;
                Err(self.error(kind, operation))
            }
            Fate::ReplyLost => {
                self.seat.deliver(trip.there, effect).await;
                self.seat.never().await
            }
            Fate::Fine => {
                let answer = self.seat.deliver(trip.there, effect).await;
                self.seat.sleep(trip.back).await;
                brink(&self.seat, tenant).await;
                Ok(answer)
            }
        }
    }
}

/// A launch that waits for its answer, or whose caller is gone.
struct UnderWay {
    seat: Seat,
    id: InstanceId,
}

impl UnderWay {
    fn begin(seat: &Seat, tenant: usize, id: InstanceId) -> Self {
        let truth = &mut *seat.truth();
        let now = truth.now;
        if truth.asked.insert(id) {
            // The first time.
        } else if truth.real(tenant, id).is_none() {
            truth.coverage.row("the same launch again, nothing exists");
        }
        let calls = truth.nodes[seat.node].under_way.entry(id).or_default();
        *calls += 1;
        let found = (*calls > 1).then(|| format!("{calls} launches of {id} are under way"));
        truth.oracle.judge(Rule::I24, now, found);
        let seat = seat.clone();
        Self { seat, id }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.seat.truth().nodes[self.seat.node]
            .under_way
            .remove(&self.id);
    }
}

#[async_trait]
impl Southbound for CloudPort {
    async fn list(&self, tenant: &TenantName) -> Result<Vec<InstanceSeen>, CloudError> {
        let tenant = self.seat.tenant(tenant);
        let trip = self.trip(tenant, Call::List);
        self.seat.sleep(trip.there).await;
        match trip.fate {
            Fate::RequestLost | Fate::ReplyLost => self.seat.never().await,
            Fate::Answered(kind) => Err(self.error(kind, "list instances")),
            Fate::Fine => {
                let seen = super::list(&mut self.seat.truth(), self.cloud, tenant);
                self.seat.sleep(trip.back).await;
                Ok(seen)
            }
        }
    }

    async fn launch(&self, launch: &Launch) -> Result<InstanceSeen, CloudError> {
        let tenant = self.seat.tenant(&launch.tenant);
        let (cloud, asked) = (self.cloud, launch.clone());
        let operation = format!("launch {}", launch.instance.id);
        acting::judge(&mut self.seat.truth(), self.seat.node, tenant);
        let _under_way = UnderWay::begin(&self.seat, tenant, launch.instance.id);
        let effect = move |truth: &mut Truth| super::launch(truth, cloud, tenant, &asked);
        let answer = self.ask(tenant, Call::Launch, &operation, effect).await?;
        let kind = match answer {
            Ok(seen) => match self.outcome(tenant, seen.id).await {
                Ok(()) => {
                    self.seat.truth().answered.insert(seen.id);
                    return Ok(seen);
                }
                Err(kind) => kind,
            },
            Err(kind) => kind,
        };
        Err(self.error(kind, operation))
    }

    async fn terminate(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let tenant = self.seat.tenant(tenant);
        acting::judge(&mut self.seat.truth(), self.seat.node, tenant);
        let (cloud, asked) = (self.cloud, id.clone());
        let effect = move |truth: &mut Truth| super::terminate(truth, cloud, tenant, &asked);
        self.ask(tenant, Call::Remove, "remove", effect).await
    }

    async fn suspend(&self, _tenant: &TenantName, _id: &ProviderId) -> Result<(), CloudError> {
        Err(self.error(CloudErrorKind::Rejected, "suspend"))
    }

    async fn resume(&self, _tenant: &TenantName, _id: &ProviderId) -> Result<(), CloudError> {
        Err(self.error(CloudErrorKind::Rejected, "resume"))
    }

    async fn checkup(&self) -> Checkup {
        Checkup::default()
    }
}
