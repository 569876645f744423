//! That the clouds of this crate do what every cloud has to do: for real.
//!
//! The local cloud needs root, `runc`, `ip` and a static busybox, and fails without them: nothing is skipped.
#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test; clippy knows only of functions that are tests themselves"
)]

#[path = "conformance/exec.rs"]
mod exec;
#[path = "conformance/local_bed.rs"]
mod local_bed;
#[path = "conformance/local_crash.rs"]
mod local_crash;
#[path = "conformance/local_meter.rs"]
mod local_meter;
#[path = "conformance/local_only.rs"]
mod local_only;
#[path = "conformance/sim_bed.rs"]
mod sim_bed;

southbound::conforms!(sim, crate::sim_bed::SimBed::new());
southbound::conforms!(local, crate::local_bed::LocalBed::new());
