//! The readings of a window, each with the time that it stands for.

use jiff::{SignedDuration, Timestamp};

use super::Question;
use crate::decision::{Reading, Readings};
use crate::policy::Monitor;
use crate::time::later;

/// What was measured at one tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tick<'a> {
    /// When.
    pub(super) at: Timestamp,
    /// The time since the tick before, as far as it lies in the window: a tick that was woken early counts for less, and one
    /// after a pause for more.
    pub(super) millis: u64,
    /// What.
    pub(super) readings: &'a Readings,
}

/// The ticks of the window that ends now, oldest first. Of a first tick without one before it nobody knows the time: it
/// stands for as much as the second.
pub(super) fn ticks<'a>(
    question: &'a Question<'_>,
    window: SignedDuration,
) -> impl Iterator<Item = Tick<'a>> + use<'a> {
    let now = question.now.steady;
    let from = now.saturating_sub(window).unwrap_or(Timestamp::MIN);
    let past = &question.history.readings;
    let first = past.partition_point(|(at, _)| *at <= from);
    let end = past.partition_point(|(at, _)| *at < now).max(first);

    let time_of = |index: usize| past.get(index).filter(|_| index < end).map(|(at, _)| *at);
    let begin = match (first.checked_sub(1), time_of(first)) {
        (Some(before), _) => past.get(before).map_or(from, |(at, _)| *at),
        (None, Some(at)) => later(at, at.duration_since(time_of(first + 1).unwrap_or(now))),
        (None, None) => now,
    };
    let mut since = begin.max(from);
    past.range(first..end)
        .map(|(at, readings)| (*at, readings))
        .chain(std::iter::once((now, &question.readings)))
        .map(move |(at, readings)| {
            let millis = at.duration_since(since).as_millis();
            since = at;
            Tick {
                at,
                // A lone reading must not weigh nothing.
                millis: u64::try_from(millis).unwrap_or(0).max(1),
                readings,
            }
        })
}

/// The readings of a monitor's metric in its window.
pub(super) fn readings<'a>(
    question: &'a Question<'_>,
    monitor: &'a Monitor,
) -> impl Iterator<Item = (Tick<'a>, &'a Reading)> {
    ticks(question, monitor.window)
        .filter_map(|tick| Some((tick, tick.readings.get(&monitor.metric)?)))
}

/// How much of the window the readings cover.
pub(super) fn covered(question: &Question<'_>, monitor: &Monitor) -> SignedDuration {
    let millis = readings(question, monitor)
        .map(|(tick, _)| tick.millis)
        .sum::<u64>();
    SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
