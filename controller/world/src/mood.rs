//! Faults that last: until when each kind holds a cloud, a tenant, the store or a node.

use crate::fault::{Fault, KINDS};
use crate::moment::At;

/// Until when each kind of fault lasts here, and since when.
#[derive(Debug, Clone)]
pub(crate) struct Moods {
    spells: [(At, At); KINDS],
}

impl Default for Moods {
    fn default() -> Self {
        Self {
            spells: [(0, 0); KINDS],
        }
    }
}

impl Moods {
    pub(crate) fn set(&mut self, kind: Fault, from: At, until: At) {
        let spell = &mut self.spells[kind as usize];
        // One that begins while the last still lasts makes it longer.
        if spell.1 < from {
            spell.0 = from;
        }
        spell.1 = spell.1.max(until);
    }

    pub(crate) fn is_on(&self, kind: Fault, now: At) -> bool {
        now < self.spells[kind as usize].1
    }

    /// Since when it lasts, if it does.
    pub(crate) fn since(&self, kind: Fault, now: At) -> Option<At> {
        self.is_on(kind, now)
            .then_some(self.spells[kind as usize].0)
    }

    /// Whether it has lasted at any time since.
    pub(crate) fn was_on(&self, kind: Fault, since: At) -> bool {
        self.spells[kind as usize].1 > since
    }

    pub(crate) fn end(&mut self, now: At) {
        for (_, until) in &mut self.spells {
            *until = (*until).min(now);
        }
    }
}
