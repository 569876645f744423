//! How many instances there should be, and why.

use serde::{Deserialize, Serialize};

/// A number, with all that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// How many count now: in service, or on their way in.
    pub current: u32,
    /// How many there should be.
    pub desired: u32,
    /// The number at its start and after each guard that spoke, in the guards' order.
    pub steps: Vec<Step>,
}

/// What one guard made of the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which guard: `freshness`, `bounds`, `target` …
    pub guard: String,
    /// The number after it.
    pub number: u32,
    /// Why, with the figures.
    pub note: String,
}
