//! Why the parts do not fit together, and what to do.

use std::path::PathBuf;

use controller::id::CloudName;
use southbound::local::SettingsError;

/// The parts do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Packets are either real or not.
    #[error("clouds of kind `sim` and real ones cannot be used side by side")]
    Mixed,
    /// A local cloud cannot be as it was set.
    #[error("cloud {cloud} cannot be used")]
    Local {
        /// Which cloud.
        cloud: CloudName,
        /// Why not.
        #[source]
        cause: SettingsError,
    },
    /// A libvirt cloud cannot be as it was set.
    #[cfg(feature = "libvirt")]
    #[error("cloud {cloud} cannot be used")]
    Libvirt {
        /// Which cloud.
        cloud: CloudName,
        /// Why not.
        #[source]
        cause: southbound_libvirt::SettingsError,
    },
    /// What instances are given at their first boot is not there.
    #[error("the user data in {} cannot be read", path.display())]
    UserData {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// This program was built without such clouds.
    #[error("cloud {cloud} is of kind `{kind}`, which this asaas was built without")]
    NotBuilt {
        /// Which cloud.
        cloud: CloudName,
        /// Its kind.
        kind: &'static str,
    },
    /// The meter of local clouds does not work here.
    #[error("instances cannot be measured")]
    Meter(#[source] SettingsError),
}

impl WireError {
    /// What a person can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Mixed => {
                "keep one kind in `clouds` of asaas.yml; a second service can run the other"
            }
            Self::Local { .. } => "change the cloud or its templates in asaas.yml",
            #[cfg(feature = "libvirt")]
            Self::Libvirt { .. } => "change the cloud or its templates in asaas.yml",
            Self::UserData { .. } => "put the file there, or correct `templates` in asaas.yml",
            Self::NotBuilt { .. } => {
                "build it with `make build FEATURES=…`, or take the cloud out of asaas.yml"
            }
            Self::Meter(_) => {
                "see that this machine has its control groups mounted (`mount | grep cgroup`)"
            }
        }
    }
}
