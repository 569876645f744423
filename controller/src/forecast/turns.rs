//! How many instances: out at once, in when it is worth a turn.
//!
//! Every turn from growing to shrinking brings another one, and what leaves has to boot again. So a scale-in waits until the
//! surplus since the last need has cost as much as the turn (the rule of renting skis or buying them), and turns get dearer
//! the more of them the last hour saw. There are at most six an hour.

use std::collections::VecDeque;

/// Turns are counted over this time.
const HOUR_S: i64 = 3_600;
/// A turn inwards is followed by one outwards, so with four in the hour there is room for both.
const MOST_BEFORE: usize = 4;
/// Surplus, as a share of the total, times seconds, that a turn is worth, and what each turn of the last hour adds. Without, the
/// hour's turns are spent on single instances and missing when a burst ends (a sixth more cost where bursts are hourly); with
/// twice as much, smooth loads cost nearly 1 % more.
const TURN_S: f64 = 30.0;
const TURN_MORE_S: f64 = 15.0;

/// How many instances are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// By the time that a new one would serve.
    pub need: u32,
    /// Until then.
    pub keep: u32,
}

/// The turns of one group.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    growing: bool,
    turned: VecDeque<i64>,
    /// Share of the total times seconds since all of it was needed.
    surplus_s: f64,
    last: Option<i64>,
}

impl Turns {
    /// Nothing has happened yet; the first step may go either way.
    pub fn new() -> Self {
        Self::default()
    }

    /// The total to have from `at` (seconds of any clock) on, when `have` are in service or booting and `need` are needed by the time that a
    /// new one would serve. `None` is not knowing: nothing shrinks then.
    pub fn total(&mut self, at: i64, have: u32, need: Option<Need>) -> u32 {
        let passed = self
            .last
            .map_or(0, |last| at.saturating_sub(last).clamp(0, HOUR_S));
        self.last = Some(at);
        while self
            .turned
            .front()
            .is_some_and(|turn| turn.saturating_add(HOUR_S) <= at)
        {
            self.turned.pop_front();
        }
        let Some(Need { need, keep }) = need else {
            return have;
        };
        if need >= have {
            self.surplus_s = 0.0;
            if need > have {
                self.turn(at, true);
            }
            return need;
        }
        self.surplus_s += f64::from(have - need) / f64::from(have) * passed as f64;
        let worth = TURN_S + TURN_MORE_S * self.turned.len() as f64;
        let may_turn = self.turned.len() <= MOST_BEFORE && self.surplus_s >= worth;
        if keep >= have || (self.growing && !may_turn) {
            return have;
        }
        self.turn(at, false);
        keep
    }

    fn turn(&mut self, at: i64, growing: bool) {
        if self.growing != growing {
            self.turned.push_back(at);
            self.growing = growing;
        }
    }
}
