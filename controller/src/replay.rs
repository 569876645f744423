//! Decides the journal again with this version's code, and tells what would have been decided otherwise. Pure.
//!
//! Each decision is put the question that it answered then: what it was made from is written down in it, and what was
//! remembered is heard from the entries before it, in the order in which the tick remembered it. What is compared is the
//! whole decision, every guard's words included; equal ones are equal byte for byte. A decision that differs does not lead
//! the next ones astray: what was really decided is what is remembered.
//!
//! A restart is in the journal too: the first decision after it says so, and is put the question with what the journal told
//! the service at its start.
//!
//! What cannot be known is not guessed. Where the journal's beginning was dropped, an entry cannot be read or a spec is
//! forgotten, what was remembered then is not known; a decision that comes out otherwise then is counted, and not judged: within
//! [`SPAN`], or where there are forecasts, which remember more, until the tenant was next taken up.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::decide::{Question, decide};
use crate::decision::{Decision, Guard};
use crate::history::{History, SPAN};
use crate::id::Generation;
use crate::journal::{Entry, Event};
use crate::policy::Policy;
use crate::ports::Orders;
use crate::recall::Recall;
use crate::series::KEPT;
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

impl Account {
    /// Whether there was no decision at all.
    pub fn is_empty(&self) -> bool {
        self.same == 0 && self.different == 0 && self.untold.is_empty()
    }
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
    /// It comes out otherwise, but what was remembered then is not known: the journal begins, or cannot be read, too short a
    /// time before.
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
            Self::Memory => "what was remembered then is not in the journal any more",
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

/// Decides all of these again, of a tenant that was looked at `every` so often.
pub fn replay(entries: &[Entry], every: SignedDuration, spec_of: SpecOf<'_>) -> Account {
    let mut replay = Replay::new(every, None);
    for entry in entries {
        replay.hear(entry.clone(), spec_of);
    }
    replay.end(spec_of)
}

/// A journal that is being decided again, piece by piece.
#[derive(Debug)]
pub struct Replay {
    every: SignedDuration,
    /// Decisions before are only listened to.
    from: Option<Timestamp>,
    recall: Recall,
    /// What a service that takes up the tenant now would be given.
    recent: Recent,
    /// The entries of the tick that is being heard.
    tick: Vec<Entry>,
    known: Known,
    account: Account,
}

/// How much is known of what was remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Nothing was heard yet.
    Nothing,
    /// What came after this moment of the steady clock.
    Since(Timestamp),
    /// Everything.
    All,
}

impl Known {
    /// Whether the last [`SPAN`] before `steady` is known.
    fn has_span(self, steady: Timestamp) -> bool {
        match self {
            Self::Nothing => false,
            Self::Since(first) => later(first, SPAN) <= steady,
            Self::All => true,
        }
    }
}

impl Replay {
    /// Nothing is heard yet. A tenant was looked at `every` so often; decisions of before `from` (by the wall clock) are listened
    /// to and not judged.
    pub fn new(every: SignedDuration, from: Option<Timestamp>) -> Self {
        Self {
            every,
            from,
            recall: Recall::of(History::new(every)),
            recent: Recent::default(),
            tick: Vec::new(),
            known: Known::Nothing,
            account: Account::default(),
        }
    }

    /// Takes the loads of the weeks before the first entry.
    pub fn learn(&mut self, loads: Vec<Entry>) {
        self.recent.loads.extend(loads);
    }

    /// Takes the next entry.
    pub fn hear(&mut self, entry: Entry, spec_of: SpecOf<'_>) {
        let is_next_tick = self
            .tick
            .first()
            .is_some_and(|first| first.steady != entry.steady);
        if is_next_tick {
            self.judge(spec_of);
        }
        self.tick.push(entry);
    }

    /// The next entry is there and cannot be read.
    pub fn miss(&mut self, at: Now, spec_of: SpecOf<'_>) {
        self.judge(spec_of);
        self.known = Known::Since(at.steady);
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
        if let Some(first) = tick.first()
            && self.known == Known::Nothing
        {
            self.known = match first.seq {
                1 => Known::All,
                _ => Known::Since(first.steady),
            };
        }
        for entry in &tick {
            if let Event::Decided(recorded) = &entry.event {
                self.decide_again(entry, recorded, spec_of);
            }
        }
        for entry in tick {
            self.remember(&entry, spec_of);
            self.recent.push(entry);
        }
    }

