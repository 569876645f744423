//! What people touch: the tenant file, the `asaas` command, the API, the logs, and the wiring of the whole.
//!
//! ```text
//! tenants/demo.yml → tenant_file ─► TenantSpec ─► store ◄── controller (one loop per tenant, in `serve`)
//! asaas (cli, command) ─► client ─ Unix socket ─► serve      │
//!                                     store's journal ─► logs ─► CSV ─► chart
//! ```

pub mod api;
pub mod backtest;
pub mod chart;
pub mod cli;
pub mod client;
pub mod clock;
pub mod command;
pub mod config;
pub mod cost;
#[cfg(feature = "crashpoints")]
pub mod crash;
pub mod demo;
pub mod exit;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod load;
pub mod logs;
pub mod meter;
pub mod node;
pub mod problem;
mod reader;
pub mod serve;
mod shape;
pub mod show;
pub mod store;
pub mod tenant_file;
pub mod tune;
pub mod wire;
mod yaml;
