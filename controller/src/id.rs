//! The names of things: validated once, at the edge, and then only passed on.
//!
//! No bare `String` crosses a crate as a name. Tenant text never reaches the kernel: `netsetup::name` hashes it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name cannot be empty")]
    Empty,
    /// Longer than the limit.
    #[error("`{name}` has {length} characters, at most {limit} are allowed")]
    TooLong {
        /// What was given.
        name: String,
        /// Its length in characters.
        length: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// Holds something else than the allowed characters.
    #[error(
        "`{name}` is not a name: use lower-case letters, digits, `-` and `_`, and begin with a letter"
    )]
    Malformed {
        /// What was given.
        name: String,
    },
    /// Not what an instance is called.
    #[error(
        "`{text}` is not an instance: write its id, `i-` and thirteen characters, as `asaas status` shows it"
    )]
    NotAnInstance {
        /// What was given.
        text: String,
    },
}

/// Thirty characters: the most a tenant's name may have, which also keeps every log path short.
const NAME_LIMIT: usize = 30;

fn check(name: &str) -> Result<(), NameError> {
    let length = name.chars().count();
    if length == 0 {
        return Err(NameError::Empty);
    }
    if length > NAME_LIMIT {
        return Err(NameError::TooLong {
            name: name.to_owned(),
            length,
            limit: NAME_LIMIT,
        });
    }
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    let ends = name.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inside = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if begins && ends && inside {
        Ok(())
    } else {
        Err(NameError::Malformed {
            name: name.to_owned(),
        })
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                check(name)?;
                Ok(Self(name.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                check(&name)?;
                Ok(Self(name))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name_type! {
    /// A tenant: one customer's service, with one file, one policy and one public address.
    TenantName
}
name_type! {
    /// A configured place where instances can run: `local-a`, `kvm-a`, `aws-eu`.
    CloudName
}
name_type! {
    /// What an instance is made from; the operator's word for image, size and command.
    TemplateName
}
name_type! {
    /// A value that an application pushes: `queue_length`.
    MetricName
}
name_type! {
    /// A part of the tenant's network.
    SubnetName
}

/// One instance, and at the same time the one intent that makes it: an id is written down before the cloud is asked, and is
/// never used for a second instance.
///
/// Sorts by time of creation. Shown as `i-` and thirteen characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId(u64);

impl InstanceId {
    /// An id for an instance wanted at `second` (Unix time), made unique by `chance`.
    pub fn new(second: u32, chance: u32) -> Self {
        Self(u64::from(second) << 32 | u64::from(chance))
    }
}

/// Lower case, without the letters that are mistaken for digits; its order is the order of the numbers.
fn base32() -> data_encoding::Encoding {
    let mut spec = data_encoding::Specification::new();
    spec.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    spec.encoding()
        .expect("a constant specification of 32 distinct symbols is valid")
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("i-{}", base32().encode(&self.0.to_be_bytes())))
    }
}

impl FromStr for InstanceId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let malformed = || NameError::NotAnInstance {
            text: text.to_owned(),
        };
        let digits = text.strip_prefix("i-").ok_or_else(malformed)?;
        let bytes = base32()
            .decode(digits.as_bytes())
            .map_err(|_| malformed())?;
        let bytes: [u8; 8] = bytes.try_into().map_err(|_| malformed())?;
        Ok(Self(u64::from_be_bytes(bytes)))
    }
}

impl TryFrom<String> for InstanceId {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> Self {
        id.to_string()
    }
}

/// What a cloud calls an instance: `i-0abc…` at EC2, a container's name on this machine. Opaque to us.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProviderId(pub String);

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Counts the versions of a tenant's spec: the first apply makes 1.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Generation(pub u64);

impl Generation {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Who looks after a tenant, counted: whoever takes it up later has a higher one. What is done for a tenant carries it, and
/// whoever does it refuses a lower one than it has seen (I9), so that a service that was stopped for a while and wakes up
/// cannot undo what its successor did.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_at_most_thirty_characters() {
        assert!("a".repeat(30).parse::<TenantName>().is_ok());
        assert!(matches!(
            "a".repeat(31).parse::<TenantName>(),
            Err(NameError::TooLong { .. })
        ));
    }

    #[test]
    fn a_name_that_could_be_an_option_or_a_path_is_refused() {
        for name in ["-a", "../x", "a b", "A", "a-", "", "a\n", "é"] {
            assert!(name.parse::<TenantName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn what_is_no_instance_is_told_what_one_looks_like() {
        let refused = "i-nope".parse::<InstanceId>().unwrap_err().to_string();
        assert!(
            refused.contains("`i-` and thirteen characters"),
            "{refused}"
        );
    }

    #[test]
    fn instance_ids_round_trip_and_sort_by_time() {
        let early = InstanceId::new(1_000, u32::MAX);
        let late = InstanceId::new(1_001, 0);

        assert!(early < late);
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
    }
}
