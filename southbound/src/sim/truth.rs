//! What really exists in a simulated cloud, and what has happened to it. Plain data, moved only by its own calls.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use controller::id::{InstanceId, ProviderId, TenantName};
use controller::ports::{CloudErrorKind, CloudState, InstanceSeen};
use controller::time::later;
use jiff::{SignedDuration, Timestamp};

use super::{Fault, SimCall};

/// An instance, as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimInstance {
    /// What the cloud calls it.
    pub provider: ProviderId,
    /// Whose.
    pub tenant: TenantName,
    /// The intent that it was made for.
    pub id: InstanceId,
    /// What it does.
    pub state: CloudState,
    /// When it was launched (steady).
    pub launched: Timestamp,
}

/// An instance, as the cloud keeps it.
#[derive(Debug)]
struct Kept {
    tenant: TenantName,
    id: InstanceId,
    launched: Timestamp,
    runs_from: Timestamp,
    is_stopped: bool,
    is_suspended: bool,
}

impl Kept {
    fn state(&self, now: Timestamp) -> CloudState {
        if self.is_stopped {
            CloudState::Stopped
        } else if self.is_suspended {
            CloudState::Suspended
        } else if now < self.runs_from {
            CloudState::Starting
        } else {
            CloudState::Running
        }
    }
}

/// For so long an intent that was terminated is not made again.
const GONE_FOR: SignedDuration = SignedDuration::from_hours(48);

/// The cloud itself.
#[derive(Debug)]
pub(super) struct Truth {
    pub(super) capacity: u32,
    pub(super) boot: SignedDuration,
    pub(super) listing_lag: SignedDuration,
    pub(super) reply_time: SignedDuration,
    pub(super) launch_calls: BTreeMap<InstanceId, u32>,
    pub(super) made: BTreeMap<InstanceId, u32>,
    pub(super) peaks: BTreeMap<TenantName, usize>,
    pub(super) calls: BTreeMap<SimCall, u64>,
    /// By the number of its launch.
    instances: BTreeMap<u64, Kept>,
    /// The same, found without a look at everybody else's.
    of_tenant: BTreeMap<TenantName, BTreeSet<u64>>,
    of_intent: BTreeMap<InstanceId, u64>,
    /// What was terminated, and when.
    gone: BTreeMap<InstanceId, Timestamp>,
    launched: u64,
    faults: BTreeMap<SimCall, VecDeque<(Fault, u32)>>,
}

/// A name of the cloud's own choice, as real clouds have, whose order is the order of launch.
fn provider(number: u64) -> ProviderId {
    ProviderId(format!("sim-{number:06}"))
}

/// The number in a name of ours; `None` for a name that is none.
fn number(id: &ProviderId) -> Option<u64> {
    let number = id.0.strip_prefix("sim-")?.parse().ok()?;
    (provider(number) == *id).then_some(number)
}

impl Truth {
    pub(super) fn new(capacity: u32, boot: SignedDuration) -> Self {
        Self {
            capacity,
            boot,
            listing_lag: SignedDuration::ZERO,
            reply_time: SignedDuration::ZERO,
            launch_calls: BTreeMap::new(),
            made: BTreeMap::new(),
            peaks: BTreeMap::new(),
            calls: BTreeMap::new(),
            instances: BTreeMap::new(),
            of_tenant: BTreeMap::new(),
            of_intent: BTreeMap::new(),
            gone: BTreeMap::new(),
            launched: 0,
            faults: BTreeMap::new(),
        }
    }

    pub(super) fn script(&mut self, call: SimCall, fault: Fault, times: u32) {
        if times > 0 {
            self.faults
                .entry(call)
                .or_default()
                .push_back((fault, times));
        }
    }

    /// Counts a call and takes the fault that is due.
    pub(super) fn begin(&mut self, call: SimCall) -> Option<Fault> {
        *self.calls.entry(call).or_default() += 1;
        let script = self.faults.get_mut(&call)?;
        let (fault, times) = script.front_mut()?;
        let fault = *fault;
        *times -= 1;
        if *times == 0 {
            script.pop_front();
        }
        Some(fault)
    }

    pub(super) fn count_launch(&mut self, id: InstanceId) {
        *self.launch_calls.entry(id).or_default() += 1;
    }

