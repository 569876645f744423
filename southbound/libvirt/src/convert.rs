//! From our types to libvirt's XML, and back. Pure.

mod cloud_init;

use std::fmt::Write as _;

use controller::id::InstanceId;
use controller::ports::Launch;

use crate::settings::Template;

pub(crate) use cloud_init::{meta_data, network_config};

/// The namespace of what we write into a domain's metadata.
pub(crate) const NAMESPACE: &str = "urn:asaas:instance:1";
/// The namespace of the mark of a domain that has been started.
pub(crate) const LAUNCHED: &str = "urn:asaas:launched:1";
/// The metadata of a domain that has been started once: from then on it is never started again by a launch.
pub(crate) const LAUNCHED_MARK: &str = "<launched/>";

/// What runs a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accelerator {
    Kvm,
    /// QEMU's own translation, TCG.
    Emulation,
}

impl Accelerator {
    /// The type of a domain that it runs.
    fn domain_type(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Emulation => "qemu",
        }
    }

    /// The processor that a guest sees: the host's where it is one, else the least that every system runs on, which is the fastest.
    fn cpu(self) -> &'static str {
        match self {
            Self::Kvm => "<cpu mode='host-passthrough' check='none' migratable='on'/>",
            Self::Emulation => {
                "<cpu mode='custom' match='exact' check='none'><model>qemu64</model></cpu>"
            }
        }
    }

    /// QEMU keeps what it has translated, a gigabyte of it unless it is told otherwise; this much serves a small guest as well.
    fn features(self) -> &'static str {
        match self {
            Self::Kvm => "<acpi/><apic/>",
            Self::Emulation => "<acpi/><apic/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg>",
        }
    }
}

/// Whose a domain is, and for which intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) deployment: String,
    pub(crate) cloud: String,
    pub(crate) tenant: String,
    pub(crate) instance: String,
}

impl Tag {
    /// What a domain of this launch says about itself.
    pub(crate) fn of(deployment: &str, launch: &Launch) -> Self {
        Self {
            deployment: deployment.to_owned(),
            cloud: launch.instance.cloud.to_string(),
            tenant: launch.tenant.to_string(),
            instance: launch.instance.id.to_string(),
        }
    }

    /// As it stands in a domain's metadata.
    fn to_xml(&self) -> String {
        let Self {
            deployment,
            cloud,
            tenant,
            instance,
        } = self;
        format!(
            "<asaas:instance xmlns:asaas='{NAMESPACE}' deployment='{deployment}' cloud='{cloud}' tenant='{tenant}' instance='{instance}'/>"
        )
    }

    /// From a domain's metadata, however it is quoted; `None` where it is not as we write it.
    pub(crate) fn from_xml(xml: &str) -> Option<Self> {
        let field = |name| attribute(xml, name).map(str::to_owned);
        Some(Self {
            deployment: field("deployment")?,
            cloud: field("cloud")?,
            tenant: field("tenant")?,
            instance: field("instance")?,
        })
    }
}

/// The value of an attribute, in a text with names in it that need no escaping.
pub(crate) fn attribute<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    ['\'', '"'].into_iter().find_map(|quote| {
        let begin = format!(" {name}={quote}");
        let (_, rest) = xml.split_once(begin.as_str())?;
        rest.split_once(quote).map(|(value, _)| value)
    })
}

