//! Makes packets go where they should, on one Linux host: namespaces, links, rules, health probes and counters.
//!
//! The way of a packet, from a client to an instance and back:
//!
//! ```text
//!   client 198.51.100.7                     its address is never changed
//!     │  to 45.45.45.45:80
//!     ▼
//!   edge ── one bridge for all tenants and clients; transits do not hear each other
//!     │
//!     ▼
//!   transit ── one namespace for each tenant, has 45.45.45.45
//!     │  nat PREROUTING   ASAAS-PREROUTING → forks by weight → ASAAS-SITE-…   DNAT to 100.64.x.2, the site's end of the tunnel
//!     │  mangle FORWARD   MSS clamped to what the tunnel carries
//!     │  filter FORWARD   known, redirected from the edge, between the tenant's sites; else dropped
//!     ▼
//!   tunnel ── VXLAN or GRE, key of the tenant and the site, over a cable of their own (100.68.x.0/30)
//!     │
//!     ▼
//!   site ── one namespace for each tenant and cloud: the instances' gateway
//!     │  nat PREROUTING   ASAAS-PREROUTING → forks, even → ASAAS-i-…           DNAT to 19.0.0.5:8080, counted there
//!     │  filter FORWARD   known, redirected from the tunnel, between the tenant's instances; else dropped
//!     ▼
//!   bridge ── one for each subnet; answers ARP for neighbours in other sites
//!     │
//!     ▼
//!   instance ── a namespace with eth0, 19.0.0.5
//!     │  answers 198.51.100.7 through its gateway
//!     ▼
//!   site un-does its DNAT (from 100.64.x.2), the default route is the tunnel
//!     ▼
//!   transit un-does its DNAT (from 45.45.45.45), the default route is the edge
//! ```
//!
//! Only the first packet of a connection walks the forks; conntrack remembers the rest. That is also what makes draining
//! possible: an instance that is taken out of the forks keeps the connections that it has.
//!
//! An instance reaches its neighbours in all sites of its tenant and its gateway, by echo and on the one port where its monitor
//! reports. It reaches nothing else: no other tenant, no public address (not its own either), not the host, not the tunnels' insides.
//!
//! What the host must have for many tenants, and what is left to its operator, since we change nothing that is not ours: the
//! kernel keeps one table of connections (`net.netfilter.nf_conntrack_max`; a connection to an instance takes two entries, and
//! three seconds after its end) and one of neighbours (`net.ipv4.neigh.default.gc_thresh3`; every client that the edge shows
//! directly, every instance and both ends of every tunnel take one) for all namespaces together.
//!
//! | module | what |
//! |---|---|
//! | [`address`] | the fixed address plan of one host |
//! | `name` | every name that the kernel sees |
//! | `fence` | who may change a tenant's network, across the processes of one host |
//! | `rules`, `topology` | what should be, as pure functions of a plan |
//! | `namespace`, `exec`, `link`, `iptables`, `conntrack` | one way each to talk to the kernel |
//! | `probe` | how instances answer |
//! | `reception` | where instances say how they are |
//! | `linux` | all of it together: the port `Dataplane`, the cables of instances, the meter |
//! | `edge` | clients, for the demo, the load generator and tests |
//! | [`sim`] | the same in memory |

pub mod address;
mod conntrack;
mod edge;
mod exec;
mod fence;
#[cfg(fuzzing)]
pub mod fuzzing;
mod iptables;
mod link;
mod linux;
mod name;
mod namespace;
mod probe;
mod reception;
mod remains;
mod rules;
mod settings;
pub mod sim;
mod topology;

pub use edge::{EdgeClient, EdgeError};
pub use fence::lift_fences;
pub use linux::{LinuxDataplane, LoadBalancerMeter};
pub use name::NamespaceName;
pub use reception::{PORT as REPORT_PORT, Receive, Visit};
pub use remains::remains;
pub use settings::{Settings, TunnelChoice, Wake};
pub use topology::Plug;