    pub(super) fn launch(
        &mut self,
        tenant: &TenantName,
        id: InstanceId,
        now: Timestamp,
    ) -> Result<InstanceSeen, CloudErrorKind> {
        let existing = self.of_intent.get(&id).copied();
        if let Some((number, kept)) = existing.and_then(|number| self.numbered(number)) {
            if kept.tenant != *tenant {
                return Err(CloudErrorKind::Denied);
            }
            return Ok(seen(number, kept, now));
        }
        if self.gone.contains_key(&id) {
            return Err(CloudErrorKind::NotFound);
        }
        if self.instances.len() >= self.capacity as usize {
            return Err(CloudErrorKind::NoCapacity);
        }
        self.launched += 1;
        let kept = Kept {
            tenant: tenant.clone(),
            id,
            launched: now,
            runs_from: later(now, self.boot),
            is_stopped: false,
            is_suspended: false,
        };
        let shown = seen(self.launched, &kept, now);
        self.instances.insert(self.launched, kept);
        let own = self.of_tenant.entry(tenant.clone()).or_default();
        own.insert(self.launched);
        let (count, peak) = (own.len(), self.peaks.entry(tenant.clone()).or_default());
        *peak = count.max(*peak);
        self.of_intent.insert(id, self.launched);
        *self.made.entry(id).or_default() += 1;
        Ok(shown)
    }

    fn numbered(&self, number: u64) -> Option<(u64, &Kept)> {
        Some((number, self.instances.get(&number)?))
    }

    fn remove(&mut self, number: u64) {
        let Some(kept) = self.instances.remove(&number) else {
            return;
        };
        self.of_intent.remove(&kept.id);
        if let Some(own) = self.of_tenant.get_mut(&kept.tenant) {
            own.remove(&number);
            if own.is_empty() {
                self.of_tenant.remove(&kept.tenant);
            }
        }
    }

    pub(super) fn terminate(
        &mut self,
        tenant: &TenantName,
        id: &ProviderId,
        now: Timestamp,
    ) -> Result<(), CloudErrorKind> {
        let Some((number, kept)) = number(id).and_then(|number| self.numbered(number)) else {
            return Ok(());
        };
        if kept.tenant != *tenant {
            return Err(CloudErrorKind::Denied);
        }
        let id = kept.id;
        self.remove(number);
        self.gone.retain(|_, since| later(*since, GONE_FOR) > now);
        self.gone.insert(id, now);
        Ok(())
    }

    /// The tenant's own instance of this name.
    fn own(&mut self, tenant: &TenantName, id: &ProviderId) -> Result<&mut Kept, CloudErrorKind> {
        let kept = number(id).and_then(|number| self.instances.get_mut(&number));
        match kept {
            None => Err(CloudErrorKind::NotFound),
            Some(kept) if kept.tenant != *tenant => Err(CloudErrorKind::Denied),
            Some(kept) => Ok(kept),
        }
    }

    pub(super) fn suspend(
        &mut self,
        tenant: &TenantName,
        id: &ProviderId,
        now: Timestamp,
    ) -> Result<(), CloudErrorKind> {
        let kept = self.own(tenant, id)?;
        match kept.state(now) {
            CloudState::Running | CloudState::Suspended => {
                kept.is_suspended = true;
                Ok(())
            }
            CloudState::Starting | CloudState::Stopped => Err(CloudErrorKind::Rejected),
        }
    }

    pub(super) fn resume(
        &mut self,
        tenant: &TenantName,
        id: &ProviderId,
    ) -> Result<(), CloudErrorKind> {
        let kept = self.own(tenant, id)?;
        if kept.is_stopped {
            return Err(CloudErrorKind::Rejected);
        }
        kept.is_suspended = false;
        Ok(())
    }

    pub(super) fn taken(&self) -> u32 {
        u32::try_from(self.instances.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn stop(&mut self, id: InstanceId) -> bool {
        let number = self.of_intent.get(&id);
        let instance = number.and_then(|number| self.instances.get_mut(number));
        instance.map(|kept| kept.is_stopped = true).is_some()
    }

    pub(super) fn vanish(&mut self, id: InstanceId) -> bool {
        let number = self.of_intent.get(&id).copied();
        number.map(|number| self.remove(number)).is_some()
    }

    pub(super) fn listing(&self, tenant: &TenantName, now: Timestamp) -> Vec<InstanceSeen> {
        let own = self.of_tenant.get(tenant).into_iter().flatten();
        own.filter_map(|&number| self.numbered(number))
            .filter(|(_, kept)| later(kept.launched, self.listing_lag) <= now)
            .map(|(number, kept)| seen(number, kept, now))
            .collect()
    }

    pub(super) fn instances(&self, now: Timestamp) -> Vec<SimInstance> {
        let all = self.instances.iter().map(|(&number, kept)| SimInstance {
            provider: provider(number),
            tenant: kept.tenant.clone(),
            id: kept.id,
            state: kept.state(now),
            launched: kept.launched,
        });
        all.collect()
    }
}

fn seen(number: u64, kept: &Kept, now: Timestamp) -> InstanceSeen {
    InstanceSeen {
        provider: provider(number),
        id: kept.id,
        state: kept.state(now),
    }
}
