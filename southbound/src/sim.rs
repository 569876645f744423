//! A cloud in memory that a person can run: it has a capacity and a boot time, shows what really exists in it, and has
//! faults on order. It keeps the contract of the port, and passes the conformance suite; only what [`Fault`] is scripted
//! breaks, and only as a real cloud would break.
//!
//! Deterministic: it asks no clock but the one it was given, has no chance in it, and shows everything in order.
//!
//! A clone is another handle on the same cloud, so that a controller can be thrown away and made anew while its instances
//! live on.

mod truth;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use controller::id::{CloudName, InstanceId, ProviderId, TenantName};
use controller::ports::{
    Checkup, Clock, CloudError, CloudErrorKind, InstanceSeen, Launch, Room, Southbound, Verdict,
};
use jiff::SignedDuration;

pub use truth::SimInstance;
use truth::Truth;

/// What a simulated cloud is like at first.
#[derive(Debug, Clone)]
pub struct SimSettings {
    /// Its name in the tenants' files.
    pub cloud: CloudName,
    /// So many instances exist at most, of all tenants together.
    pub capacity: u32,
    /// From launch to running.
    pub boot: SignedDuration,
}

/// A call of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimCall {
    /// `list`
    List,
    /// `launch`
    Launch,
    /// `terminate`
    Terminate,
    /// `suspend`
    Suspend,
    /// `resume`
    Resume,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does nothing, and says so.
    Refuse(CloudErrorKind),
    /// It does what it should, and the caller hears only [`CloudErrorKind::Unreachable`].
    LoseReply,
}

/// A handle on a simulated cloud.
#[derive(Clone)]
pub struct SimCloud {
    cloud: CloudName,
    clock: Arc<dyn Clock>,
    truth: Arc<Mutex<Truth>>,
}

impl std::fmt::Debug for SimCloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimCloud")
            .field("cloud", &self.cloud)
            .field("truth", &*self.truth())
            .finish_non_exhaustive()
    }
}

impl SimCloud {
    /// An empty cloud that lives by this clock.
    pub fn new(settings: SimSettings, clock: Arc<dyn Clock>) -> Self {
        let SimSettings {
            cloud,
            capacity,
            boot,
        } = settings;
        Self {
            cloud,
            clock,
            truth: Arc::new(Mutex::new(Truth::new(capacity, boot))),
        }
    }

    /// Nothing that is done under the lock can panic halfway, so what a panic left behind is whole.
    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next `times` calls of this kind go wrong like this, after those that were scripted before.
    pub fn script(&self, call: SimCall, fault: Fault, times: u32) {
        self.truth().script(call, fault, times);
    }

    /// From now on there is room for so many. Those that exist stay.
    pub fn set_capacity(&self, capacity: u32) {
        self.truth().capacity = capacity;
    }

    /// Instances launched from now on take so long to run.
    pub fn set_boot(&self, boot: SignedDuration) {
        self.truth().boot = boot;
    }

    /// From now on a listing does not show what was launched less than so long ago, as a real cloud's may not.
    pub fn set_listing_lag(&self, lag: SignedDuration) {
        self.truth().listing_lag = lag;
    }

    /// From now on every call takes so long, by the clock.
    pub fn set_reply_time(&self, reply_time: SignedDuration) {
        self.truth().reply_time = reply_time;
    }

    /// Stops an instance behind our back; it stays there, and takes room. False where there is none.
    pub fn stop(&self, id: InstanceId) -> bool {
        self.truth().stop(id)
    }

    /// Makes an instance vanish behind our back. False where there is none.
    pub fn vanish(&self, id: InstanceId) -> bool {
        self.truth().vanish(id)
    }

    /// Everything that exists, of all tenants, in order of launch.
    pub fn instances(&self) -> Vec<SimInstance> {
        self.truth().instances(self.clock.now().steady)
    }

    /// How often each instance was asked for, refused calls included.
    pub fn launch_calls(&self) -> BTreeMap<InstanceId, u32> {
        self.truth().launch_calls.clone()
    }

    /// How many instances were ever made for each intent: anything but one is a broken promise (I8).
    pub fn made(&self) -> BTreeMap<InstanceId, u32> {
        self.truth().made.clone()
    }

