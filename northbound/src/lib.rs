//! What people touch: the tenant file, the `asaas` command, the API, the logs, and the wiring of the whole.
//!
//! ```text
//! tenants/demo.yml → tenant_file ─► TenantSpec ─► store ◄── controller (one loop per tenant, in `serve`)
//! asaas (cli, command) ─► client ─ Unix socket ─► serve      │
//!                                     store's journal ─► logs ─► CSV ─► chart
//! ```

pub mod clock;
pub mod store;
