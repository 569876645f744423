//! Where readings come from that no kernel counts, and all readings as one.
//!
//! ```text
//! tick ─► Meters ─┬─► southbound    cpu, memory, disk, network: what the kernel counts for an instance
//!                 ├─► netsetup      connections: what it counts where they are shared out
//!                 ├─► access log    requests and their time, from a log that the operator names
//!                 ├─► pushed        what applications say of themselves
//!                 └─► prometheus    what the operator's Prometheus answers to a policy's query
//! ```
//!
//! Each gives what it has and leaves out what it has not. Why it has not is told as the tenant's [`Troubles`]: nobody may
//! take silence for zero, and nobody has to guess why there is silence.

mod access_log;
mod prometheus;
mod pushed;
mod together;
mod troubles;

pub use access_log::{AccessLog, Format, FormatError};
pub use prometheus::Settings as PrometheusSettings;
pub use prometheus::{Server, ServerError};
pub use pushed::{PushRefusal, Pushed};
pub use troubles::Troubles;

pub(crate) use access_log::{AccessLogMeter, Shared, Sources};
pub(crate) use prometheus::PrometheusMeter;
pub(crate) use pushed::PushedMeter;
pub(crate) use together::Meters;

/// Doors for the fuzz targets.
#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    pub(crate) use super::access_log::fuzzing::{lines, told};
    pub(crate) use super::prometheus::value;
}
