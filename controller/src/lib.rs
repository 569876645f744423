//! Decides how many instances a tenant needs, where, and in which steps. Pure: it names no sibling crate, does no I/O but
//! through its [`ports`], and takes the time as an argument.
//!
//! ```text
//! Southbound::list + Meter::sample + Dataplane::observe → Observed
//!   → settle (what became of each instance) → decide (how many, and why) → place (where) → plan (what) → check
//!   → tick: 1 intents durable  2 launch  3 routes  4 terminate the drained, only if 3 succeeded → journal
//! ```

// First, since its macro is used in those that follow.
#[macro_use]
pub mod seeded;

pub mod ahead;
pub mod amount;
mod answers;
pub mod backtest;
mod calls;
mod checkup;
pub mod crash;
pub mod decide;
pub mod decision;
mod difference;
pub mod drive;
pub mod example;
pub mod forecast;
pub mod history;
pub mod id;
pub mod instance;
pub mod journal;
pub mod load;
pub mod market;
pub mod network;
pub mod observe;
pub mod offering;
pub mod pace;
pub mod place;
pub mod plan;
pub mod policy;
pub mod ports;
mod preview;
pub mod prospect;
mod reading;
mod recall;
pub mod refusal;
pub mod reliability;
pub mod replay;
pub mod routes;
pub mod schedule;
pub mod season;
pub mod series;
pub mod settle;
pub mod spec;
pub mod status;
mod strays;
pub mod tick;
pub mod time;
pub mod tune;
mod view;
pub mod zone;

pub use preview::{Preview, Removal, preview};
