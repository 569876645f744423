//! Whether what was answered of one tenant is one history: every call takes effect at one moment between its beginning and its
//! end, and each sees all that took effect before it. Of applies that name the generation that they replace that is easy to
//! tell: each generation comes from one apply at most, and generations only grow.
//!
//! The search is Wing and Gong's: take any call that could be the next, see whether the rest can follow. A call that got no
//! answer may have taken effect at any time since, or never.

use std::collections::BTreeSet;
use std::time::Instant;

/// What was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// Put a spec in force that is nobody else's, in place of this generation. `None` where no answer came.
    Apply {
        against: u64,
        became: Option<Became>,
    },
    /// Which generation is in force.
    Get { found: u64 },
}

/// What an apply was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Became {
    Applied {
        generation: u64,
    },
    /// This one was in force.
    Refused {
        actual: u64,
    },
}

/// A call, and when it was made and answered.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) call: Call,
    pub(crate) began: Instant,
    /// `None` where no answer came.
    pub(crate) ended: Option<Instant>,
}

/// Whether the events are one history of a tenant that is new.
pub(crate) fn is_one_history(events: &[Event]) -> bool {
    let mut seen = BTreeSet::new();
    let open: Vec<usize> = (0..events.len()).collect();
    search(events, &open, 0, &mut seen)
}

/// Whether what is open can follow where this generation is in force.
fn search(
    events: &[Event],
    open: &[usize],
    in_force: u64,
    seen: &mut BTreeSet<(Vec<usize>, u64)>,
) -> bool {
    // Who was not answered need not have happened.
    if open.iter().all(|at| events[*at].ended.is_none()) {
        return true;
    }
    if !seen.insert((open.to_vec(), in_force)) {
        return false;
    }
    let first_end = open.iter().filter_map(|at| events[*at].ended).min();
    for (place, at) in open.iter().enumerate() {
        let event = &events[*at];
        if first_end.is_some_and(|end| event.began > end) {
            continue;
        }
        let Some(after) = effect(&event.call, in_force) else {
            continue;
        };
        let mut rest = open.to_vec();
        rest.remove(place);
        if search(events, &rest, after, seen) {
            return true;
        }
    }
    false
}

/// The generation that is in force after the call; `None` where it cannot have been answered so.
fn effect(call: &Call, in_force: u64) -> Option<u64> {
    match call {
        Call::Get { found } => (*found == in_force).then_some(in_force),
        Call::Apply { against, became } => match became {
            Some(Became::Applied { generation }) => {
                (*against == in_force && *generation == in_force + 1).then_some(*generation)
            }
            Some(Became::Refused { actual }) => {
                (*actual == in_force && against != actual).then_some(in_force)
            }
            None if *against == in_force => Some(in_force + 1),
            None => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// From one millisecond to another.
    fn event(call: Call, began: u64, ended: Option<u64>, start: Instant) -> Event {
        let at = |millis| start + Duration::from_millis(millis);
        Event {
            call,
            began: at(began),
            ended: ended.map(at),
        }
    }

    fn applied(against: u64, generation: u64) -> Call {
        Call::Apply {
            against,
            became: Some(Became::Applied { generation }),
        }
    }

    #[test]
    fn a_history_in_which_everything_fits_is_one() {
        let start = Instant::now();
        let unheard = Call::Apply {
            against: 1,
            became: None,
        };
        let refused = Call::Apply {
            against: 1,
            became: Some(Became::Refused { actual: 2 }),
        };

        assert!(is_one_history(&[
            event(applied(0, 1), 0, Some(10), start),
            event(unheard, 5, None, start),
            event(Call::Get { found: 1 }, 8, Some(20), start),
            event(Call::Get { found: 2 }, 12, Some(30), start),
            event(refused, 31, Some(40), start),
        ]));
    }

    /// The control: what a store that answers from an old copy, or lets two win, would have answered.
    #[test]
    fn a_planted_violation_is_found() {
        let start = Instant::now();
        let first = || event(applied(0, 1), 0, Some(10), start);
        let stale_get = [first(), event(Call::Get { found: 0 }, 11, Some(20), start)];
        let two_winners = [
            first(),
            event(applied(1, 2), 11, Some(20), start),
            event(applied(1, 2), 12, Some(21), start),
        ];
        let refused = Call::Apply {
            against: 1,
            became: Some(Became::Refused { actual: 0 }),
        };
        let stale_refusal = [first(), event(refused, 11, Some(20), start)];
        let lost = [
            first(),
            event(applied(1, 2), 11, Some(20), start),
            event(Call::Get { found: 1 }, 21, Some(30), start),
        ];

        for history in [&stale_get[..], &two_winners, &stale_refusal, &lost] {
            assert!(!is_one_history(history), "{history:?}");
        }
    }
}
