//! Metrics that the service does not count itself, from their source to the number of instances.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "given/exec.rs"]
mod exec;
#[path = "given/follow.rs"]
mod follow;

#[path = "metrics/prometheus.rs"]
mod prometheus;
#[path = "metrics/push.rs"]
mod push;
#[path = "metrics/service.rs"]
mod service;
