//! A deployment of its own with one libvirt cloud, on a host that it shares with others.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use controller::id::{CloudName, InstanceId, ProviderId, TemplateName, TenantName};
use controller::ports::{InstanceSeen, Launch, Southbound};
use nix::sys::signal::Signal;
use southbound::conformance::{Bed, CAPACITY};
use southbound::tag;
use southbound_libvirt::{
    Cable, CableError, CableRequest, HostSettings, Hypervisor, Image, Kernel, LibvirtCloud,
    Settings, SuspendBy, Template, VendorData, Wake,
};
use virt::connect::Connect;
use virt::domain::Domain;
use virt::storage_pool::StoragePool;

use crate::lab::{self, BRIDGE, Lab};

/// A disk whose first sector halts the processor again and again: `sti; hlt; jmp`.
const STILL: [u8; 4] = [0xfb, 0xf4, 0xeb, 0xfc];
/// What a disk boots from has to be this large.
const DISK: usize = 1 << 20;

/// One bridge for everybody, which is there.
pub(crate) struct PlainCable;

#[async_trait]
impl Cable for PlainCable {
    async fn plug(&self, _request: &CableRequest) -> Result<String, CableError> {
        Ok(BRIDGE.to_owned())
    }

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

/// A deployment with one cloud.
pub(crate) struct LibvirtBed {
    pub(crate) lab: Arc<Lab>,
    /// More hosts, after the first.
    pub(crate) others: Vec<Arc<Lab>>,
    pub(crate) settings: Settings,
    pub(crate) wake: Wake,
    planted: Mutex<Vec<String>>,
}

impl LibvirtBed {
    /// A cloud on one host, with instances that halt.
    pub(crate) fn new() -> Self {
        Self::on(vec![lab::shared()], CAPACITY)
    }

    /// A cloud on these hosts, with so many places on each.
    pub(crate) fn on(labs: Vec<Arc<Lab>>, capacity: u32) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let deployment = format!("t{}-{number}", std::process::id());
        for lab in &labs {
            make_pool(lab, &deployment);
        }
        let still = Template {
            vcpus: 1,
            memory_bytes: 16 << 20,
            image: Some(Image {
                volume: "still.img".to_owned(),
                size_bytes: None,
            }),
            kernel: None,
            seed: None,
        };
        let hosts = labs.iter().map(|lab| HostSettings {
            uri: lab.uri(),
            capacity,
        });
        let settings = Settings {
            cloud: "kvm-a".parse().unwrap(),
            hosts: hosts.collect(),
            pool: deployment.clone(),
            deployment,
            hypervisor: Hypervisor::Qemu,
            templates: [("web".parse().unwrap(), still)].into(),
            management: None,
            suspend_by: SuspendBy::Save,
            consolidate: false,
            call_limit: Duration::from_mins(1),
        };
        let mut labs = labs.into_iter();
        Self {
            lab: labs.next().unwrap(),
            others: labs.collect(),
            settings,
            wake: Arc::new(|| ()),
            planted: Mutex::default(),
        }
    }

    /// One more template, called `small`: the guest of `make guest`, booted directly, which serves HTTP.
    pub(crate) fn with_small_guest(mut self) -> Self {
        let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guest");
        let file = |name: &str| {
            let path = guest.join(name).canonicalize();
            path.expect("the small guest has to be built; hint: make guest")
                .display()
                .to_string()
        };
        let small = Template {
            vcpus: 1,
            memory_bytes: 96 << 20,
            image: None,
            kernel: Some(Kernel {
                kernel: file("vmlinuz"),
                initrd: Some(file("initrd")),
                cmdline: "console=ttyS0 panic=-1 quiet mitigations=off cryptomgr.notests"
                    .to_owned(),
            }),
            seed: None,
        };
        self.settings
            .templates
            .insert("small".parse().unwrap(), small);
        self
    }

    /// Adds to the names in `planted` that go with the bed.
    pub(crate) fn plant(&self, name: &str) {
        self.planted.lock().unwrap().push(name.to_owned());
    }

    pub(crate) fn cloud(&self) -> LibvirtCloud {
        self.cloud_as(self.settings.clone())
    }

    /// The cloud as another service has it set.
    pub(crate) fn cloud_as(&self, settings: Settings) -> LibvirtCloud {
        let vendor_data: VendorData = Arc::new(|_| String::new());
        LibvirtCloud::open(settings, Arc::new(PlainCable), vendor_data, &self.wake).unwrap()
    }

