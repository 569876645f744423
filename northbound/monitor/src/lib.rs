//! What runs inside an instance and tells the service how it is (`asaas-monitor`, `asaas monitor`): its processors, memory, disks, network
//! and load, and by telling it at all, that it lives.
//!
//! ```text
//!  /proc ──► counters ──► reading (two counters and the time between) ──► buffer ──► report, POSTed ──► the gateway of its subnet
//!            proc.rs      reading.rs                                     buffer.rs  report.rs send.rs
//! ```
//!
//! It needs nothing but [`Settings`], one line of text that comes with the instance. Times are ages by a steady clock, so a wrong
//! wall clock in the guest harms nothing. While nobody answers it goes on measuring and keeps a bounded number of readings. It
//! changes nothing in its instance, and takes no orders: of an answer it reads the status alone.

mod backoff;
mod buffer;
pub mod exec;
mod proc;
mod reading;
mod report;
mod run;
mod send;
mod settings;

pub use report::{PATH, REPORT_LIMIT, Reading, Report};
pub use run::run;
pub use settings::{PORT, Settings, SettingsError};
