//! What the operator sets.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use controller::id::TenantName;
use serde::{Deserialize, Serialize};

/// Called when an instance's health has changed, so that its tenant need not wait for the next tick. Must return at once.
pub type Wake = Arc<dyn Fn(&TenantName) + Send + Sync>;

/// What carries the traffic between transit and sites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TunnelChoice {
    /// GRE where the kernel has it, VXLAN elsewhere; what was taken is said in the status.
    #[default]
    Auto,
    /// GRE, or an error where the kernel does not have it.
    Gre,
    /// VXLAN.
    Vxlan,
}

/// How the data plane of this host is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A short random text that is kept with the state: it salts every kernel name, so that two services on one host, with
    /// different state, never touch each other's things.
    pub deployment: String,
    /// What carries the traffic between transit and sites.
    pub tunnel: TunnelChoice,
    /// After this long the kernel is read back in full even where nothing has changed, so that what others have flushed
    /// comes back.
    pub resync: Duration,
    /// How long another user of iptables may hold its lock, or another service the tenant's fence, before a change fails, to
    /// be tried at the next tick.
    pub lock_wait: Duration,
    /// A folder that is searched for `iptables-restore`, `iptables-save` and `conntrack` before those in `PATH`: for a host
    /// on which another flavour of iptables is wanted than the first one found.
    pub tools: Option<PathBuf>,
}

impl Settings {
    /// The defaults.
    pub fn new(deployment: impl Into<String>) -> Self {
        Self {
            deployment: deployment.into(),
            tunnel: TunnelChoice::Auto,
            resync: Duration::from_secs(30),
            lock_wait: Duration::from_secs(5),
            tools: None,
        }
    }
}
