//! An instance as it really is, whatever anybody believes of it. What will become of it is written down in advance, as
//! moments; what it is now follows from them.

use std::net::Ipv4Addr;

use controller::id::{InstanceId, ProviderId};
use controller::offering::Offering;
use controller::ports::CloudState;

use crate::moment::At;

/// A moment that never comes.
pub(crate) const NEVER: At = At::MAX;

/// An instance that exists, or did.
#[derive(Debug, Clone)]
pub(crate) struct Real {
    /// Whose; `None` for somebody else's.
    pub(crate) tenant: Option<usize>,
    pub(crate) id: InstanceId,
    pub(crate) provider: ProviderId,
    pub(crate) address: Ipv4Addr,
    pub(crate) offering: Offering,
    pub(crate) made: At,
    /// Defined and not started: it waits for its launch to be repeated.
    pub(crate) is_half_made: bool,
    /// Its operation was accepted and comes to nothing.
    pub(crate) is_to_fail: bool,
    pub(crate) running_from: At,
    /// It answers from here on, once it runs.
    pub(crate) well_from: At,
    /// It does not answer in between.
    pub(crate) ill: (At, At),
    pub(crate) stopped_from: At,
    /// Its removal was accepted.
    pub(crate) leaves_from: At,
    pub(crate) gone_from: At,
    /// Listings show it in between.
    pub(crate) shown: (At, At),
}

impl Real {
    /// Whether it takes room and costs money.
    pub(crate) fn exists(&self, now: At) -> bool {
        now < self.gone_from
    }

    /// Whether no listing ever shows it.
    pub(crate) fn is_stillborn(&self) -> bool {
        self.shown.0 == NEVER
    }

    fn is_ill(&self, now: At) -> bool {
        (self.ill.0..self.ill.1).contains(&now)
    }

    /// Whether it answers its clients.
    pub(crate) fn serves(&self, now: At) -> bool {
        !self.is_half_made && self.has_begun(now) && now < self.end() && !self.is_ill(now)
    }

    /// When it answers first.
    pub(crate) fn began(&self) -> At {
        self.running_from.max(self.well_from)
    }

    /// Whether it has ever answered, or would have.
    pub(crate) fn has_begun(&self, now: At) -> bool {
        now >= self.began()
    }

    fn end(&self) -> At {
        self.stopped_from.min(self.leaves_from).min(self.gone_from)
    }

    /// Since when it has answered, or has not.
    pub(crate) fn since(&self, now: At) -> At {
        if self.serves(now) {
            let recovered = if self.ill.1 <= now { self.ill.1 } else { 0 };
            return self.began().max(recovered);
        }
        let ended = [self.end(), self.ill.0];
        ended
            .into_iter()
            .filter(|at| *at <= now)
            .min()
            .unwrap_or(self.made)
    }

    /// Whether something has befallen it that nobody could know of before `since`.
    pub(crate) fn has_failed_since(&self, since: At, now: At) -> bool {
        let befell = [self.stopped_from, self.ill.0, self.gone_from];
        befell.into_iter().any(|at| (since..=now).contains(&at))
    }

    pub(crate) fn state(&self, now: At) -> CloudState {
        if self.is_half_made || now >= self.stopped_from || now >= self.leaves_from {
            CloudState::Stopped
        } else if now < self.running_from {
            CloudState::Starting
        } else {
            CloudState::Running
        }
    }

    pub(crate) fn is_shown(&self, now: At) -> bool {
        let lingers = self.gone_from.max(self.shown.1);
        (self.shown.0..lingers).contains(&now)
    }
}
