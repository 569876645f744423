//! The store that several services share: an etcd, of which each service keeps a copy in a file of its own.

pub mod connection;
pub mod keys;
