//! Which store the operator has chosen, and how to reach it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use controller::id::{CloudName, NameError};
use jiff::SignedDuration;

use crate::node::NodeName;

/// Where a service remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StoreSettings {
    /// In a file of its own.
    #[default]
    Sqlite,
    /// In an etcd that it shares with other services.
    Etcd(EtcdSettings),
}

/// An etcd, and what of it is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdSettings {
    /// Its members, as `http://10.0.0.1:2379`. Not empty.
    pub endpoints: Vec<String>,
    /// The services that work together; every key begins with it.
    pub cluster: ClusterName,
    /// What this service is called among them; `None` for the host's name.
    pub node: Option<NodeName>,
    /// A service that is not heard of for so long loses its tenants to the others.
    pub ttl: SignedDuration,
    /// How they know each other; `None` for plain text.
    pub tls: Option<EtcdTls>,
}

/// How an etcd and its clients know each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdTls {
    /// Who vouches for its members: a PEM file.
    pub ca: PathBuf,
    /// Who we are: the PEM files of a certificate and its key. `None` where it asks for none.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Services that share an etcd and work together; the same rules as for every name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterName(String);

impl FromStr for ClusterName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        name.parse::<CloudName>().map(|name| Self(name.into()))
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
