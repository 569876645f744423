//! What must hold, one small function each, asked at every event. They look at the truth only: clouds, kernel, clients, what is
//! durable, and which faults were injected.

use controller::instance::Phase;

use crate::moment::{SECOND, Span};
use crate::truth::Truth;

pub(crate) mod acting;
pub(crate) mod launching;
pub(crate) mod reaching;
pub(crate) mod recording;
pub(crate) mod removing;
pub(crate) mod routing;

/// Who looks at the world knows of what has befallen an instance after so long at the latest: probes, a listing that nobody
/// answers, a tick, and the way from a thought to its effect.
pub(crate) const KNOWN_AFTER: Span = 75 * SECOND;
/// From what a tick saw to its record: answers, and a commit that takes its time.
pub(crate) const TICKING: Span = 20 * SECOND;
/// A node that was stopped goes by what it saw before, for so much longer.
pub(crate) const STOPPED: Span = 95 * SECOND;

/// Whether those on their way out take all the room while fewer than the minimum serve: one of them has to go before anybody
/// can come.
pub(crate) fn is_full_of_leaving(truth: &Truth, tenant: usize) -> bool {
    let kept = &truth.tenants[tenant].kept;
    let phases = || kept.records.values().map(|one| one.phase);
    let min = kept.wish.as_ref().map_or(0, |wish| wish.spec.instances.min);
    let up = phases().filter(|phase| phase.is_up()).count();
    up < min.max(1) as usize
        && !phases().any(Phase::is_coming)
        && kept.records.len() >= kept.ceiling_now() as usize
}

#[cfg(test)]
mod tests;
