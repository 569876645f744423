//! What happened, and why: the append-only record of a tenant. The CSV files, `status`, `explain` and the chart are views of it.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::decision::Decision;
use crate::id::{CloudName, Generation, InstanceId};
use crate::instance::{Drain, Phase};
use crate::load::{Metric, Sample};

/// One line of a tenant's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 without a gap, per tenant.
    pub seq: u64,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// When, by the steady clock.
    pub steady: Timestamp,
    /// What.
    pub event: Event,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A number was decided, with all that led to it.
    Decided(Decision),
    /// An instance moved on.
    Moved(Move),
    /// A cloud did not give what it was asked for.
    Refused {
        /// Which cloud.
        cloud: CloudName,
        /// What it said, and what follows.
        why: String,
    },
    /// What was measured at one tick.
    Measured {
        /// The readings.
        samples: Vec<Sample>,
    },
    /// The load of an hour that is over, kept for weeks: what forecasts learn from.
    Load(Loads),
    /// A person changed something.
    Ordered {
        /// What was asked: `apply`, `pause`, `resume`, `scale`, `destroy`.
        order: String,
        /// The generation that is in force after it.
        generation: Generation,
        /// Who asked, and with which numbers.
        detail: String,
    },
    /// Something is wrong that a person should know of; written when it begins and when what it says changes.
    Alarm {
        /// What, and what to do.
        what: String,
    },
}

/// The load of a metric over some time, in equal bins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loads {
    /// Of what: the total over all instances.
    pub metric: Metric,
    /// When the first bin begins, by the wall clock, in seconds since 1970: seasons are people's, who live by it.
    pub from: i64,
    /// How long a bin is, in seconds.
    pub bin: u32,
    /// The mean over each bin; `None` where too little was measured in it.
    pub values: Vec<Option<Amount>>,
}

/// An instance moved from one phase to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Who.
    pub instance: InstanceId,
    /// Where.
    pub cloud: CloudName,
    /// With which address.
    pub address: Ipv4Addr,
    /// From which phase; `None` where it was just wished for.
    pub from: Option<Phase>,
    /// To which.
    pub to: Phase,
    /// Why, in words.
    pub why: String,
    /// How it leaves: on `gone` this is the drain certificate.
    pub drain: Option<Drain>,
}
