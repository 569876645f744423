//! Decides the journal again with this version's code, and tells what would have been decided otherwise. Pure.
//!
//! Each decision is put the question that it answered then: what it was made from is written down in it, and what was
//! remembered is heard from the entries before it, in the order in which the tick remembered it. What is compared is the
//! whole decision, every guard's words included; equal ones are equal byte for byte. A decision that differs does not lead
//! the next ones astray: what was really decided is what is remembered.
//!
//! What cannot be known is not guessed. Where the journal's beginning was dropped, or an entry cannot be read, the next
//! [`SPAN`] is only listened to; a decision whose spec is forgotten is counted, and not judged.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::decide::{Question, decide};
use crate::decision::{Decision, Guard};
use crate::history::{History, SPAN};
use crate::id::Generation;
use crate::journal::{Entry, Event};
use crate::recall::Recall;
use crate::spec::TenantSpec;
use crate::time::{Now, later};

/// So many differences are kept; the rest is counted.
pub const DIFFERENCES: usize = 1_000;

/// What deciding again has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// How many decisions came out the same, byte for byte.
    pub same: u64,
    /// How many did not.
    pub different: u64,
    /// The first [`DIFFERENCES`] of them.
    pub differences: Vec<Difference>,
    /// How many could not be decided again, and why.
    pub untold: BTreeMap<Untold, u64>,
}

/// A decision that this version's code makes otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The number of its entry.
    pub seq: u64,
    /// When it was made.
    pub at: Timestamp,
    /// As it was made then.
    pub recorded: Decision,
    /// As it is made now.
    pub again: Decision,
}

/// What of a decision is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The number in force from then on.
    Desired,
    /// The number that the load asked for.
    Wanted,
    /// What is forecast.
    Forecast,
    /// What the guards did, or said.
    Guards,
}

/// Why a decision was not decided again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Untold {
    /// What was remembered then is not known: the journal begins, or cannot be read, less than [`SPAN`] before.
    Memory,
    /// The spec that was in force is forgotten.
    Spec,
    /// An older version wrote it, and did not write what had been ordered.
    Orders,
    /// An entry that may have been a decision cannot be read.
    Unreadable,
}

impl Untold {
    /// Why, in words.
    pub fn why(self) -> &'static str {
        match self {
            Self::Memory => {
                "what was remembered then is not known: the journal begins, or cannot be read, less than an hour before"
            }
            Self::Spec => "the spec that was in force is forgotten",
            Self::Orders => "an older version wrote it, without what had been ordered",
            Self::Unreadable => "the entry was written by another version and cannot be read",
        }
    }
}

impl Difference {
    /// What of it is different, the weightiest first.
    pub fn parts(&self) -> Vec<Part> {
        let Self {
            recorded, again, ..
        } = self;
        let parts = [
            (recorded.desired != again.desired, Part::Desired),
            (recorded.wanted != again.wanted, Part::Wanted),
            (recorded.forecast != again.forecast, Part::Forecast),
            (
                recorded.steps != again.steps || recorded.before != again.before,
                Part::Guards,
            ),
        ];
        parts
            .into_iter()
            .filter_map(|(is_different, part)| is_different.then_some(part))
            .collect()
    }
}

/// The spec that was in force at an entry: by its number, and the generation that its decision names (0 where it names none).
pub type SpecOf<'a> = &'a dyn Fn(u64, Generation) -> Option<&'a TenantSpec>;

/// Decides all of these again. `tick` is the time from one look at the tenant to the next.
pub fn replay(entries: &[Entry], tick: SignedDuration, spec_of: SpecOf<'_>) -> Account {
    let mut replay = Replay::new(tick, None);
    for entry in entries {
        replay.hear(entry.clone(), spec_of);
    }
    replay.end(spec_of)
}

/// A journal that is being decided again, piece by piece.
#[derive(Debug)]
pub struct Replay {
    recall: Recall,
    /// Decisions before are only listened to.
    from: Option<Timestamp>,
    /// The entries of the tick that is being heard.
    tick: Vec<Entry>,
    /// When what is remembered is whole: never, always, or from a moment of the steady clock on.
    whole: Whole,
    account: Account,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    NotBegun,
    Always,
    From(Timestamp),
}