    fn remember(&mut self, entry: &Entry, spec_of: SpecOf<'_>) {
        if let Event::Decided(decision) = &entry.event {
            match spec_of(entry.seq, decision.generation) {
                Some(spec) => return self.recall.hear(entry, &spec.policy),
                None => self.known = Known::Since(entry.steady),
            }
        }
        self.recall.hear_without_readings(entry);
    }

    /// A service has taken up the tenant, and knows what it was told of the time before: not what it was told from a beginning
    /// that was dropped since.
    fn take_up(&mut self, policy: &Policy) {
        let is_told = self
            .recent
            .entries
            .back()
            .is_some_and(|last| self.known.has_span(last.steady));
        self.recall.history = History::rebuild(&self.recent.journal(), policy, self.every);
        if is_told {
            self.known = Known::All;
        }
    }

    fn decide_again(&mut self, entry: &Entry, recorded: &Decision, spec_of: SpecOf<'_>) {
        let now = Now {
            steady: entry.steady,
            wall: entry.at,
        };
        let Some(spec) = spec_of(entry.seq, recorded.generation) else {
            return self.leave_at(entry, Untold::Spec);
        };
        if recorded.is_first {
            self.take_up(&spec.policy);
        }
        self.recall
            .history
            .read(&spec.policy, &recorded.readings, now);
        let mut was_ordered = recorded.steps.iter().map(|step| step.guard);
        if was_ordered.any(|guard| guard == Guard::Orders) && recorded.orders == Orders::default() {
            return self.leave_at(entry, Untold::Orders);
        }
        if !self.is_asked_for(entry.at) {
            return;
        }
        let again = Decision {
            generation: recorded.generation,
            is_first: recorded.is_first,
            ..decide(&Question {
                spec,
                orders: &recorded.orders,
                current: recorded.current,
                hold: recorded.hold.clone(),
                young: recorded.young,
                affordable: recorded.affordable,
                readings: recorded.readings.clone(),
                history: &self.recall.history,
                now,
            })
        };
        // A forecast remembers more than the span: all since the tenant was taken up.
        let is_known = match self.known {
            Known::All => true,
            known => known.has_span(entry.steady) && spec.policy.forecast().is_empty(),
        };
        match again == *recorded {
            true => self.account.same += 1,
            false if is_known => self.differ(entry, recorded, again),
            false => self.leave(Untold::Memory),
        }
    }

    fn differ(&mut self, entry: &Entry, recorded: &Decision, again: Decision) {
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

    fn leave_at(&mut self, entry: &Entry, why: Untold) {
        if self.is_asked_for(entry.at) {
            self.leave(why);
        }
    }

    fn leave(&mut self, why: Untold) {
        *self.account.untold.entry(why).or_default() += 1;
    }
}

/// What a store would tell a service that takes up the tenant: the last [`SPAN`], and the loads of the weeks before it.
#[derive(Debug, Default)]
struct Recent {
    entries: VecDeque<Entry>,
    loads: VecDeque<Entry>,
}

impl Recent {
    fn push(&mut self, entry: Entry) {
        let last = entry.steady;
        self.entries.push_back(entry);
        while let Some(first) = self.entries.front()
            && last.duration_since(first.steady) > SPAN
        {
            if let Some(old) = self.entries.pop_front()
                && matches!(old.event, Event::Load(_))
            {
                self.keep(old);
            }
        }
    }

    fn keep(&mut self, loads: Entry) {
        let last = loads.at;
        // Those that were learned at the start may be heard again.
        if self.loads.back().is_none_or(|known| known.seq < loads.seq) {
            self.loads.push_back(loads);
        }
        while let Some(first) = self.loads.front()
            && last.duration_since(first.at) > KEPT
        {
            self.loads.pop_front();
        }
    }

    fn journal(&self) -> Vec<Entry> {
        self.loads.iter().chain(&self.entries).cloned().collect()
    }
}
