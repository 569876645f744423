//! What is wanted of each tenant, kept at hand: it is asked for at every tick, and changes once in a while. The tables are the
//! truth; what is kept here was read from them, and is forgotten when they change, before whoever changed them is answered.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use controller::id::TenantName;
use controller::ports::Wish;

/// The wishes that were read and have not changed since.
#[derive(Debug, Default)]
pub(super) struct Wishes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How many changes there were.
    changes: u64,
    slots: BTreeMap<TenantName, Slot>,
}

#[derive(Debug)]
enum Slot {
    Known(Box<Wish>),
    /// By the change of this number. A look that began before it may have seen what was before.
    Changed(u64),
}

/// When a look into the tables began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began(u64);

impl Wishes {
    /// A panic elsewhere leaves the state whole: every change is one assignment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wanted of a tenant; where that is not at hand, the moment at which a look into the tables may begin.
    pub(super) fn get(&self, tenant: &TenantName) -> Result<Wish, Began> {
        let state = self.state();
        match state.slots.get(tenant) {
            Some(Slot::Known(wish)) => Ok(Wish::clone(wish)),
            Some(Slot::Changed(_)) | None => Err(Began(state.changes)),
        }
    }

    /// The moment at which a look into the tables begins.
    pub(super) fn began(&self) -> Began {
        Began(self.state().changes)
    }

    /// Keeps what a look has found, unless it has changed since that began.
    pub(super) fn keep(&self, tenant: &TenantName, wish: &Wish, began: Began) {
        let mut state = self.state();
        if let Some(Slot::Changed(change)) = state.slots.get(tenant)
            && *change > began.0
        {
            return;
        }
        let known = Slot::Known(Box::new(wish.clone()));
        state.slots.insert(tenant.clone(), known);
    }

    /// What was known of this tenant's wish may be true no more.
    pub(super) fn changed(&self, tenant: &TenantName) {
        let mut state = self.state();
        state.changes += 1;
        let change = Slot::Changed(state.changes);
        state.slots.insert(tenant.clone(), change);
    }
}

#[cfg(test)]
mod tests {
    use controller::example;
    use controller::id::Generation;
    use controller::ports::Orders;

    use super::*;

    fn wish(generation: u64) -> Wish {
        Wish {
            spec: example::spec(),
            generation: Generation(generation),
            orders: Orders::default(),
        }
    }

    #[test]
    fn a_look_that_began_before_a_change_is_not_kept() {
        let wishes = Wishes::default();
        let demo = "demo".parse().unwrap();
        let other = "other".parse().unwrap();
        let early = wishes.get(&demo).unwrap_err();
        wishes.changed(&demo);

        wishes.keep(&demo, &wish(1), early);
        wishes.keep(&other, &wish(1), early);
        let late = wishes.get(&demo).unwrap_err();
        wishes.keep(&demo, &wish(2), late);

        assert_eq!(wishes.get(&demo).unwrap().generation, Generation(2));
        assert_eq!(wishes.get(&other).unwrap().generation, Generation(1));
        wishes.changed(&demo);
        assert!(wishes.get(&demo).is_err());
    }
}
