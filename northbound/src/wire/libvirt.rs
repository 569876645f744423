//! Makes libvirt clouds of what the operator has set, and plugs their instances into the data plane.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use controller::id::{CloudName, InstanceId, TenantName};
use netsetup::LinuxDataplane;
use southbound_libvirt::{
    Cable, CableError, CableRequest, HostSettings, Hypervisor, Image, Kernel, LibvirtCloud, Seed,
    Settings, SuspendBy, Template, VendorData, Wake,
};

use super::{Wakes, WireError, cable};
use crate::config::{self, Cloud, Config, LibvirtImage};

/// Opens one; asks nothing of any host yet.
pub(super) fn open(
    config: &Config,
    cloud: &Cloud,
    set: &config::LibvirtCloud,
    deployment: &str,
    dataplane: &Arc<LinuxDataplane>,
    wakes: &Wakes,
) -> Result<LibvirtCloud, WireError> {
    let mut templates = std::collections::BTreeMap::new();
    for template in &config.templates {
        if let Some(image) = &template.images.libvirt {
            templates.insert(template.name.clone(), made_from(image)?);
        }
    }
    let settings = Settings {
        cloud: cloud.name.clone(),
        deployment: deployment.to_owned(),
        hosts: set
            .hosts
            .iter()
            .map(|host| HostSettings {
                uri: host.uri.clone(),
                capacity: host.capacity,
            })
            .collect(),
        pool: set.pool.clone(),
        hypervisor: match set.hypervisor {
            config::Hypervisor::Auto => Hypervisor::Auto,
            config::Hypervisor::Kvm => Hypervisor::Kvm,
            config::Hypervisor::Qemu => Hypervisor::Qemu,
        },
        templates,
        management: set.management.clone(),
        suspend_by: match set.suspend_by {
            config::SuspendBy::Pause => SuspendBy::Pause,
            config::SuspendBy::Save | config::SuspendBy::Stop => SuspendBy::Save,
        },
        consolidate: set.consolidate,
        call_limit: set.call_limit.unsigned_abs(),
    };
    let bridge = Arc::new(HostBridge {
        dataplane: Arc::clone(dataplane),
    });
    let nothing: VendorData = Arc::new(|_| String::new());
    let wakes = wakes.clone();
    let wake: Wake = Arc::new(move || wakes.ring_all());
    LibvirtCloud::open(settings, bridge, nothing, &wake).map_err(|cause| WireError::Libvirt {
        cloud: cloud.name.clone(),
        cause,
    })
}

fn made_from(image: &LibvirtImage) -> Result<Template, WireError> {
    let user_data = image.user_data.as_deref().map(read).transpose()?;
    let seed =
        (user_data.is_some() || !image.ssh_keys.is_empty() || image.image.is_some()).then(|| {
            Seed {
                user_data: user_data.unwrap_or_default(),
                ssh_keys: image.ssh_keys.clone(),
            }
        });
    Ok(Template {
        vcpus: image.cpus,
        memory_bytes: image.memory_bytes,
        image: image.image.clone().map(|volume| Image {
            volume,
            size_bytes: image.disk_bytes,
        }),
        kernel: image.kernel.clone().map(|kernel| Kernel {
            kernel,
            initrd: image.initrd.clone(),
            cmdline: image.cmdline.clone(),
        }),
        seed,
    })
}

fn read(path: &Path) -> Result<String, WireError> {
    fs::read_to_string(path).map_err(|cause| WireError::UserData {
        path: path.to_owned(),
        cause,
    })
}

/// The data plane, as a libvirt cloud sees it: a bridge of this host.
struct HostBridge {
    dataplane: Arc<LinuxDataplane>,
}

#[async_trait]
impl Cable for HostBridge {
    async fn plug(&self, request: &CableRequest) -> Result<String, CableError> {
        let failed = |detail: String| CableError {
            instance: request.instance,
            operation: "plugged",
            detail,
        };
        if !is_here(&request.host) {
            return Err(failed(format!(
                "tenants' networks do not reach `{}` yet; hint: only hosts that begin with `qemu:///` are this machine",
                request.host
            )));
        }
        let subnet =
            cable::subnet(request.address, request.prefix, request.gateway).map_err(failed)?;
        self.dataplane
            .host_bridge(&request.tenant, &request.cloud, &subnet)
            .await
            .map_err(|error| failed(error.to_string()))
    }

    /// The bridge is the site's, and goes with it.
    async fn unplug(
        &self,
        _host: &str,
        _tenant: &TenantName,
        _cloud: &CloudName,
        _instance: InstanceId,
    ) -> Result<(), CableError> {
        Ok(())
    }
}

/// Whether a libvirt is this machine's: its address names no host.
fn is_here(uri: &str) -> bool {
    uri.split_once("://")
        .is_some_and(|(_, rest)| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_host_is_this_machine() {
        assert!(is_here("qemu:///system"));
        assert!(is_here("qemu+unix:///system?socket=/run/x"));
        assert!(!is_here("qemu+ssh://root@kvm-2/system"));
        assert!(!is_here("qemu"));
    }
}
