//! What was measured, with its unit and its age.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::id::InstanceId;

/// What can be measured of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of the processor time that its template allows: 0 to 1.
    Cpu,
    /// Share of the memory that its template allows: 0 to 1.
    Memory,
    /// New connections per second, counted by the load balancer.
    ConnectionsPerSecond,
    /// Connections open at this moment, counted by the load balancer.
    Connections,
}

impl Metric {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [
        Self::Cpu,
        Self::Memory,
        Self::ConnectionsPerSecond,
        Self::Connections,
    ];

    /// The word in the tenant file and in the CSV.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::ConnectionsPerSecond => "connections_per_second",
            Self::Connections => "connections",
        }
    }

    /// A share of one, so that a threshold in percent makes sense.
    pub fn is_share(self) -> bool {
        match self {
            Self::Cpu | Self::Memory => true,
            Self::ConnectionsPerSecond | Self::Connections => false,
        }
    }
}

/// One reading of one metric of one instance. A meter that has no valid reading gives none: silence is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Of whom.
    pub instance: InstanceId,
    /// Of what.
    pub metric: Metric,
    /// How much.
    pub value: Amount,
    /// When it was read, by the steady clock.
    pub at: Timestamp,
}
