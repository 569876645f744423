//! Remembers a journal, entry by entry, as the tick that wrote it did.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::history::History;
use crate::id::InstanceId;
use crate::instance::{Cause, Phase};
use crate::journal::{Entry, Event, Move};
use crate::policy::Policy;
use crate::time::Now;

/// A history that is being rebuilt.
#[derive(Debug)]
pub(crate) struct Recall {
    /// What is remembered so far.
    pub(crate) history: History,
    /// Who is on the way in, and since when.
    wished: BTreeMap<InstanceId, Timestamp>,
}

impl Recall {
    /// Goes on from what is known.
    pub(crate) fn of(history: History) -> Self {
        Self {
            history,
            wished: BTreeMap::new(),
        }
    }

    /// Takes the next entry, as it matters to `policy`. Loads are not in it: they are learned before all others.
    pub(crate) fn hear(&mut self, entry: &Entry, policy: &Policy) {
        if let Event::Decided(decision) = &entry.event {
            let now = Now {
                steady: entry.steady,
                wall: entry.at,
            };
            self.history.read(policy, &decision.readings, now);
        }
        self.hear_without_readings(entry);
    }

    /// Takes the next entry where the policy is not known: what was measured is not understood then.
    pub(crate) fn hear_without_readings(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Decided(decision) => self.history.remember(decision, entry.steady),
            Event::Measured { samples } => self.history.measure(samples),
            Event::Moved(step) => self.see(step, entry.steady),
            Event::Load(_)
            | Event::Refused { .. }
            | Event::Ordered { .. }
            | Event::Alarm { .. } => {}
        }
    }

    fn see(&mut self, step: &Move, steady: Timestamp) {
        self.history.reliability.hear(step, steady);
        if step.to == Phase::Intent {
            self.wished.insert(step.instance, steady);
        }
        if step.to.is_up()
            && let Some(from) = self.wished.remove(&step.instance)
        {
            let took = steady.duration_since(from);
            self.history.booted(&step.cloud, took);
        }
        let cause = step.drain.as_ref().map(|drain| drain.cause);
        if step.to == Phase::Terminating && cause == Some(Cause::NeverHealthy) {
            self.history.refusals_of(&step.cloud).never_healthy(steady);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::decision::{Decision, Guard, Step};
    use crate::example;

    // I4: seed 2147 of the world, where a clock leapt and what was older than a day before was no longer told.
    #[test]
    fn the_first_decision_that_a_journal_still_has_counts_as_it_did_then() {
        let now = example::now();
        let grown = Decision {
            before: 2,
            desired: 3,
            steps: vec![Step {
                guard: Guard::Target,
                number: 3,
                note: String::new(),
            }],
            ..Decision::default()
        };
        let tick = SignedDuration::from_secs(10);
        let mut then = History::new(tick);
        then.in_force = Some(2);
        then.remember(&grown, now.steady);
        assert_eq!(then.changes, [(now.steady, 1)]);

        let entry = Entry {
            seq: 1,
            at: now.wall,
            steady: now.steady,
            event: Event::Decided(grown),
        };
        let told = History::rebuild(&[entry], &example::spec().policy, tick);
        assert_eq!(told.changes, then.changes);
        assert_eq!(told.last_out, then.last_out);
    }
}
