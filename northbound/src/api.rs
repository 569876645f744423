//! What the service and the command line say to each other: JSON over HTTP/1 on a Unix socket. Shapes only; `serve` answers,
//! `client` asks.
//!
//! | request | reply |
//! |---|---|
//! | `GET /v1/service` | [`ServiceReport`] |
//! | `GET /v1/clouds`, or `?name=CLOUD` | list of [`CloudReport`] |
//! | `GET /v1/tenants` | list of [`TenantSummary`] |
//! | `POST /v1/plan`, [`Document`] | [`PlanReply`] |
//! | `POST /v1/ahead`, [`AheadRequest`] | [`AheadReply`] |
//! | `POST /v1/apply`, [`Document`] | [`AppliedReply`] |
//! | `GET /v1/tenants/{tenant}` | [`TenantReport`] |
//! | `POST /v1/tenants/{tenant}/orders`, [`OrderRequest`] | [`OrderReply`] |
//! | `POST /v1/tenants/{tenant}/metrics`, [`PushRequest`] | [`PushReply`] |
//! | `GET /v1/tenants/{tenant}/explain?at=TIME` | [`Explanation`] |
//! | `GET /v1/tenants/{tenant}/journal?since=TIME` or `?after=NUMBER` | [`JournalReply`] |
//! | `GET /v1/tenants/{tenant}/logs/{kind}?since=TIME&until=TIME` | `text/csv` |
//!
//! Every refusal is a [`Failure`] with a status that says the same: 404, 409, 422, 500, 503.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use controller::Preview;
use controller::ahead::Ahead;
use controller::amount::Amount;
use controller::id::{CloudName, Generation, InstanceId, MetricName, TenantName};
use controller::journal::Entry;
use controller::load::Metric;
use controller::ports::{Checkup, Orders};
use controller::spec::{Listener, TenantSpec};
use controller::status::Status;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::node::NodeName;
use crate::problem::Problem;
use crate::store::{SpecInForce, Unread};

/// The largest request that is read; a tenant file is at most a quarter of it.
pub const BODY_LIMIT: usize = 256 << 10;

/// A tenant file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its name, as the person knows it.
    pub file: String,
    /// What is in it.
    pub text: String,
    /// Only if the tenant is at this generation; 0 for "only if it is new".
    pub generation: Option<Generation>,
}

/// What an apply did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedReply {
    /// Whose.
    pub tenant: TenantName,
    /// What is in force now.
    pub generation: Generation,
    /// What is different.
    pub change: Changed,
    /// What a person should know about the file.
    pub warnings: Vec<Problem>,
}

/// What an apply changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// The tenant is new.
    Created,
    /// It has another spec than before.
    Updated,
    /// It had this very spec already.
    Same,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanReply {
    /// Whose.
    pub tenant: TenantName,
    /// What is in force; `None` for a new tenant.
    pub generation: Option<Generation>,
    /// What the next tick would do.
    pub preview: Preview,
    /// What a person should know about the file.
    pub warnings: Vec<Problem>,
}

/// A tenant file, and how far to look ahead with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AheadRequest {
    /// The file.
    pub document: Document,
    /// How far.
    pub span: SignedDuration,
}

/// The hours ahead, if the file were in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AheadReply {
    /// Whose.
    pub tenant: TenantName,
    /// The bounds, and the size that is expected.
    pub ahead: Ahead,
}

/// One tenant among all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSummary {
    /// Who.
    pub tenant: TenantName,
    /// What is in force.
    pub generation: Generation,
    /// What people have ordered.
    pub orders: Orders,
    /// How many instances there should be; `None` before the first tick.
    pub desired: Option<u32>,
    /// How many are in service.
    pub in_service: u32,
    /// Whether all is as it should be.
    pub is_settled: bool,
    /// How many things are wrong.
    pub alarms: usize,
    /// Who looks after it; `None` where there is only one service, and while nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
}

/// One tenant, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantReport {
    /// What its last tick saw and did.
    pub status: Status,
    /// Where clients connect to.
    pub public_ip: Ipv4Addr,
    /// The public ports.
    pub listen: Vec<Listener>,
    /// Why its loop does not run now; `None` where it does.
    pub trouble: Option<String>,
    /// Who looks after it; `None` where there is only one service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
}

/// An order beside the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRequest {
    /// What to do.
    pub order: OrderWord,
    /// For `scale`: how many; `None` for what the policy says.
    pub desired: Option<u32>,
    /// Only if the tenant is at this generation.
    pub generation: Option<Generation>,
}

/// What can be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderWord {
    /// No action until resumed.
    Pause,
    /// Act again.
    Resume,
    /// Exactly so many.
    Scale,
    /// Remove the tenant.
    Destroy,
}

