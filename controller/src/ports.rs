//! What the core needs of the world. The outside implements these traits; the arrows point inward.
//!
//! Every call may be repeated: after a crash the same call comes again, with the same arguments, and must mean the same.
//! An adapter never answers with less than it was asked for: it gives all, or an error. It does not retry; `drive` does.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;

pub use crate::checkup::{Checkup, Finding, Room, Verdict};
use crate::id::{CloudName, Epoch, Generation, InstanceId, ProviderId, TenantName};
use crate::instance::Instance;
use crate::journal::{Entry, Event};
use crate::load::{Metric, Sample};
use crate::market::Market;
use crate::network::{NetworkPlan, NetworkSeen};
use crate::spec::{Subnet, TenantSpec};
use crate::time::Now;

/// A cloud: a place where instances run.
#[async_trait]
pub trait Southbound: Send + Sync {
    /// Every instance of this tenant that exists, also those that start, stop or have died and not been removed. Others'
    /// instances are not in it. All pages, or an error.
    async fn list(&self, tenant: &TenantName) -> Result<Vec<InstanceSeen>, CloudError>;

    /// Makes the instance of this intent exist. Idempotent by `launch.id`: where it exists already, it is returned as it is;
    /// where it existed and was terminated, it is not made again, and `NotFound` says so. One call makes at most one instance,
    /// whatever happens to the caller.
    async fn launch(&self, launch: &Launch) -> Result<InstanceSeen, CloudError>;

    /// Makes this very instance exist no more, with its disk. `Ok` where it is gone already.
    async fn terminate(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError>;

    /// Stops an instance so that it can come back soon, with its disk, its address and where the cloud can its memory:
    /// hibernation, a saved state, a plain stop. `Ok` where it is so already; `NotFound` where there is none; `Rejected`
    /// where this cloud, or the instance as it is now, cannot.
    async fn suspend(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError>;

    /// Lets a suspended instance go on. `Ok` where it runs; `NotFound` where there is none.
    async fn resume(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError>;

    /// How it stands with this cloud, for people; no tick asks. Changes nothing, and answers also where nothing works.
    async fn checkup(&self) -> Checkup;
}

/// What a cloud is told when it is to make an instance; frozen with the intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Whose.
    pub tenant: TenantName,
    /// The record: id, template, address.
    pub instance: Instance,
    /// The subnet that its address is in.
    pub subnet: Subnet,
}

/// An instance as its cloud shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSeen {
    /// What the cloud calls it.
    pub provider: ProviderId,
    /// The intent that it was made for, read from its tags.
    pub id: InstanceId,
    /// What it does.
    pub state: CloudState,
}

impl InstanceSeen {
    /// Whether it is this one: by its tag, or by what the cloud has called it since its launch, since tags come late and get lost.
    pub fn is_of(&self, instance: &Instance) -> bool {
        self.id == instance.id || instance.provider.as_ref() == Some(&self.provider)
    }
}

/// What an instance does, says its cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudState {
    /// It is being made.
    Starting,
    /// It runs.
    Running,
    /// We have suspended it: it runs no more, still takes room, and can be resumed.
    Suspended,
    /// It has come to its end, and still takes room.
    Stopped,
}

/// What to do next when a cloud does not do as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloudErrorKind {
    /// What was named does not exist.
    NotFound,
    /// It has no room: ask the next cloud now, this one later.
    NoCapacity,
    /// Too many calls: ask later.
    Throttled,
    /// We may not: a person has to act; ask the next cloud.
    Denied,
    /// What we asked makes no sense to it: a person has to act; ask the next cloud.
    Rejected,
    /// No answer, or one that says nothing: what we asked may have happened. Look before asking again.
    Unreachable,
}

/// A cloud did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{cloud} could not {operation}: {detail}")]
pub struct CloudError {
    /// Which cloud.
    pub cloud: CloudName,
    /// What to do next.
    pub kind: CloudErrorKind,
    /// What was asked: `list instances`, `launch i-…`.
    pub operation: String,
    /// What it said, and where it helps, what a person can do.
    pub detail: String,
}

/// Makes packets go where they should. Every change carries the epoch of whoever orders it; a lower one than the last that a
/// tenant's network was changed under is refused, checked where the change is made and not before (I9).
#[async_trait]
pub trait Dataplane: Send + Sync {
    /// Makes the tenant's network exactly this, and returns once the kernel, read back, says so. Idempotent, and cheap where
    /// nothing is to be done. New connections never find a moment without rules. What is not ours is not touched.
    async fn apply(&self, epoch: Epoch, plan: &NetworkPlan) -> Result<(), DataplaneError>;

    /// What the network is and how its endpoints answer. An empty answer where the tenant has no network.
    async fn observe(&self, tenant: &TenantName) -> Result<NetworkSeen, DataplaneError>;

    /// Forgets every flow of an address whose instance is gone, so that the next owner starts clean. Idempotent.
    async fn forget(
        &self,
        epoch: Epoch,
        tenant: &TenantName,
        cloud: &CloudName,
        address: Ipv4Addr,
    ) -> Result<(), DataplaneError>;

    /// Makes the tenant's network exist no more: goes on past errors and returns all of them. `Ok` where it is gone already.
    async fn destroy(&self, epoch: Epoch, tenant: &TenantName) -> Result<(), DataplaneError>;
}

/// The network could not be made or seen as asked. The next tick asks again.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the network of tenant {tenant} could not be {operation}: {detail}")]
pub struct DataplaneError {
    /// Whose network.
    pub tenant: TenantName,
    /// `applied`, `observed`, `removed` …
    pub operation: &'static str,
    /// What was said, the command that said it, and where it helps, what a person can do.
    pub detail: String,
}