    fn labs(&self) -> impl Iterator<Item = &Arc<Lab>> {
        std::iter::once(&self.lab).chain(&self.others)
    }
}

/// A pool of the deployment's name, with the disk that halts in it.
fn make_pool(lab: &Lab, name: &str) {
    let path = lab.path(&format!("pool-{name}"));
    fs::create_dir(&path).unwrap();
    let mut disk = vec![0; DISK];
    disk[..STILL.len()].copy_from_slice(&STILL);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    fs::write(path.join("still.img"), disk).unwrap();
    let path = path.display();
    let xml =
        format!("<pool type='dir'><name>{name}</name><target><path>{path}</path></target></pool>");
    connected(lab, |connection| {
        let pool = StoragePool::define_xml(connection, &xml, 0).unwrap();
        pool.create(0).unwrap();
    });
}

/// Asks a host's libvirt something, past the adapter.
pub(crate) fn connected<T>(lab: &Lab, ask: impl FnOnce(&Connect) -> T) -> T {
    let mut connection = Connect::open(Some(&lab.uri())).unwrap();
    let answer = ask(&connection);
    let _ = connection.close();
    answer
}

/// Whether a domain of this name runs on the host.
pub(crate) fn is_active(lab: &Lab, name: &str) -> bool {
    connected(lab, |connection| {
        Domain::lookup_by_name(connection, name)
            .is_ok_and(|domain| domain.is_active().unwrap_or(false))
    })
}

#[async_trait(?Send)]
impl Bed for LibvirtBed {
    fn name(&self) -> CloudName {
        self.settings.cloud.clone()
    }

    fn template(&self) -> TemplateName {
        "web".parse().unwrap()
    }

    fn open(&self) -> Arc<dyn Southbound> {
        Arc::new(self.cloud())
    }

    async fn launch_unheard(&self, launch: &Launch) {
        self.cloud().launch(launch).await.unwrap();
    }

    async fn kill(&self, seen: &InstanceSeen) {
        let name = &seen.provider.0;
        let pid = Lab::guest_pid(name).expect("its process runs");
        lab::signal(pid, Signal::SIGKILL);
        lab::wait_until("libvirtd has seen it", || !is_active(&self.lab, name));
    }

    async fn wait_for_boot(&self) {}

    async fn plant_foreign(&self, tenant: &TenantName) -> Option<ProviderId> {
        let (deployment, cloud) = ("somebody-else", &self.settings.cloud);
        let id = InstanceId::new(1, 77);
        let planted = tag::provider(deployment, cloud, tenant, id);
        let xml = format!(
            "<domain type='qemu'><name>{planted}</name><memory unit='MiB'>16</memory>
             <metadata><asaas:instance xmlns:asaas='urn:asaas:instance:1' deployment='{deployment}' cloud='{cloud}' tenant='{tenant}'
              instance='{id}'/></metadata>
             <os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"
        );
        connected(&self.lab, |connection| {
            Domain::define_xml(connection, &xml)
                .unwrap()
                .create()
                .unwrap();
        });
        self.plant(&planted.0);
        Some(planted)
    }

    async fn is_foreign_well(&self, planted: &ProviderId) -> bool {
        is_active(&self.lab, &planted.0)
    }
}

impl Drop for LibvirtBed {
    /// Whatever has a disk in this deployment's pool, or says that it is this deployment's, goes; also after a failure.
    fn drop(&mut self) {
        let mark = format!("deployment='{}'", self.settings.deployment);
        let planted = std::mem::take(&mut *self.planted.lock().unwrap());
        for lab in self.labs() {
            let Ok(mut connection) = Connect::open(Some(&lab.uri())) else {
                continue;
            };
            for domain in connection.list_all_domains(0).unwrap_or_default() {
                let is_planted = domain.get_name().is_ok_and(|name| planted.contains(&name));
                let says = domain
                    .get_metadata(2, Some("urn:asaas:instance:1"), 0)
                    .unwrap_or_default();
                if is_planted || says.replace('"', "'").contains(&mark) {
                    let _ = domain.destroy();
                    let _ = domain.undefine_flags(virt_sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE);
                }
            }
            if let Ok(pool) = StoragePool::lookup_by_name(&connection, &self.settings.pool) {
                let _ = pool.destroy();
                let _ = pool.undefine();
            }
            let _ = connection.close();
        }
    }
}
