//! One of several `asaas serve` that share a store: which tenants it looks after, and for how long it may.

mod tenure;

pub use tenure::Tenure;
