//! An instance, from the wish to the end of it.
//!
//! ```text
//!                              ┌──► Standby ──┐
//!                              │       │      ▼
//!  Intent ──► Launching ──► Booting ───│──► InService ──► Draining
//!    │ └──────────│────────────▲       │      │              │
//!    │            └────────────┴─ died ┴──────┴──────────────┴──► Terminating ──► Gone
//!    └────────────┴─ refused ──► Failed
//! ```

use std::fmt;
use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{CloudName, InstanceId, ProviderId, TemplateName};
use crate::offering::Offering;

/// How far an instance has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Written down; the cloud may or may not have been asked.
    Intent,
    /// The cloud has accepted and not started it yet.
    Launching,
    /// It runs and is not healthy yet.
    Booting,
    /// It is healthy and out of rotation, to come into service at once (S4-15).
    Standby,
    /// It is healthy and receives connections.
    InService,
    /// It may finish the connections it has, and receives new ones only while too few others serve.
    Draining,
    /// It is being removed.
    Terminating,
    /// It is removed, and its address is free.
    Gone,
    /// It never was: the cloud refused, with proof.
    Failed,
}

/// Every move that an instance may make; any other is a bug.
const LEGAL: [(Phase, Phase); 15] = [
    (Phase::Intent, Phase::Launching),
    (Phase::Intent, Phase::Booting),
    (Phase::Intent, Phase::Failed),
    (Phase::Launching, Phase::Booting),
    (Phase::Launching, Phase::Failed),
    (Phase::Launching, Phase::Terminating),
    (Phase::Booting, Phase::Standby),
    (Phase::Booting, Phase::InService),
    (Phase::Booting, Phase::Terminating),
    (Phase::Standby, Phase::InService),
    (Phase::Standby, Phase::Terminating),
    (Phase::InService, Phase::Draining),
    (Phase::InService, Phase::Terminating),
    (Phase::Draining, Phase::Terminating),
    (Phase::Terminating, Phase::Gone),
];

impl Phase {
    /// Whether an instance may move from `self` to `to`.
    pub fn may_become(self, to: Self) -> bool {
        LEGAL.contains(&(self, to))
    }

    /// Nothing comes after this.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Gone | Self::Failed)
    }

    /// On its way in, or in.
    pub fn counts(self) -> bool {
        self.is_coming() || self == Self::InService
    }

    /// On its way in: into service, or into the warm pool.
    pub fn is_coming(self) -> bool {
        matches!(self, Self::Intent | Self::Launching | Self::Booting)
    }

    /// It was healthy and should still be.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Standby | Self::InService)
    }

    /// The word in the CSV and in the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Launching => "launching",
            Self::Booting => "booting",
            Self::Standby => "standby",
            Self::InService => "in_service",
            Self::Draining => "draining",
            Self::Terminating => "terminating",
            Self::Gone => "gone",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What we know of one instance, durably. Written before the cloud is asked; everything that the cloud is told is frozen
/// here, so that asking again after a crash is asking the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name, and the idempotency key of its launch.
    pub id: InstanceId,
    /// Its place among the tenant's instances, from zero; a replacement takes the place of the one it replaces.
    pub slot: u32,
    /// Where it runs.
    pub cloud: CloudName,
    /// What it is made from.
    pub template: TemplateName,
    /// Which of its cloud's choices was taken.
    #[serde(default, skip_serializing_if = "Offering::is_default")]
    pub offering: Offering,
    /// What its template was made of there, where the operator said; see [`crate::market::TemplateOffer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Its address in the tenant's subnet, its own until it is gone.
    pub address: Ipv4Addr,
    /// How far it has come.
    pub phase: Phase,
    /// It belongs to the warm pool: it does not count towards the number that is wanted, and is not sent connections.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_pooled: bool,
    /// Since when (steady).
    pub since: Timestamp,
    /// When it was wished for (steady).
    pub created: Timestamp,
    /// What the cloud calls it, once it has answered.
    pub provider: Option<ProviderId>,
    /// Since when it has been in service (steady).
    pub in_service: Option<Timestamp>,
    /// How it leaves, from `Draining` on.
    pub drain: Option<Drain>,
    /// In how many complete listings in a row its cloud did not show it, and since when (steady).
    pub missing: Option<Missing>,
}

/// An instance that its cloud does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Since when (steady).
    pub since: Timestamp,
    /// In how many complete listings in a row.
    pub listings: u32,
}

/// How an instance leaves; the row in the log that it ends in is its drain certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// Why it has to go.
    pub cause: Cause,
    /// Since when (steady).
    pub started: Timestamp,
    /// After this long its connections are cut.
    pub limit: SignedDuration,
    /// Flows that it had when it was taken out of rotation; `None` until they were counted.
    pub flows_at_start: Option<u32>,
    /// Flows that it had when it was last counted; what is left at the end was cut.
    pub flows_at_end: Option<u32>,
}

/// Why an instance has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Fewer are needed.
    ScaleIn,
    /// Its template has changed, and another one has taken its place or will.
    Replaced,
    /// It answered no more.
    Unhealthy,
    /// Its cloud says that it has stopped.
    Died,
    /// It never became healthy.
    NeverHealthy,
    /// The tenant is being removed.
    Destroyed,
}

impl Cause {
    /// It goes because it is broken, so another one takes its place.
    pub fn is_breakage(self) -> bool {
        match self {
            Self::Unhealthy | Self::Died | Self::NeverHealthy => true,
            Self::ScaleIn | Self::Replaced | Self::Destroyed => false,
        }
    }

    /// We have chosen so: nothing has happened to it.
    pub fn is_choice(self) -> bool {
        matches!(self, Self::ScaleIn | Self::Replaced)
    }

    /// The word in the CSV.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScaleIn => "scale_in",
            Self::Replaced => "replaced",
            Self::Unhealthy => "unhealthy",
            Self::Died => "died",
            Self::NeverHealthy => "never_healthy",
            Self::Destroyed => "destroyed",
        }
    }
}

impl Instance {
    /// Moves on to `phase`.
    ///
    /// # Panics
    /// On a move that is not in the table: a bug of ours, in a debug build; a release refuses the move and says so.
    pub fn enter(&mut self, phase: Phase, now: Timestamp) {
        if !self.phase.may_become(phase) {
            debug_assert!(
                false,
                "{} cannot go from {} to {phase}",
                self.id, self.phase
            );
            tracing::error!(instance = %self.id, from = %self.phase, to = %phase, "illegal move refused");
            return;
        }
        self.phase = phase;
        self.since = now;
        if phase == Phase::InService {
            self.in_service = Some(now);
        }
    }

    /// On its way into service, or in: what counts towards the number that is wanted.
    pub fn counts(&self) -> bool {
        self.phase.counts() && !self.is_pooled
    }

    /// An address on the wire made from the instance's address, so that a replacement in the same slot is the same
    /// neighbour to everybody: `02:00` and the four bytes.
    pub fn mac(&self) -> [u8; 6] {
        let [a, b, c, d] = self.address.octets();
        [0x02, 0x00, a, b, c, d]
    }
}
