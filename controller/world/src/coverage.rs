//! What has happened at all. A fault, a move or a recovery that never occurs over many seeds is not tested, however green the
//! run, so the run says which and fails.

use std::collections::{BTreeMap, BTreeSet};

use controller::instance::Phase;

/// Every phase.
const PHASES: [Phase; 9] = [
    Phase::Intent,
    Phase::Launching,
    Phase::Booting,
    Phase::Standby,
    Phase::InService,
    Phase::Draining,
    Phase::Terminating,
    Phase::Gone,
    Phase::Failed,
];

/// The rows of recovery that apply to a core which asks by intents, and what else has to be seen once.
pub(crate) const ROWS: [&str; 19] = [
    "an instance is adopted that no answer told of",
    "the same launch again, its instance exists",
    "the same launch again, nothing exists",
    "a token whose instance was terminated",
    "a half-made instance is started",
    "a launch without an answer is waited for",
    "a launch is refused and has failed",
    "an instance is given up that its cloud does not show",
    "an instance is given up that was never healthy",
    "an instance in no record is removed",
    "a node dies between a record and its effect",
    "a node dies between an effect and its record",
    "a node wakes after another has taken over",
    "a deposed node is refused by the kernel",
    "a deposed node is refused by the store",
    "a tenant is destroyed and made again",
    "an offering has no room",
    "a spot instance is made",
    "a template changes",
];

/// What has happened.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    rows: BTreeSet<&'static str>,
    moves: BTreeMap<(Phase, Phase), u64>,
}

impl Coverage {
    pub(crate) fn row(&mut self, row: &'static str) {
        debug_assert!(ROWS.contains(&row), "{row} is in no list");
        self.rows.insert(row);
    }

    pub(crate) fn moved(&mut self, from: Phase, to: Phase) {
        *self.moves.entry((from, to)).or_default() += 1;
    }

    /// Takes in what happened in another world.
    pub fn add(&mut self, other: &Self) {
        self.rows.extend(&other.rows);
        for (step, times) in &other.moves {
            *self.moves.entry(*step).or_default() += times;
        }
    }

    /// What never happened: recoveries, and moves that the core's table allows.
    pub fn missing(&self) -> Vec<String> {
        let rows = ROWS.iter().filter(|row| !self.rows.contains(*row));
        let mut missing: Vec<String> = rows.map(|row| (*row).to_owned()).collect();
        for from in PHASES {
            for to in PHASES {
                if from.may_become(to) && !self.moves.contains_key(&(from, to)) {
                    missing.push(format!("{from} to {to}"));
                }
            }
        }
        missing
    }
}
