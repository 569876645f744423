//! Makes packets go where they should, on one Linux host: namespaces, links, rules, health probes and counters.

pub mod address;
mod edge;
mod linux;
mod name;
mod rules;
mod settings;
pub mod sim;

pub use edge::{EdgeClient, EdgeError};
pub use linux::{LinuxDataplane, LoadBalancerMeter, Plug};
pub use name::NamespaceName;
pub use settings::{Settings, TunnelChoice, Wake};
