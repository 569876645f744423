//! What really exists in a simulated cloud, and what has happened to it. Plain data, moved only by its own calls.

use std::collections::{BTreeMap, VecDeque};

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
}

impl Kept {
    fn state(&self, now: Timestamp) -> CloudState {
        if self.is_stopped {
            CloudState::Stopped
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
    /// What was terminated, and when.
    gone: BTreeMap<InstanceId, Timestamp>,
    launched: u64,
    faults: BTreeMap<SimCall, VecDeque<(Fault, u32)>>,
}

/// A name of the cloud's own choice, as real clouds have, whose order is the order of launch.
fn provider(number: u64) -> ProviderId {
    ProviderId(format!("sim-{number:06}"))
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
        let existing = self.instances.iter().find(|(_, kept)| kept.id == id);
        if let Some((&number, kept)) = existing {
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
        };
        let shown = seen(self.launched, &kept, now);
        self.instances.insert(self.launched, kept);
        *self.made.entry(id).or_default() += 1;
        self.note_peak(tenant);
        Ok(shown)
    }

    fn note_peak(&mut self, tenant: &TenantName) {
        let count = self
            .instances
            .values()
            .filter(|kept| kept.tenant == *tenant)
            .count();
        let peak = self.peaks.entry(tenant.clone()).or_default();
        *peak = count.max(*peak);
    }

    pub(super) fn terminate(
        &mut self,
        tenant: &TenantName,
        id: &ProviderId,
        now: Timestamp,
    ) -> Result<(), CloudErrorKind> {
        let named = self
            .instances
            .iter()
            .find(|&(&number, _)| provider(number) == *id);
        let Some((&number, kept)) = named else {
            return Ok(());
        };
        if kept.tenant != *tenant {
            return Err(CloudErrorKind::Denied);
        }
        let id = kept.id;
        self.instances.remove(&number);
        self.gone.retain(|_, since| later(*since, GONE_FOR) > now);
        self.gone.insert(id, now);
        Ok(())
    }

    pub(super) fn stop(&mut self, id: InstanceId) -> bool {
        let instance = self.instances.values_mut().find(|kept| kept.id == id);
        instance.map(|kept| kept.is_stopped = true).is_some()
    }

    pub(super) fn vanish(&mut self, id: InstanceId) -> bool {
        let before = self.instances.len();
        self.instances.retain(|_, kept| kept.id != id);
        self.instances.len() < before
    }

    pub(super) fn listing(&self, tenant: &TenantName, now: Timestamp) -> Vec<InstanceSeen> {
        let shown = self.instances.iter().filter(|(_, kept)| {
            kept.tenant == *tenant && later(kept.launched, self.listing_lag) <= now
        });
        shown
            .map(|(&number, kept)| seen(number, kept, now))
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
