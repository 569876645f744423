//! What must hold, one small function each, asked at every event. They look at the truth only: clouds, kernel, clients, what is
//! durable, and which faults were injected.

use crate::moment::{SECOND, Span};

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

#[cfg(test)]
mod tests;
