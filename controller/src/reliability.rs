//! Which clouds have failed least: launches that were refused and instances that broke, for each launch of the last hour (S4-83).
//! Made from the moves of instances alone, so that the journal tells the same after a restart.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use crate::history::SPAN;
use crate::id::CloudName;
use crate::instance::{Cause, Phase};
use crate::journal::Move;

/// So many moves of one cloud are remembered at most.
const MOVES: usize = 1_000;
/// Clouds are told apart by steps of so many failures in a hundred launches …
const STEP: u32 = 20;
/// … and one comes back to a better step only when it is better by so many more, or two clouds would change places all the time.
const MARGIN: u32 = 10;
/// As if so many launches more had gone well: one failure is chance.
const CREDIT: u32 = 2;

/// What is remembered of all clouds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reliability(BTreeMap<CloudName, Record>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Record {
    moves: VecDeque<(Timestamp, What)>,
    step: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Launch,
    Failure,
}

impl Reliability {
    /// An instance has moved.
    pub(crate) fn hear(&mut self, step: &Move, at: Timestamp) {
        let cause = step.drain.as_ref().map(|drain| drain.cause);
        let begins_to_leave = !matches!(step.from, Some(Phase::Draining | Phase::Terminating));
        let what = match step.to {
            Phase::Intent => What::Launch,
            Phase::Failed => What::Failure,
            Phase::Draining | Phase::Terminating
                if begins_to_leave && cause.is_some_and(Cause::is_breakage) =>
            {
                What::Failure
            }
            Phase::Launching
            | Phase::Booting
            | Phase::Standby
            | Phase::InService
            | Phase::Draining
            | Phase::Terminating
            | Phase::Gone => return,
        };
        let record = self.0.entry(step.cloud.clone()).or_default();
        if record.moves.len() == MOVES {
            record.moves.pop_front();
        }
        record.moves.push_back((at, what));
    }

    /// Judges all clouds anew, once at each tick that measures.
    pub(crate) fn judge(&mut self, now: Timestamp) {
        for record in self.0.values_mut() {
            record.judge(now);
        }
    }

    /// How far down a cloud belongs: 0 for one that has hardly failed, up to 5. Equal ones keep the order of the tenant.
    pub fn standing(&self, cloud: &CloudName) -> u32 {
        self.0.get(cloud).map_or(0, |record| record.step)
    }
}

impl Record {
    fn judge(&mut self, now: Timestamp) {
        let is_old = |at: Timestamp| now.duration_since(at) > SPAN;
        while self.moves.front().is_some_and(|(at, _)| is_old(*at)) {
            self.moves.pop_front();
        }
        let count = |what| {
            let such = self.moves.iter().filter(|(_, one)| *one == what).count();
            u32::try_from(such).unwrap_or(u32::MAX)
        };
        let failed = count(What::Failure).saturating_mul(100);
        let percent = (failed / (count(What::Launch) + CREDIT)).min(100);
        let step = percent / STEP;
        if step > self.step || percent + MARGIN <= self.step * STEP {
            self.step = step;
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::example;
    use crate::instance::Drain;

    fn step(from: Option<Phase>, to: Phase, cause: Option<Cause>) -> Move {
        let instance = example::instance(0);
        Move {
            instance: instance.id,
            cloud: instance.cloud,
            address: instance.address,
            from,
            to,
            why: String::new(),
            drain: cause.map(|cause| Drain {
                cause,
                started: example::now().steady,
                limit: SignedDuration::ZERO,
                flows_at_start: None,
                flows_at_end: None,
            }),
        }
    }

    /// The standing after so many launches, of which so many failed.
    fn standing(all: &mut Reliability, launches: u32, failures: u32, now: Timestamp) -> u32 {
        for nth in 0..launches {
            all.hear(&step(None, Phase::Intent, None), now);
            if nth < failures {
                all.hear(&step(Some(Phase::Intent), Phase::Failed, None), now);
            }
        }
        all.judge(now);
        all.standing(&example::instance(0).cloud)
    }

    // S4-83
    #[test]
    fn a_cloud_that_fails_goes_down_and_comes_back_when_it_is_clearly_better() {
        let now = example::now().steady;
        let mut all = Reliability::default();

        assert_eq!(standing(&mut all, 8, 1, now), 0, "one of ten");
        assert_eq!(standing(&mut all, 2, 2, now), 1, "three of twelve");
        assert_eq!(
            standing(&mut all, 4, 0, now),
            1,
            "three of sixteen are 18 %, not 10"
        );
        assert_eq!(standing(&mut all, 12, 0, now), 0, "three of twenty-eight");
    }

    #[test]
    fn what_is_older_than_an_hour_is_forgotten() {
        let now = example::now().steady;
        let mut all = Reliability::default();
        assert_eq!(standing(&mut all, 2, 2, now), 2);

        all.judge(now + SPAN);
        assert_eq!(all.standing(&example::instance(0).cloud), 2);
        all.judge(now + SPAN + SignedDuration::from_secs(1));
        assert_eq!(all.standing(&example::instance(0).cloud), 0);
    }

    #[test]
    fn one_that_breaks_counts_once_and_one_that_is_not_needed_does_not() {
        let now = example::now().steady;
        let mut all = Reliability::default();
        let (up, out) = (Some(Phase::InService), Some(Phase::Draining));
        all.hear(&step(up, Phase::Draining, Some(Cause::Unhealthy)), now);
        all.hear(&step(out, Phase::Terminating, Some(Cause::Unhealthy)), now);
        all.hear(&step(up, Phase::Draining, Some(Cause::ScaleIn)), now);
        all.judge(now);

        assert_eq!(
            all.standing(&example::instance(0).cloud),
            2,
            "one to two to the good"
        );
    }
}