/// Measures instances.
#[async_trait]
pub trait Meter: Send + Sync {
    /// Fresh readings. One that cannot be read is left out; a rate needs two readings and is left out the first time. An error
    /// where the meter as a whole does not work.
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError>;
}

/// What a meter is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Measurement<'a> {
    /// Whose.
    pub tenant: &'a TenantName,
    /// Of these.
    pub instances: &'a [Instance],
    /// What the policy follows. A meter that has more gives more where that costs nothing: it is shown and written down.
    pub metrics: &'a [Metric],
    /// When.
    pub now: Now,
}

/// A meter does not work.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the {meter} meter could not be read: {detail}")]
pub struct MeterError {
    /// Which.
    pub meter: &'static str,
    /// What was said.
    pub detail: String,
}

/// Remembers. What it has answered `Ok` to survives a crash.
#[async_trait]
pub trait Store: Send + Sync {
    /// Takes up a tenant: all that is known of a tenant, with the journal's entries since `history` ago, and its loads for as long as forecasts
    /// look back ([`crate::series::KEPT`]); `None` for a tenant that is not known. An error of the kind
    /// [`StoreErrorKind::Deposed`] where another service looks after it.
    async fn load(
        &self,
        tenant: &TenantName,
        history: SignedDuration,
    ) -> Result<Option<TenantState>, StoreError>;

    /// What is wanted of a tenant now; asked at every tick, so cheap. `None` for a tenant that is not known.
    async fn wish(&self, tenant: &TenantName) -> Result<Option<Wish>, StoreError>;

    /// Whether whoever took the tenant up under this epoch may still act for it. Asks nobody and takes no time, so that it
    /// can be asked right before every effect. False once the store has not confirmed it for so long that another service
    /// may be about to take the tenant up.
    fn holds(&self, tenant: &TenantName, epoch: Epoch) -> bool;

    /// Writes these instances (whole, by id) and appends these events, all or nothing, and only as long as `footing` is
    /// firm. Instances that are over are kept in the journal only. Returns the entries with their numbers.
    async fn record(
        &self,
        tenant: &TenantName,
        footing: Footing,
        now: Now,
        instances: &[Instance],
        events: &[Event],
    ) -> Result<Vec<Entry>, StoreError>;

    /// The tenant is gone, with nothing left: forgets its spec and orders. The journal stays.
    async fn close(
        &self,
        tenant: &TenantName,
        footing: Footing,
        now: Now,
    ) -> Result<(), StoreError>;
}

/// What a record was made upon. The store compares it in the transaction that writes the record: a tick that thought about a
/// spec or orders that are no longer in force, or for a tenant that is another's by now, writes nothing and so does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footing {
    /// Under which the tenant was taken up.
    pub epoch: Epoch,
    /// The version of the spec that was thought about.
    pub generation: Generation,
    /// The orders that were thought about.
    pub orders: Orders,
}

impl Footing {
    /// Whether this is what was thought about. Whose the tenant is each store knows in its own way.
    pub fn is_upon(&self, generation: Generation, orders: Orders) -> bool {
        (self.generation, self.orders) == (generation, orders)
    }
}

/// What is wanted of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What it asked for.
    pub spec: TenantSpec,
    /// The version of it.
    pub generation: Generation,
    /// What people have ordered.
    pub orders: Orders,
}

/// All that is known of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantState {
    /// Under which it is taken up.
    pub epoch: Epoch,
    /// What is wanted.
    pub wish: Wish,
    /// Every instance that is not over, in order of id.
    pub instances: Vec<Instance>,
    /// The recent journal, oldest first.
    pub journal: Vec<Entry>,
}

/// What people have ordered, beside the spec. Survives restarts (I26).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Orders {
    /// No voluntary action; broken instances are not replaced either. Traffic flows on, and health still steers it.
    pub is_paused: bool,
    /// Exactly so many, until told otherwise; within min and max.
    pub desired: Option<u32>,
    /// The tenant is being removed; this goes before a pause.
    pub is_destroyed: bool,
}

impl Orders {
    /// Whether nothing may be launched or removed.
    pub fn holds_still(&self) -> bool {
        seeded!(F16c => return false);
        self.is_paused && !self.is_destroyed
    }
}

/// Nothing was written. No action may follow that the record should have held.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store could not {operation}: {detail}")]
pub struct StoreError {
    /// What to do next.
    pub kind: StoreErrorKind,
    /// What was tried.
    pub operation: &'static str,
    /// What was said, and where it helps, what a person can do.
    pub detail: String,
}

/// What to do next when the store does not do as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// It does not work: try again later.
    Failed,
    /// Another spec is in force by now, or other orders: think again.
    Outdated,
    /// Another service looks after the tenant: leave it alone.
    Deposed,
}

/// Tells the time, and waits.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Now;

    /// Returns after this long, by the steady clock.
    async fn sleep(&self, duration: SignedDuration);
}

/// The world, as one tenant's controller meets it.
#[derive(Clone)]
pub struct Ports {
    /// The operator's clouds.
    pub clouds: BTreeMap<CloudName, Arc<dyn Southbound>>,
    /// What they have to offer, and what it costs.
    pub market: Arc<Market>,
    /// Makes packets go where they should.
    pub dataplane: Arc<dyn Dataplane>,
    /// Measures instances.
    pub meter: Arc<dyn Meter>,
    /// Remembers.
    pub store: Arc<dyn Store>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports")
            .field("clouds", &self.clouds.keys())
            .finish_non_exhaustive()
    }
}
