//! The columns of the log files: the one place where they are described. Each field is a column, in this order; an empty cell
//! means "does not apply" or "is not known", never zero.

use std::net::Ipv4Addr;

use controller::amount::Amount;
use controller::id::{CloudName, Generation, InstanceId, TenantName};
use controller::instance::{Cause, Phase};
use controller::load::Metric;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Kind, Row, cell};

/// A row of `actions.csv`. The rows of an instance on its way out (`to` is `draining`, `terminating` or `gone`) carry its
/// drain: the last of them is the certificate that nothing was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRow {
    /// Number in the tenant's journal: grows from row to row, also over days.
    pub seq: u64,
    /// When, in UTC.
    #[serde(with = "cell::time")]
    pub time: Timestamp,
    /// Whose.
    pub tenant: TenantName,
    /// What kind of action.
    pub action: Action,
    /// Which instance.
    pub instance: Option<InstanceId>,
    /// In which cloud.
    pub cloud: Option<CloudName>,
    /// Its address.
    pub address: Option<Ipv4Addr>,
    /// From which phase; empty for an instance that was just wished for.
    pub from: Option<Phase>,
    /// To which.
    pub to: Option<Phase>,
    /// Why, in words; for an order what was asked and by whom.
    #[serde(with = "cell::text")]
    pub why: String,
    /// Why it has to go: `scale_in`, `unhealthy`, `died`, `never_healthy`, `destroyed`.
    pub cause: Option<Cause>,
    /// Connections that it had when it was taken out of rotation.
    pub flows_at_start: Option<u32>,
    /// Connections that it had when it was last counted.
    pub flows_at_end: Option<u32>,
    /// Seconds since it was taken out of rotation.
    #[serde(default, with = "cell::maybe_amount")]
    pub waited_s: Option<Amount>,
    /// On the way to `terminating` and `gone`: whether connections were cut.
    pub forced: Option<bool>,
    /// For an order: the version of the spec that is in force after it.
    pub generation: Option<Generation>,
}

/// What kind of action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// An instance was wished for.
    Launch,
    /// An instance is on its way in, or in.
    Advance,
    /// An instance is on its way out, or out.
    Remove,
    /// An instance never was.
    Fail,
    /// A cloud did not give what it was asked for.
    Refusal,
    /// A person changed something.
    Order,
    /// Something is wrong that a person should know of.
    Alarm,
}

impl Row for ActionRow {
    const KIND: Kind = Kind::Actions;
    const COLUMNS: &'static [&'static str] = &[
        "seq",
        "time",
        "tenant",
        "action",
        "instance",
        "cloud",
        "address",
        "from",
        "to",
        "why",
        "cause",
        "flows_at_start",
        "flows_at_end",
        "waited_s",
        "forced",
        "generation",
    ];

    fn seq(&self) -> u64 {
        self.seq
    }

    fn time(&self) -> Timestamp {
        self.time
    }
}

/// The metric of the rows that say how many instances of a cloud are in service.
pub const IN_SERVICE: &str = "in_service";

/// A row of `metrics.csv`: one reading of one instance, or of the group or a cloud as a whole (`instance` is empty then).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricRow {
    /// Number in the tenant's journal; all rows of one tick have the same.
    pub seq: u64,
    /// When, in UTC.
    #[serde(with = "cell::time")]
    pub time: Timestamp,
    /// Whose.
    pub tenant: TenantName,
    /// Of which instance; empty for a total.
    pub instance: Option<InstanceId>,
    /// In which cloud.
    pub cloud: Option<CloudName>,
    /// `cpu`, `memory`, `disk_free` (shares of 1), `disk_read`, `disk_write`, `network_in`, `network_out` (MB/s),
    /// `connections_per_second`, `connections`, `requests_per_second`, `response_time` (seconds), `pushed:` and a name,
    /// `prometheus:` and a query; [`IN_SERVICE`] for a total.
    #[serde(with = "cell::text")]
    pub metric: String,
    /// How much.
    #[serde(with = "cell::amount")]
    pub value: Amount,
}

impl Row for MetricRow {
    const KIND: Kind = Kind::Metrics;
    const COLUMNS: &'static [&'static str] = &[
        "seq", "time", "tenant", "instance", "cloud", "metric", "value",
    ];

    fn seq(&self) -> u64 {
        self.seq
    }

    fn time(&self) -> Timestamp {
        self.time
    }
}

/// A row of `decisions.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRow {
    /// Number in the tenant's journal.
    pub seq: u64,
    /// When, in UTC.
    #[serde(with = "cell::time")]
    pub time: Timestamp,
    /// Whose.
    pub tenant: TenantName,
    /// How many instances ran or were on their way in.
    pub current: u32,
    /// The number in force until then.
    pub before: u32,
    /// The number in force from then on.
    pub desired: u32,
    /// What that means.
    pub verdict: Verdict,
    /// The metric that the policy follows; empty for a static one.
    pub metric: Option<Metric>,
    /// Its average over the instances that were measured at that moment.
    #[serde(default, with = "cell::maybe_amount")]
    pub average: Option<Amount>,
    /// Where it should be.
    #[serde(default, with = "cell::maybe_amount")]
    pub threshold: Option<Amount>,
    /// How many instances were measured.
    pub fresh: Option<u32>,
    /// How many should have been.
    pub expected: Option<u32>,
    /// The guard that had the last word on the number.
    pub guard: String,
    /// Why, with the figures.
    #[serde(with = "cell::text")]
    pub reason: String,
    /// Every guard that spoke: `guard → number: note`, separated by ` | `.
    #[serde(with = "cell::text")]
    pub steps: String,
    /// The least that was allowed at that moment, as raised by open windows.
    pub min: Option<u32>,
    /// The most.
    pub max: Option<u32>,
}

/// What a decision means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// More.
    ScaleOut,
    /// Fewer.
    ScaleIn,
    /// As many.
    Hold,
}

impl Row for DecisionRow {
    const KIND: Kind = Kind::Decisions;
    const COLUMNS: &'static [&'static str] = &[
        "seq",
        "time",
        "tenant",
        "current",
        "before",
        "desired",
        "verdict",
        "metric",
        "average",
        "threshold",
        "fresh",
        "expected",
        "guard",
        "reason",
        "steps",
        "min",
        "max",
    ];

    fn seq(&self) -> u64 {
        self.seq
    }

    fn time(&self) -> Timestamp {
        self.time
    }
}
