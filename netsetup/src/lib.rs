//! Makes packets go where they should, on one Linux host: namespaces, links, rules, health probes and counters.

pub mod address;
mod conntrack;
mod edge;
mod exec;
mod iptables;
mod link;
mod linux;
mod name;
mod namespace;
mod probe;
mod remains;
mod rules;
mod settings;
pub mod sim;
mod topology;

pub use edge::{EdgeClient, EdgeError};
pub use linux::{LinuxDataplane, LoadBalancerMeter};
pub use name::NamespaceName;
pub use remains::remains;
pub use settings::{Settings, TunnelChoice, Wake};
pub use topology::Plug;
