//! Says whether what has happened may happen. The rules are in [`crate::rules`]; here is what they said.

use crate::moment::{At, told};

/// More violations than these of one world tell nothing new.
const ENOUGH: usize = 10;

macro_rules! rules {
    ($($name:ident: $doc:literal,)*) => {
        /// What must hold, by the ids of `ARCHITECTURE.md`; those that begin with L hold in the end.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $(#[doc = $doc] $name,)* }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its id.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

rules! {
    I1: "Never more instances than `max` and `surge`, those on their way out included.",
    I2: "Nothing chosen by us makes fewer ready than `min`.",
    I3: "Silence is not zero, and a fall to exactly zero is not believed at once.",
    I4: "No step and no rate beyond the policy's.",
    I5: "When many are unwell at once, they are replaced one at a time.",
    I6: "Absence from a listing is not death.",
    I7: "Only what is in no record for a while is removed without one, and nothing of others.",
    I8: "One intent, one instance.",
    I9: "Nobody who was deposed changes anything.",
    I10: "Rule out first, connections to zero or the limit, instance last, flows forgotten, address free.",
    I11: "The rules are never emptied by our hand while anybody could serve.",
    I12: "The network of others is untouched.",
    I13: "A spec is the old or the new one, and what is thought about the old is not done.",
    I15: "A restart leaves instances and traffic as they are.",
    I16: "No effect without its durable record.",
    I18: "Clocks that jump change nothing.",
    I19: "What one tenant does is the same with and without another.",
    I20: "Instances that never become healthy open a breaker.",
    I22: "The journal has no gap: every move goes on from the last.",
    I24: "One call for an instance at a time.",
    I26: "A pause is durable.",
    I28: "Only what a cloud offers is asked of it, and an address is one of its zone's.",
    L1: "In the end as many run as are wanted, and nobody else; the rules lead to them.",
    L2: "What never boots is replaced.",
    L3: "Drains end.",
    L4: "Breakers are reset.",
    L6: "A tenant is looked after again soon after its node is lost.",
    L8: "Rules that somebody flushed are back soon.",
    L9: "One silent instance of many does not keep the number up.",
}

/// Something that must not happen has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule it breaks.
    pub rule: Rule,
    /// When, in microseconds of simulated time.
    pub at: u64,
    /// What has happened.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} at {}: {}",
            self.rule.name(),
            told(self.at),
            self.what
        )
    }
}

/// What the rules said.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) evaluated: u64,
    pub(crate) violations: Vec<Violation>,
}

impl Oracle {
    /// A rule was asked, and `found` that something is wrong, or nothing.
    pub(crate) fn judge(&mut self, rule: Rule, at: At, found: Option<String>) {
        self.evaluated += 1;
        if let Some(what) = found
            && self.violations.len() < ENOUGH
        {
            self.violations.push(Violation { rule, at, what });
        }
    }
}
