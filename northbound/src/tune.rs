//! `asaas tune`: settings that meet a goal at less cost, with evidence. It proposes; nothing is ever applied.

mod args;
mod lines;
mod report;

pub use args::TuneArgs;
pub use report::{Evidence, Report};
