//! What the keys hold, as JSON. Specs, records and events are carried as the text that they were written as, so that a node of
//! an older version keeps for the others, and for its own next version, what it cannot read itself.

use std::collections::BTreeMap;

use controller::id::TenantName;
use controller::instance::Instance;
use controller::journal::Entry;
use controller::ports::Orders;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::keys::Key;
use crate::store::sqlite::{event_kind, nanoseconds};

/// How far a tenant's numbers have come; see the table `counter`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct Counter {
    /// The journal's last entry.
    pub(in crate::store) seq: u64,
    /// The last generation that was given to a spec.
    pub(in crate::store) generation: u64,
    /// The latest moment of the steady clock, in nanoseconds since 1970.
    pub(in crate::store) steady: i64,
}

/// A spec in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::store) struct Spec {
    pub(in crate::store) generation: u64,
    /// The entry that put it in force.
    pub(in crate::store) seq: u64,
    /// When, in nanoseconds since 1970.
    pub(in crate::store) applied: i64,
    /// What it asks for.
    pub(in crate::store) wanted: Box<RawValue>,
    /// What a person has written.
    pub(in crate::store) text: String,
}

/// Records by id.
pub(in crate::store) type Records = BTreeMap<String, Box<RawValue>>;

/// Entries that were written together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::store) struct Batch {
    /// Who wrote them, by a number of its own for each write: so that one that got no answer finds out whether it was this one.
    pub(in crate::store) by: u64,
    pub(in crate::store) entries: Vec<Line>,
}

/// An entry; see the table `journal`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::store) struct Line {
    pub(in crate::store) seq: u64,
    pub(in crate::store) wall: i64,
    pub(in crate::store) steady: i64,
    pub(in crate::store) kind: String,
    pub(in crate::store) event: Box<RawValue>,
}

/// One thing that etcd says about tenants. In the order in which it can be written down: what comes later may need what comes
/// before it.
#[derive(Debug)]
pub(in crate::store) enum Fact {
    Counter {
        tenant: TenantName,
        counter: Counter,
        /// When etcd says so; see [`super::keys`].
        revision: u64,
    },
    Spec {
        tenant: TenantName,
        spec: Spec,
    },
    Orders {
        tenant: TenantName,
        orders: Orders,
    },
    Instances {
        tenant: TenantName,
        part: char,
        records: Records,
    },
    Freed {
        address: String,
    },
    Owned {
        address: String,
        tenant: TenantName,
    },
    /// Of the journal, which goes on where it ended.
    Journal {
        tenant: TenantName,
        lines: Vec<Line>,
    },
    /// Of the journal too, from before the tail.
    Loads {
        tenant: TenantName,
        lines: Vec<Line>,
    },
    Unwanted {
        tenant: TenantName,
    },
}

impl Fact {
    /// Of the facts of one revision, those with a lower number are written down first.
    pub(in crate::store) fn rank(&self) -> u8 {
        match self {
            Self::Counter { .. } => 0,
            Self::Spec { .. } => 1,
            Self::Orders { .. } => 2,
            Self::Instances { .. } => 3,
            Self::Freed { .. } => 4,
            Self::Owned { .. } => 5,
            Self::Journal { .. } => 6,
            Self::Loads { .. } => 7,
            Self::Unwanted { .. } => 8,
        }
    }

    /// Whom it is about; nobody in particular for an address that is free.
    pub(in crate::store) fn tenant(&self) -> Option<&TenantName> {
        match self {
            Self::Counter { tenant, .. }
            | Self::Spec { tenant, .. }
            | Self::Orders { tenant, .. }
            | Self::Instances { tenant, .. }
            | Self::Owned { tenant, .. }
            | Self::Journal { tenant, .. }
            | Self::Loads { tenant, .. }
            | Self::Unwanted { tenant } => Some(tenant),
            Self::Freed { .. } => None,
        }
    }

    /// What this key means with this value, or without any. `None` where it is no business of the copy; an error where it is,
    /// and cannot be read.
    pub(super) fn read(
        key: Key,
        value: Option<&[u8]>,
        revision: u64,
    ) -> Result<Option<Self>, serde_json::Error> {
        Ok(match (key, value) {
            (Key::Counter(tenant), Some(value)) => Some(Self::Counter {
                tenant,
                counter: serde_json::from_slice(value)?,
                revision,
            }),
            (Key::Spec(tenant), Some(value)) => Some(Self::Spec {
                tenant,
                spec: serde_json::from_slice(value)?,
            }),
            (Key::Spec(tenant), None) => Some(Self::Unwanted { tenant }),
            (Key::Orders(tenant), Some(value)) => Some(Self::Orders {
                tenant,
                orders: serde_json::from_slice(value)?,
            }),
            (Key::Instances(tenant, part), value) => Some(Self::Instances {
                tenant,
                part,
                records: value
                    .map(serde_json::from_slice)
                    .transpose()?
                    .unwrap_or_default(),
            }),
            (Key::Address(address), Some(value)) => Some(Self::Owned {
                address: address.to_string(),
                tenant: serde_json::from_slice(value)?,
            }),
            (Key::Address(address), None) => Some(Self::Freed {
                address: address.to_string(),
            }),
            (Key::Journal(tenant, _), Some(value)) => Some(Self::Journal {
                tenant,
                lines: serde_json::from_slice::<Batch>(value)?.entries,
            }),
            (Key::Load(tenant, _), Some(value)) => Some(Self::Loads {
                tenant,
                lines: serde_json::from_slice::<Batch>(value)?.entries,
            }),
            // Trimmed from the tail, or gone with the spec, or of the nodes.
            _ => None,
        })
    }
}

impl Line {
    pub(super) fn of(entry: &Entry) -> Result<Self, serde_json::Error> {
        Ok(Self {
            seq: entry.seq,
            wall: nanoseconds(entry.at),
            steady: nanoseconds(entry.steady),
            kind: event_kind(&entry.event).to_owned(),
            event: serde_json::value::to_raw_value(&entry.event)?,
        })
    }
}

/// The records of the part, with these put in and those that are over taken out.
pub(super) fn merged(
    records: &mut Records,
    instances: &[&Instance],
) -> Result<(), serde_json::Error> {
    for instance in instances {
        let id = instance.id.to_string();
        if instance.phase.is_over() {
            records.remove(&id);
        } else {
            records.insert(id, serde_json::value::to_raw_value(instance)?);
        }
    }
    Ok(())
}