/// An order is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReply {
    /// Whose.
    pub tenant: TenantName,
    /// What is in force.
    pub generation: Generation,
}

/// A value that an application pushes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushRequest {
    /// Its name; a policy follows it under this.
    pub name: MetricName,
    /// How much: a number from 0 to a billion.
    #[serde(deserialize_with = "measured")]
    pub value: Amount,
    /// Of which instance; `None` for all of them together.
    #[serde(default)]
    pub instance: Option<InstanceId>,
}

/// As a meter would give it: sums of larger ones could not be written down.
fn measured<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    let value = f64::deserialize(deserializer)?;
    Amount::measured(value)
        .ok_or_else(|| de::Error::custom(format!("{value} is not a number from 0 to a billion")))
}

/// A value was taken. It counts until it is as old as readings may be: three ticks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushReply {
    /// Whose.
    pub tenant: TenantName,
    /// As policies and logs have it: `pushed:queue`.
    pub metric: Metric,
    /// Of which instance.
    pub instance: Option<InstanceId>,
    /// How much.
    pub value: Amount,
    /// When it was taken.
    pub at: Timestamp,
    /// Whether the tenant's policy follows it.
    pub is_followed: bool,
}

/// Why a number was decided, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Whose.
    pub tenant: TenantName,
    /// The spec that was in force; `None` where that is forgotten.
    pub spec: Option<TenantSpec>,
    /// The journal from the decision before (excluded) to the one after (excluded): measurements, the decision itself, what
    /// clouds said, what instances did.
    pub entries: Vec<Entry>,
}

/// A piece of a tenant's journal, with all that is needed to decide it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalReply {
    /// Whose.
    pub tenant: TenantName,
    /// From one look at a tenant to the next.
    pub tick: SignedDuration,
    /// Where the piece begins at a time: the loads of the weeks before.
    pub before: Vec<Entry>,
    /// The entries, oldest first, but for single samples.
    pub entries: Vec<Entry>,
    /// Those that the service cannot read.
    pub unread: Vec<Unread>,
    /// The specs that may have been in force at one of them, oldest first.
    pub specs: Vec<SpecInForce>,
    /// After which number to go on; `None` at the end.
    pub next: Option<u64>,
}

/// The service itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// Its version.
    pub version: String,
    /// The short random text that salts what it makes in the kernel.
    pub deployment: String,
    /// Its process.
    pub process: u32,
    /// Since when it runs.
    pub since: Timestamp,
    /// Where it remembers.
    pub state: PathBuf,
    /// Where the log files are.
    pub logs: PathBuf,
    /// How many tenants it has.
    pub tenants: usize,
    /// The services that share its store, this one included; empty where it is alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeReport>,
}

/// One of the services that share a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// What it is called.
    pub name: NodeName,
    /// The machine that it runs on.
    pub host: String,
    /// Where it listens, on that machine.
    pub socket: PathBuf,
    /// Its process, on that machine.
    pub process: u32,
    /// Whether it is the one that answers.
    pub is_this: bool,
    /// The tenants that it looks after, by name.
    pub tenants: Vec<TenantName>,
}

/// How it stands with a cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudReport {
    /// Its name in the tenants' files.
    pub name: CloudName,
    /// What it is: `local`, `libvirt`, `aws` …
    pub kind: String,
    /// What an instance costs for an hour, in the operator's money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// What was found.
    pub checkup: Checkup,
}

/// Why something was not done. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What the caller does next.
    pub kind: FailureKind,
    /// What is wrong.
    pub message: String,
    /// What a person can do.
    pub hint: Option<String>,
    /// Where the file is wrong.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Correct what was sent.
    BadInput,
    /// There is no such tenant.
    Unknown,
    /// It stands against what is in force.
    Conflict,
    /// Ask again later.
    NotNow,
    /// A person has to look at the service.
    Broken,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two of those that are refused made a sum that the journal could not give back.
    #[test]
    fn a_value_that_no_meter_could_give_is_not_pushed() {
        let read = |value: &str| {
            let text = format!(r#"{{"name":"queue","value":{value}}}"#);
            serde_json::from_str::<PushRequest>(&text).map(|push| push.value)
        };
        assert_eq!(read("1e9").unwrap(), Amount::whole(1_000_000_000));
        assert_eq!(read("-0").unwrap(), Amount::ZERO);
        for value in ["1.7e13", "1000000001", "1e308", "-1"] {
            let refused = read(value).unwrap_err().to_string();
            assert!(
                refused.contains("is not a number from 0 to a billion"),
                "{refused}"
            );
        }
    }
}
