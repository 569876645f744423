//! The store in an etcd, against a real one of three members on loopback: that it keeps the contract of every store, that it
//! goes on when a member does not, and that what is answered is one history.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "store/bed.rs"]
mod bed;
#[macro_use]
#[path = "store/checks.rs"]
mod checks;
#[path = "given/etcd.rs"]
mod given;
#[path = "store/suite.rs"]
mod suite;
#[path = "given/world.rs"]
mod world;

#[path = "etcd/contract.rs"]
mod contract;
#[path = "etcd/history.rs"]
mod history;
#[path = "etcd/node.rs"]
mod node;
#[path = "etcd/ring.rs"]
mod ring;
#[path = "etcd/trouble.rs"]
mod trouble;
