//! The whole of it, for real: the program as people run it, on real clouds of this machine, asked by real clients.
//!
//! Each test has a service of its own in a directory of its own; nothing is left of it, however the test ends.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "given/exec.rs"]
mod exec;
#[path = "given/follow.rs"]
mod follow;
#[path = "local/host.rs"]
mod host;
#[path = "local/remains.rs"]
mod remains;
#[path = "local/traffic.rs"]
mod traffic;

#[path = "local/change.rs"]
mod change;
#[path = "local/crash.rs"]
mod crash;
#[path = "local/end.rs"]
mod end;
#[path = "local/health.rs"]
mod health;
#[path = "local/isolation.rs"]
mod isolation;
#[path = "local/meter.rs"]
mod meter;
#[path = "local/pool.rs"]
mod pool;
#[path = "local/service.rs"]
mod service;