    /// Intents for which more than one instance was ever made.
    pub fn duplicates(&self) -> Vec<InstanceId> {
        let truth = self.truth();
        let doubled = truth.made.iter().filter(|&(_, &made)| made > 1);
        doubled.map(|(&id, _)| id).collect()
    }

    /// The most instances that each tenant has had at one moment.
    pub fn peaks(&self) -> BTreeMap<TenantName, usize> {
        self.truth().peaks.clone()
    }

    /// How often this was called, refused calls included.
    pub fn calls(&self, call: SimCall) -> u64 {
        self.truth().calls.get(&call).copied().unwrap_or(0)
    }

    /// Counts the call, lets its time pass, and finds out how it goes wrong, if it does.
    async fn begin(&self, call: SimCall) -> Option<Fault> {
        let (fault, reply_time) = {
            let mut truth = self.truth();
            (truth.begin(call), truth.reply_time)
        };
        if reply_time.is_positive() {
            self.clock.sleep(reply_time).await;
        }
        fault
    }

    fn error(&self, operation: String, kind: CloudErrorKind, detail: &str) -> CloudError {
        CloudError {
            cloud: self.cloud.clone(),
            kind,
            operation,
            detail: detail.to_owned(),
        }
    }

    /// What the caller hears of `outcome`.
    fn reply<T>(
        &self,
        fault: Option<Fault>,
        operation: String,
        outcome: impl FnOnce(&mut Truth) -> Result<T, CloudErrorKind>,
    ) -> Result<T, CloudError> {
        if let Some(Fault::Refuse(kind)) = fault {
            return Err(self.error(operation, kind, "scripted"));
        }
        let outcome = outcome(&mut self.truth());
        if fault == Some(Fault::LoseReply) {
            let kind = CloudErrorKind::Unreachable;
            return Err(self.error(operation, kind, "the reply was lost"));
        }
        outcome.map_err(|kind| {
            let detail = match kind {
                CloudErrorKind::NoCapacity => "every place is taken",
                CloudErrorKind::Denied => "it belongs to another tenant",
                CloudErrorKind::NotFound => "it was terminated",
                CloudErrorKind::Throttled
                | CloudErrorKind::Rejected
                | CloudErrorKind::Unreachable => "it said no",
            };
            self.error(operation, kind, detail)
        })
    }
}

#[async_trait]
impl Southbound for SimCloud {
    async fn list(&self, tenant: &TenantName) -> Result<Vec<InstanceSeen>, CloudError> {
        let fault = self.begin(SimCall::List).await;
        let now = self.clock.now().steady;
        self.reply(fault, "list instances".to_owned(), |truth| {
            Ok(truth.listing(tenant, now))
        })
    }

    async fn launch(&self, launch: &Launch) -> Result<InstanceSeen, CloudError> {
        let id = launch.instance.id;
        self.truth().count_launch(id);
        let fault = self.begin(SimCall::Launch).await;
        let now = self.clock.now().steady;
        self.reply(fault, format!("launch {id}"), |truth| {
            truth.launch(&launch.tenant, id, now)
        })
    }

    async fn terminate(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let fault = self.begin(SimCall::Terminate).await;
        let now = self.clock.now().steady;
        self.reply(fault, format!("terminate {id}"), |truth| {
            truth.terminate(tenant, id, now)
        })
    }

    async fn suspend(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let fault = self.begin(SimCall::Suspend).await;
        let now = self.clock.now().steady;
        self.reply(fault, format!("suspend {id}"), |truth| {
            truth.suspend(tenant, id, now)
        })
    }

    async fn resume(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let fault = self.begin(SimCall::Resume).await;
        self.reply(fault, format!("resume {id}"), |truth| {
            truth.resume(tenant, id)
        })
    }

    async fn checkup(&self) -> Checkup {
        let truth = self.truth();
        Checkup {
            room: Some(Room {
                taken: truth.taken(),
                limit: truth.capacity,
            }),
            ..Checkup::default()
        }
        .and("reachable", Verdict::Ok, "it is in this service's memory")
    }
}