impl Replay {
    /// Nothing is heard yet. Decisions of before `from` (by the wall clock) are listened to and not judged.
    pub fn new(tick: SignedDuration, from: Option<Timestamp>) -> Self {
        Self {
            recall: Recall::of(History::new(tick)),
            from,
            tick: Vec::new(),
            whole: Whole::NotBegun,
            account: Account::default(),
        }
    }

    /// Takes the next entry.
    pub fn hear(&mut self, entry: Entry, spec_of: SpecOf<'_>) {
        if self
            .tick
            .first()
            .is_some_and(|first| first.steady != entry.steady)
        {
            self.judge(spec_of);
        }
        self.tick.push(entry);
    }

    /// The next entry is there and cannot be read.
    pub fn miss(&mut self, at: Now, spec_of: SpecOf<'_>) {
        self.judge(spec_of);
        self.whole = Whole::From(later(at.steady, SPAN));
        if self.is_asked_for(at.wall) {
            self.leave(Untold::Unreadable);
        }
    }

    /// Nothing comes any more.
    pub fn end(mut self, spec_of: SpecOf<'_>) -> Account {
        self.judge(spec_of);
        self.account
    }

    /// Decides again what was decided at this tick, then remembers all of it.
    fn judge(&mut self, spec_of: SpecOf<'_>) {
        let tick = std::mem::take(&mut self.tick);
        for entry in &tick {
            self.begin(entry);
        }
        for entry in &tick {
            if let Event::Decided(recorded) = &entry.event {
                self.decide_again(entry, recorded, spec_of);
            }
        }
        for entry in &tick {
            let generation = match &entry.event {
                Event::Decided(decision) => decision.generation,
                _ => Generation::default(),
            };
            match (spec_of(entry.seq, generation), &entry.event) {
                // What was measured in the weeks before, and only that, is not heard a second time.
                (Some(spec), Event::Load(loads)) => self.recall.history.learn(&spec.policy, loads),
                (Some(spec), _) => self.recall.hear(entry, &spec.policy),
                (None, Event::Decided(decision)) => {
                    self.recall.history.remember(decision, entry.steady);
                    self.whole = Whole::From(later(entry.steady, SPAN));
                }
                (None, _) => {}
            }
        }
    }

    /// What is remembered is whole where the journal is heard from its first entry on.
    fn begin(&mut self, entry: &Entry) {
        // Loads are written down for weeks and tell nothing of the ticks between them.
        if self.whole == Whole::NotBegun && !matches!(entry.event, Event::Load(_)) {
            self.whole = match entry.seq {
                1 => Whole::Always,
                _ => Whole::From(later(entry.steady, SPAN)),
            };
        }
    }

    fn decide_again(&mut self, entry: &Entry, recorded: &Decision, spec_of: SpecOf<'_>) {
        let is_whole = match self.whole {
            Whole::NotBegun => false,
            Whole::Always => true,
            Whole::From(moment) => entry.steady >= moment,
        };
        let now = Now {
            steady: entry.steady,
            wall: entry.at,
        };
        let spec = spec_of(entry.seq, recorded.generation);
        if let Some(spec) = spec {
            self.recall
                .history
                .read(&spec.policy, &recorded.readings, now);
        }
        if !self.is_asked_for(entry.at) {
            return;
        }
        let was_ordered = recorded
            .steps
            .iter()
            .any(|step| step.guard == Guard::Orders);
        let Some(spec) = spec else {
            return self.leave(Untold::Spec);
        };
        if was_ordered && recorded.orders == crate::ports::Orders::default() {
            return self.leave(Untold::Orders);
        }
        if !is_whole {
            return self.leave(Untold::Memory);
        }
        let mut again = decide(&Question {
            spec,
            orders: &recorded.orders,
            current: recorded.current,
            hold: recorded.hold.clone(),
            young: recorded.young,
            readings: recorded.readings.clone(),
            history: &self.recall.history,
            now,
        });
        again.generation = recorded.generation;
        if again == *recorded {
            self.account.same += 1;
            return;
        }
        self.account.different += 1;
        if self.account.differences.len() < DIFFERENCES {
            self.account.differences.push(Difference {
                seq: entry.seq,
                at: entry.at,
                recorded: recorded.clone(),
                again,
            });
        }
    }

    fn is_asked_for(&self, wall: Timestamp) -> bool {
        self.from.is_none_or(|from| wall >= from)
    }

    fn leave(&mut self, why: Untold) {
        *self.account.untold.entry(why).or_default() += 1;
    }
}
