//! What a node is called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most that the name of a host may have.
const LIMIT: usize = 63;

/// A node among those that share a store: the host's name, unless the operator gives another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(String);

/// Why a node cannot be called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be a node's name: use 1 to {LIMIT} letters, digits, `-`, `_` and `.`, and begin with a letter or a digit"
)]
pub struct NodeNameError(String);

impl NodeName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = NodeNameError;

    fn from_str(name: &str) -> Result<Self, NodeNameError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && name.len() <= LIMIT && name.chars().all(is_allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(NodeNameError(name.to_owned()))
        }
    }
}

impl TryFrom<String> for NodeName {
    type Error = NodeNameError;

    fn try_from(name: String) -> Result<Self, NodeNameError> {
        name.parse()
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        name.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_s_name_is_a_node_s_name_and_a_key_s_separator_is_none() {
        for name in ["a", "Node-1", "web7.example.org", &"x".repeat(63)] {
            assert_eq!(name.parse::<NodeName>().unwrap().as_str(), name);
        }
        for name in ["", "a/b", "-a", "a b", "ä", &"x".repeat(64)] {
            assert!(name.parse::<NodeName>().is_err(), "{name}");
        }
    }
}
