//! What the bounds will be, before the time comes.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Serialize;

use super::Window;
use super::clocks::Clocks;
use super::starts::Start;
use crate::decide;
use crate::spec::TenantSpec;

/// A timeline tells no more than this at once.
pub const LONGEST_TIMELINE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// The bounds, for as long as they stay and for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bounds<'a> {
    /// From this moment on.
    pub from: Timestamp,
    /// Before this moment.
    pub until: Timestamp,
    /// The fewest instances.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// The windows that are open, in the order of the policy.
    pub because: Vec<&'a Window>,
}

/// The bounds from `from` until `to`, or for [`LONGEST_TIMELINE`] if that is shorter: pieces that touch, in order, of which each
/// differs from the one before. Every moment has the bounds that a decision would have then.
pub fn timeline(spec: &TenantSpec, from: Timestamp, to: Timestamp) -> Vec<Bounds<'_>> {
    let to = from
        .saturating_add(LONGEST_TIMELINE)
        .map_or(to, |end| end.min(to));
    let windows = &spec.policy.windows;
    let mut seams: Vec<Timestamp> = windows
        .iter()
        .flat_map(|window| open_times(window, from, to))
        .flat_map(|(start, end)| [start, end])
        .filter(|seam| from < *seam && *seam < to)
        .chain((from < to).then_some(from))
        .collect();
    seams.sort_unstable();
    seams.dedup();

    let mut pieces: Vec<Bounds<'_>> = Vec::new();
    for seam in seams {
        let (min, max) = decide::bounds(spec, seam);
        let because: Vec<&Window> = windows
            .iter()
            .filter(|window| window.is_open(seam))
            .collect();
        if let Some(last) = pieces.last_mut() {
            if (last.min, last.max, &last.because) == (min, max, &because) {
                continue;
            }
            last.until = seam;
        }
        pieces.push(Bounds {
            from: seam,
            until: to,
            min,
            max,
            because,
        });
    }
    pieces
}

/// When a window is open between two moments: from, until; in order, and none touches another.
fn open_times(window: &Window, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let days = Clocks::at(&window.zone, to).zip(Clocks::at(&window.zone, from));
    let Some((last, clocks)) = days else {
        return Vec::new();
    };
    let last = last.reached.date();
    let mut date = clocks.shown.date();
    for _ in 0..window.closes.days_back() {
        date = date.yesterday().unwrap_or(date);
    }
    let mut times: Vec<(Timestamp, Timestamp)> = Vec::new();
    while date <= last {
        for start in Start::all(&window.opens, date, &clocks) {
            if let Some(end) = start.end(&window.closes, &clocks)
                && start.at < end
                && from < end
                && start.at < to
            {
                times.push((start.at, end));
            }
        }
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    times.sort_unstable();
    times.dedup_by(|next, open| {
        let is_joined = next.0 <= open.1;
        if is_joined {
            open.1 = open.1.max(next.1);
        }
        is_joined
    });
    times
}
