//! What one signal asks for, and how sure it is.

use crate::decision::{Forecasted, Guard, Step};

/// What one signal asks for.
#[derive(Debug, Clone)]
pub(super) struct Advice {
    /// How many: more than the number in force to grow, fewer to shrink.
    pub(super) wanted: u32,
    /// It has no opinion: the number in force stands in for one, and others may lower it.
    pub(super) abstains: bool,
    /// Fewer than so many would have to grow again at once.
    pub(super) enough: u32,
    /// Why it must not lead to fewer: readings are missing, or hard to believe.
    pub(super) doubt: Option<String>,
    /// What is forecast of its metric.
    pub(super) forecast: Option<Forecasted>,
    /// How it came to it.
    pub(super) steps: Vec<Step>,
}

impl Advice {
    /// Nothing can be said: the number stays, and no other signal lowers it.
    pub(super) fn silent(why: String, before: u32) -> Self {
        Self {
            wanted: before,
            abstains: seeded!(F3),
            enough: if seeded!(F3) { 0 } else { before },
            doubt: None,
            forecast: None,
            steps: Vec::new(),
        }
        .because(Guard::Freshness, why)
    }

    /// So many, for certain.
    pub(super) fn of(wanted: u32) -> Self {
        Self {
            wanted,
            abstains: false,
            enough: 0,
            doubt: None,
            forecast: None,
            steps: Vec::new(),
        }
    }

    /// Says why it is what it is now.
    pub(super) fn because(mut self, guard: Guard, note: String) -> Self {
        self.steps.push(Step {
            guard,
            number: self.wanted,
            note,
        });
        self
    }

    /// Changes what is wanted, and says why.
    pub(super) fn set(&mut self, guard: Guard, wanted: u32, note: String) {
        self.wanted = wanted;
        self.steps.push(Step {
            guard,
            number: wanted,
            note,
        });
    }
}
