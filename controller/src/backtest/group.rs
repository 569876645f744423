//! The instances of a backtest: those that boot and those that serve, counted by when they came.

use std::collections::VecDeque;

/// So many instances that came together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cohort {
    /// The first tick that they serve.
    from: usize,
    count: u32,
}

/// How many boot, and how many serve.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    /// Those there from the beginning are warm.
    founders: u32,
    /// In service, oldest first.
    serving: VecDeque<Cohort>,
    /// On their way in, oldest first.
    booting: VecDeque<Cohort>,
}

impl Group {
    pub(super) fn of(founders: u32) -> Self {
        Self {
            founders,
            ..Self::default()
        }
    }

    /// How many are in service.
    pub(super) fn serving(&self) -> u32 {
        self.founders + count(&self.serving)
    }

    /// How many are in service or on their way in.
    pub(super) fn total(&self) -> u32 {
        self.serving() + count(&self.booting)
    }

    /// How many in service came less than `ticks` before `tick`.
    pub(super) fn young(&self, tick: usize, ticks: usize) -> u32 {
        let young = self
            .serving
            .iter()
            .rev()
            .take_while(|cohort| cohort.is_young(tick, ticks));
        young.map(|cohort| cohort.count).sum()
    }

    /// Those whose boot is over come into service. How many times some did.
    pub(super) fn arrive(&mut self, tick: usize) -> usize {
        let ready = self
            .booting
            .iter()
            .take_while(|cohort| cohort.from <= tick)
            .count();
        self.serving.extend(self.booting.drain(..ready));
        ready
    }

    /// Launches what is missing to `wanted`: it serves `boot` ticks after `tick`.
    pub(super) fn grow_to(&mut self, wanted: u32, tick: usize, boot: usize) {
        let cohort = Cohort {
            from: tick.saturating_add(boot),
            count: wanted.saturating_sub(self.total()),
        };
        if cohort.count > 0 {
            let queue = if boot == 0 {
                &mut self.serving
            } else {
                &mut self.booting
            };
            queue.push_back(cohort);
        }
    }

    /// Lets go what is too much at `tick`: booting ones first, then the newest that are not younger than `lifetime` ticks.
    pub(super) fn shrink_to(&mut self, wanted: u32, tick: usize, lifetime: usize) {
        let surplus = self.total().saturating_sub(wanted);
        let surplus = take(&mut self.booting, surplus);
        let old = self
            .serving
            .partition_point(|cohort| !cohort.is_young(tick, lifetime));
        let mut young = self.serving.split_off(old);
        let surplus = take(&mut self.serving, surplus);
        self.serving.append(&mut young);
        self.founders = self.founders.saturating_sub(surplus);
    }
}

impl Cohort {
    fn is_young(&self, tick: usize, ticks: usize) -> bool {
        self.from.saturating_add(ticks) > tick
    }
}

fn count(cohorts: &VecDeque<Cohort>) -> u32 {
    cohorts.iter().map(|cohort| cohort.count).sum()
}

/// Takes so many, newest first. How many are still to be taken.
fn take(cohorts: &mut VecDeque<Cohort>, mut surplus: u32) -> u32 {
    while surplus > 0 {
        let Some(last) = cohorts.back_mut() else {
            break;
        };
        let taken = last.count.min(surplus);
        last.count -= taken;
        surplus -= taken;
        if last.count == 0 {
            cohorts.pop_back();
        }
    }
    surplus
}
