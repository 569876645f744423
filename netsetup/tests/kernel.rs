//! The data plane on a real kernel: namespaces, links, rules and traffic. Needs root, and fails without it.
//!
//! Each test has a deployment of its own, so tests run side by side, and what a test made is removed when it ends, however it
//! ends. Traffic is sent only inside namespaces that the test made.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "all of this is a test: it panics with what went wrong"
)]

#[path = "kernel/exec.rs"]
mod exec;
#[path = "kernel/load.rs"]
mod load;
#[path = "kernel/traffic.rs"]
mod traffic;
#[path = "kernel/world.rs"]
mod world;

#[path = "kernel/balance.rs"]
mod balance;
#[path = "kernel/between.rs"]
mod between;
#[path = "kernel/drain.rs"]
mod drain;
#[path = "kernel/fence.rs"]
mod fence;
#[path = "kernel/fence/exec.rs"]
mod fence_exec;
#[path = "kernel/foreign.rs"]
mod foreign;
#[path = "kernel/health.rs"]
mod health;
#[path = "kernel/hypervisor.rs"]
mod hypervisor;
#[path = "kernel/isolation.rs"]
mod isolation;
#[path = "kernel/lifecycle.rs"]
mod lifecycle;
#[path = "kernel/meter.rs"]
mod meter;
#[path = "kernel/reception.rs"]
mod reception;
