//! What was measured, with its unit and its age.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::id::{InstanceId, MetricName, NameError};

/// What can be measured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Metric {
    /// Share of the processor time that its template allows: 0 to 1.
    Cpu,
    /// Share of the memory that its template allows: 0 to 1.
    Memory,
    /// Read from disk: megabytes per second.
    DiskRead,
    /// Written to disk: megabytes per second.
    DiskWrite,
    /// Share of its disk that is free: 0 to 1.
    DiskFree,
    /// Received: megabytes per second.
    NetworkIn,
    /// Sent: megabytes per second.
    NetworkOut,
    /// New connections per second, counted by the load balancer.
    ConnectionsPerSecond,
    /// Connections open at this moment, counted by the load balancer.
    Connections,
    /// Requests per second, from the access log.
    RequestsPerSecond,
    /// Seconds from a request to its answer, the mean over requests, from the access log.
    ResponseTime,
    /// A value that the application pushes.
    Pushed(MetricName),
    /// What this query answers, asked of the operator's Prometheus.
    Prometheus(String),
}

/// What a metric's value is a quantity of, which tells how it may be added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share of one: a threshold in percent makes sense.
    Share,
    /// Something per second: over a time it adds up to a number.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Anything else.
    Number,
}

/// How the text of a pushed value's metric begins.
const PUSHED: &str = "pushed:";
/// How the text of a query's metric begins.
const PROMETHEUS: &str = "prometheus:";

impl Metric {
    /// Those with a name of their own, in the order in which they are shown.
    pub const NAMED: [Self; 11] = [
        Self::Cpu,
        Self::Memory,
        Self::DiskRead,
        Self::DiskWrite,
        Self::DiskFree,
        Self::NetworkIn,
        Self::NetworkOut,
        Self::ConnectionsPerSecond,
        Self::Connections,
        Self::RequestsPerSecond,
        Self::ResponseTime,
    ];

    /// The word in the tenant file and in the CSV; for a pushed value its name, for a query its text.
    pub fn name(&self) -> &str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::DiskRead => "disk_read",
            Self::DiskWrite => "disk_write",
            Self::DiskFree => "disk_free",
            Self::NetworkIn => "network_in",
            Self::NetworkOut => "network_out",
            Self::ConnectionsPerSecond => "connections_per_second",
            Self::Connections => "connections",
            Self::RequestsPerSecond => "requests_per_second",
            Self::ResponseTime => "response_time",
            Self::Pushed(name) => name.as_str(),
            Self::Prometheus(query) => query,
        }
    }

    /// What its value is a quantity of.
    pub fn unit(&self) -> Unit {
        match self {
            Self::Cpu | Self::Memory | Self::DiskFree => Unit::Share,
            Self::DiskRead
            | Self::DiskWrite
            | Self::NetworkIn
            | Self::NetworkOut
            | Self::ConnectionsPerSecond
            | Self::RequestsPerSecond => Unit::PerSecond,
            Self::ResponseTime => Unit::Seconds,
            Self::Connections | Self::Pushed(_) | Self::Prometheus(_) => Unit::Number,
        }
    }

    /// A share of one, so that a threshold in percent makes sense.
    pub fn is_share(&self) -> bool {
        self.unit() == Unit::Share
    }

    /// Counted at the load balancer or by the application, also of instances that still warm up.
    pub fn counts_while_warming(&self) -> bool {
        !matches!(self.unit(), Unit::Share | Unit::Seconds)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        match &metric {
            Metric::Pushed(name) => format!("{PUSHED}{name}"),
            Metric::Prometheus(query) => format!("{PROMETHEUS}{query}"),
            named => named.name().to_owned(),
        }
    }
}

/// A text that names no metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMetric {
    /// None of ours.
    #[error("`{0}` is no metric")]
    Unknown(String),
    /// Its name is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for Metric {
    type Err = NoMetric;
    fn from_str(text: &str) -> Result<Self, NoMetric> {
        if let Some(name) = text.strip_prefix(PUSHED) {
            return Ok(Self::Pushed(name.parse()?));
        }
        if let Some(query) = text.strip_prefix(PROMETHEUS) {
            return Ok(Self::Prometheus(query.to_owned()));
        }
        Self::NAMED
            .into_iter()
            .find(|metric| metric.name() == text)
            .ok_or_else(|| NoMetric::Unknown(text.to_owned()))
    }
}

impl TryFrom<String> for Metric {
    type Error = NoMetric;
    fn try_from(text: String) -> Result<Self, NoMetric> {
        text.parse()
    }
}

/// One reading of one metric. A meter that has no valid reading gives none: silence is not zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Of which instance; `None` for all of them together.
    pub instance: Option<InstanceId>,
    /// Of what.
    pub metric: Metric,
    /// How much.
    pub value: Amount,
    /// When it was read, by the steady clock.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_one_word_in_json_and_comes_back() {
        let mut metrics = Metric::NAMED.to_vec();
        metrics.push(Metric::Pushed("queue_length".parse().unwrap()));
        metrics.push(Metric::Prometheus("sum(rate(x[1m]))".to_owned()));
        for metric in metrics {
            let text = serde_json::to_string(&metric).unwrap();
            assert_eq!(
                serde_json::from_str::<Metric>(&text).unwrap(),
                metric,
                "{text}"
            );
        }
    }
}
