//! What a tenant looks like after a tick: everything that `status` shows, and nothing that needs the world.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::decision::Decision;
use crate::id::{CloudName, Generation, TenantName};
use crate::instance::Instance;
use crate::load::Metric;
use crate::network::Health;
use crate::ports::Orders;

/// A tenant after a tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Who.
    pub tenant: TenantName,
    /// When the tick ended, by the wall clock.
    pub at: Timestamp,
    /// The version of the spec that the tick followed.
    pub generation: Generation,
    /// What people have ordered.
    pub orders: Orders,
    /// Whether the world is as it is wanted: nothing is on its way in or out, the wanted number is in service, and the
    /// network agrees.
    pub is_settled: bool,
    /// The bounds in force.
    pub min: u32,
    /// The bounds in force.
    pub max: u32,
    /// The last decision: `None` before the first tick has ended.
    pub decision: Option<Decision>,
    /// The metric that the policy follows: `None` for a static one.
    pub metric: Option<MetricStatus>,
    /// Every instance that is not over, in order of slot.
    pub instances: Vec<InstanceStatus>,
    /// Every cloud that the tenant wants, the preferred one first.
    pub clouds: Vec<CloudStatus>,
    /// What those that stay cost for an hour, at the operator's prices; `None` where he has named none.
    #[serde(default)]
    pub cost: Option<Amount>,
    /// What carries the traffic between transit and sites.
    pub tunnel: String,
    /// What is wrong now, in words, each with what to do.
    pub alarms: Vec<String>,
}

/// The metric that the policy follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricStatus {
    /// Which.
    pub metric: Metric,
    /// Its average over the window; `None` where too few readings are fresh.
    pub average: Option<Amount>,
    /// Where it should be; `None` for a signal that is no target.
    pub threshold: Option<Amount>,
    /// How many instances gave a fresh reading.
    pub fresh: u32,
    /// Of how many.
    pub expected: u32,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// The record.
    pub instance: Instance,
    /// How it answers.
    pub health: Health,
    /// Whether the rules, read back, lead to it.
    pub is_routed: bool,
    /// Connections that it has.
    pub flows: Option<u32>,
    /// What has changed about its template since it was made; `None` where nothing has.
    #[serde(default)]
    pub outdated: Option<String>,
    /// Its last readings.
    pub metrics: BTreeMap<Metric, Amount>,
}

/// One cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudStatus {
    /// Which.
    pub name: CloudName,
    /// How many of the tenant's instances are there, those on their way out included.
    pub instances: u32,
    /// The tenant's own limit there.
    pub max: Option<u32>,
    /// Why nothing is launched there now; `None` where something would be.
    pub refuses: Option<String>,
    /// What of it is not asked for now, and why: machine types, zones, spot.
    #[serde(default)]
    pub refused_offerings: Vec<String>,
}
