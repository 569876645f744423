//! What people touch: the tenant file, the `asaas` command, the API, the logs, and the wiring of the whole.
//!
//! ```text
//! tenants/demo.yml → tenant_file ─► TenantSpec ─► store ◄── controller (one loop per tenant, in `serve`)
//! asaas (cli, command) ─► client ─ Unix socket ─► serve      │
//!                                     store's journal ─► logs ─► CSV ─► chart
//! ```

pub mod clock;
pub mod config;
pub mod load;
pub mod problem;
mod reader;
mod shape;
pub mod logs;
pub mod store;
pub mod tenant_file;
mod yaml;