/// The id under which libvirt knows an instance, made from its name, so that no host can have it twice. A UUID of the eighth version:
/// made in a way of our own.
pub(crate) fn uuid(name: &str) -> String {
    let hash = blake3::hash(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The name of an instance's disk in the pool.
pub(crate) fn disk(name: &str) -> String {
    format!("{name}.qcow2")
}

/// The name of an instance's seed in the pool.
pub(crate) fn seed(name: &str) -> String {
    format!("{name}.seed.iso")
}

/// The end of the name of what says in the pool that an instance was terminated.
pub(crate) const TOMBSTONE: &str = ".gone";

/// The name of an instance's tombstone in the pool.
pub(crate) fn tombstone(name: &str) -> String {
    format!("{name}{TOMBSTONE}")
}

/// A machine address as it is written.
pub(crate) fn mac(address: [u8; 6]) -> String {
    address.map(|byte| format!("{byte:02x}")).join(":")
}

/// The address of an instance's second interface, in the range that QEMU's are from.
fn management_mac(name: &str) -> [u8; 6] {
    let hash = blake3::hash(name.as_bytes());
    let [a, b, c, ..] = *hash.as_bytes();
    [0x52, 0x54, 0x00, a, b, c]
}

/// How an instance is to be made.
#[derive(Debug, Clone)]
pub(crate) struct Machine<'a> {
    /// What it is called.
    pub(crate) name: &'a str,
    pub(crate) accelerator: Accelerator,
    pub(crate) template: &'a Template,
    pub(crate) deployment: &'a str,
    pub(crate) launch: &'a Launch,
    pub(crate) pool: &'a str,
    /// The bridge of its tenant; `None` as long as the network was not asked for it: such a domain is never started.
    pub(crate) bridge: Option<&'a str>,
    /// The bridge of the operator.
    pub(crate) management: Option<&'a str>,
}

/// The domain.
pub(crate) fn domain(machine: &Machine<'_>) -> String {
    let Machine {
        name,
        accelerator,
        template,
        deployment,
        launch,
        pool,
        bridge,
        management,
    } = machine;
    let tag = Tag::of(deployment, launch);
    let mut devices = String::new();
    if template.image.is_some() {
        devices += &disk_device(pool, &disk(name), "qcow2", "vda", "");
    }
    if template.seed.is_some() {
        devices += &disk_device(pool, &seed(name), "raw", "vdz", "<readonly/>");
    }
    if let Some(bridge) = bridge {
        devices += &interface(bridge, launch.instance.mac());
    }
    if let Some(bridge) = management {
        devices += &interface(bridge, management_mac(name));
    }
    format!(
        "<domain type='{kind}'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <metadata>{tag}</metadata>
  <memory unit='b'>{memory}</memory>
  <vcpu>{vcpus}</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type>{boot}</os>
  <features>{features}</features>
  {cpu}
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
{devices}    <controller type='usb' model='none'/>
    <serial type='pty'/>
    <memballoon model='virtio'><stats period='5'/></memballoon>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>
",
        kind = accelerator.domain_type(),
        uuid = uuid(name),
        tag = tag.to_xml(),
        memory = template.memory_bytes,
        vcpus = template.vcpus,
        boot = boot(template, launch),
        features = accelerator.features(),
        cpu = accelerator.cpu(),
    )
}

fn disk_device(pool: &str, volume: &str, format: &str, target: &str, more: &str) -> String {
    let (pool, volume) = (escaped(pool), escaped(volume));
    format!(
        "    <disk type='volume' device='disk'><driver name='qemu' type='{format}'/><source pool='{pool}' volume='{volume}'/>\
         <target dev='{target}' bus='virtio'/>{more}</disk>\n"
    )
}

/// Without the program that boots from the network, which nobody needs and not every host has.
fn interface(bridge: &str, address: [u8; 6]) -> String {
    format!(
        "    <interface type='bridge'><mac address='{}'/><source bridge='{}'/><model type='virtio'/><rom enabled='no'/></interface>\n",
        mac(address),
        escaped(bridge)
    )
}

fn boot(template: &Template, launch: &Launch) -> String {
    let Some(kernel) = &template.kernel else {
        return "<boot dev='hd'/>".to_owned();
    };
    let mut text = format!("<kernel>{}</kernel>", escaped(&kernel.kernel));
    if let Some(initrd) = &kernel.initrd {
        let _ = write!(text, "<initrd>{}</initrd>", escaped(initrd));
    }
    let cmdline = cmdline(&kernel.cmdline, launch);
    let _ = write!(text, "<cmdline>{}</cmdline>", escaped(&cmdline));
    text
}

/// The kernel's command line: `ip=` as Linux documents it, and words that it hands on to its first program.
fn cmdline(begin: &str, launch: &Launch) -> String {
    let Launch {
        tenant,
        instance,
        subnet,
    } = launch;
    let (address, id) = (instance.address, instance.id);
    let (gateway, mask) = (subnet.gateway, subnet.cidr.netmask());
    let cloud = &instance.cloud;
    let text = format!(
        "{begin} ip={address}::{gateway}:{mask}:{id}:eth0:off ASAAS_TENANT={tenant} ASAAS_CLOUD={cloud} ASAAS_INSTANCE={id} \
         ASAAS_ADDRESS={address}"
    );
    text.trim_start().to_owned()
}

/// A disk that begins as a copy of another one, on write.
pub(crate) fn overlay(volume: &str, size_bytes: u64, base: &str, base_format: &str) -> String {
    let (volume, base, base_format) = (escaped(volume), escaped(base), escaped(base_format));
    format!(
        "<volume>
  <name>{volume}</name>
  <capacity unit='bytes'>{size_bytes}</capacity>
  <allocation>0</allocation>
  <target><format type='qcow2'/></target>
  <backingStore><path>{base}</path><format type='{base_format}'/></backingStore>
</volume>
"
    )
}

/// A volume of raw bytes, which are written later.
pub(crate) fn raw_volume(volume: &str, size_bytes: u64) -> String {
    let volume = escaped(volume);
    format!(
        "<volume><name>{volume}</name><capacity unit='bytes'>{size_bytes}</capacity><allocation>0</allocation>\
         <target><format type='raw'/><permissions><mode>0600</mode></permissions></target></volume>"
    )
}

/// A guest that powers itself off at once, from a disk of a few bytes: see `probe`.
pub(crate) fn probe(name: &str, accelerator: Accelerator, path: &str) -> String {
    format!(
        "<domain type='{kind}'>
  <name>{name}</name>
  <memory unit='MiB'>16</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>
  <features>{features}</features>
  {cpu}
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{path}'/><target dev='vda' bus='virtio'/></disk>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
",
        kind = accelerator.domain_type(),
        features = accelerator.features(),
        cpu = accelerator.cpu(),
        path = escaped(path),
    )
}

/// The format of a volume, from libvirt's description of it.
pub(crate) fn format_of(volume_xml: &str) -> Option<&str> {
    let (_, target) = volume_xml.split_once("<target>")?;
    let (_, format) = target.split_once("<format")?;
    let (tag, _) = format.split_once('>')?;
    attribute(tag, "type")
}

/// When a volume was last written, in seconds since 1970, from libvirt's description of it.
pub(crate) fn written_at(volume_xml: &str) -> Option<u64> {
    let (_, rest) = volume_xml.split_once("<mtime>")?;
    let (time, _) = rest.split_once("</mtime>")?;
    time.split('.').next()?.parse().ok()
}

/// The instance of this name, whosever it is: `<sixteen letters and digits>-i-…`.
pub(crate) fn instance_of(name: &str) -> Option<InstanceId> {
    let (hash, id) = name.split_once('-')?;
    if hash.len() == 16 {
        id.parse().ok()
    } else {
        None
    }
}

/// A text as it can stand in XML, in an element or an attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '\'' => out += "&apos;",
            '"' => out += "&quot;",
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[path = "convert/tests.rs"]
mod tests;
