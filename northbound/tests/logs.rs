//! The log files' promises: whole rows, each once, in the journal's order, whatever happens.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "given/world.rs"]
mod world;

#[path = "logs/bed.rs"]
mod bed;
#[path = "logs/files.rs"]
mod files;
#[path = "logs/rows.rs"]
mod rows;
