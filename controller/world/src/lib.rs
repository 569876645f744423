//! A seeded world around the shipped controller: everything below its ports is simulated, everything above is what ships.
//!
//! ```text
//! seed → draw (nodes, clouds, tenants, load, which faults) → run: chaos, then healing → report
//!
//!   operators, clients, chaos ──► truth ◄── rules, asked at every event ──► violations
//!                                  ▲
//!   clouds · kernel · store · meters · clocks: the five ports, over wires that lose things
//!                                  ▲
//!   nodes: controller::drive::run for each tenant, killed, stopped and woken by the executor
//! ```
//!
//! One thread, virtual time, and chance from the seed alone: a seed is run again byte for byte.

#[cfg(feature = "seeded-bugs")]
pub mod bugs;
mod chaos;
mod clients;
mod clock;
mod cloud;
mod coverage;
mod curve;
mod draw;
mod executor;
pub mod fault;
pub mod fleet;
mod heal;
mod kernel;
mod log;
mod meter;
mod moment;
mod mood;
mod node;
mod operator;
pub mod oracle;
mod real;
mod rules;
mod run;
mod seat;
mod store;
mod traces;
mod truth;
mod watch;

pub use coverage::Coverage;
pub use log::say;
pub use run::{Options, Report, Without, hours, run};
pub use traces::traces;
