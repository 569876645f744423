//! Between our types and Compute Engine's; pure functions.
//!
//! ```text
//!   asaas-<hash of deployment, cloud, tenant>-i-<intent>      an instance's name
//!   europe-west1-b/asaas-…-i-…                                what the core calls it: a name alone is found in one zone only
//! ```

use std::collections::BTreeMap;

use controller::id::{InstanceId, ProviderId, TenantName};
use controller::ports::{CloudState, InstanceSeen, Launch};
use google_cloud_compute_v1::model::attached_disk::Type as DiskType;
use google_cloud_compute_v1::model::instance::Status;
use google_cloud_compute_v1::model::metadata::Items;
use google_cloud_compute_v1::model::operation::Status as Progress;
use google_cloud_compute_v1::model::scheduling::{InstanceTerminationAction, ProvisioningModel};
use google_cloud_compute_v1::model::{
    AttachedDisk, AttachedDiskInitializeParams, Instance, Metadata, NetworkInterface, Operation,
    Scheduling, ServiceAccount, Tags,
};
use southbound::tag::{self, label};

use crate::error::Trouble;
use crate::settings::{Network, Settings, Source, Template};

/// Names here begin with a letter, and a hash may not.
const PREFIX: &str = "asaas-";
/// Where cloud-init looks.
pub(crate) const USER_DATA: &str = "user-data";
/// Says of a stopped instance that we stopped it. It outlives the stop, so it is removed when the instance runs again.
pub(crate) const RESTING: &str = "asaas_resting";
/// What a service account of an instance may be used for; what it may do, its roles say.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Whether this may be a label's value.
pub(crate) fn is_label(text: &str) -> bool {
    let is_allowed =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    text.len() <= 63 && text.bytes().all(is_allowed)
}

/// Whether this may be the name of a resource; nothing else gets into a path or a filter.
pub(crate) fn is_name(text: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    begins && !text.ends_with('-') && text.len() <= 63 && text.bytes().all(is_allowed)
}

/// Our label's key as one of theirs, which have no dots.
pub(crate) fn label_key(key: &str) -> String {
    key.replace('.', "_")
}

/// Where an instance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) zone: String,
    pub(crate) name: String,
}

impl Place {
    /// Where the instance of this intent is, or is to be.
    pub(crate) fn of(settings: &Settings, launch: &Launch) -> Option<Self> {
        let offered = launch.instance.offering.zone.as_ref();
        let zone = offered.or_else(|| settings.zones.first())?;
        let name = instance_name(settings, &launch.tenant, launch.instance.id);
        let zone = zone.clone();
        is_name(&zone).then_some(Self { zone, name })
    }

    /// Where an instance is that we have named before; `None` for what we have never named so.
    pub(crate) fn parse(id: &ProviderId) -> Option<Self> {
        let (zone, name) = id.0.split_once('/')?;
        (is_name(zone) && is_name(name)).then(|| Self {
            zone: zone.to_owned(),
            name: name.to_owned(),
        })
    }

    pub(crate) fn provider(&self) -> ProviderId {
        ProviderId(format!("{}/{}", self.zone, self.name))
    }
}

fn instance_name(settings: &Settings, tenant: &TenantName, id: InstanceId) -> String {
    format!(
        "{PREFIX}{}",
        tag::provider(&settings.deployment, &settings.cloud, tenant, id)
    )
}

/// The intent behind a name, where it is one of this tenant's.
pub(crate) fn intent(settings: &Settings, tenant: &TenantName, name: &str) -> Option<InstanceId> {
    tag::instance(
        &settings.deployment,
        &settings.cloud,
        tenant,
        name.strip_prefix(PREFIX)?,
    )
}

/// The request id of the `attempt`th try to make this instance. Google remembers it for an hour, and with it also that a try failed:
/// so the next try, which is made only once it is known that all before have failed, has another.
pub(crate) fn request_id(name: &str, attempt: usize) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes());
    hasher.update(&[0]);
    hasher.update(attempt.to_string().as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    // As a UUID of RFC 9562: version 8, which is for what applications derive in their own ways.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = data_encoding::HEXLOWER.encode(&bytes);
    [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ]
    .join("-")
}

/// The labels of everything that belongs to a tenant.
pub(crate) fn tenant_labels(settings: &Settings, tenant: &TenantName) -> BTreeMap<String, String> {
    let pairs = [
        (label::DEPLOYMENT, settings.deployment.as_str()),
        (label::CLOUD, settings.cloud.as_str()),
        (label::TENANT, tenant.as_str()),
    ];
    pairs
        .map(|(key, value)| (label_key(key), value.to_owned()))
        .into()
}

fn instance_labels(settings: &Settings, launch: &Launch) -> BTreeMap<String, String> {
    let mut labels = tenant_labels(settings, &launch.tenant);
    labels.insert(label_key(label::INSTANCE), launch.instance.id.to_string());
    labels.insert(
        label_key(label::TEMPLATE),
        launch.instance.template.to_string(),
    );
    labels
}

/// The filter that lets through what belongs to a tenant. Values hold nothing that would have to be quoted.
pub(crate) fn tenant_filter(settings: &Settings, tenant: &TenantName) -> String {
    let labels = tenant_labels(settings, tenant);
    let terms: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("labels.{key}=\"{value}\""))
        .collect();
    terms.join(" AND ")
}

/// The filter for every try there was to make the instance of this name. Google keeps operations for at least two weeks.
pub(crate) fn insertions_filter(name: &str) -> String {
    format!("(operationType eq insert) (targetLink eq \".*/instances/{name}\")")
}

/// What the tries to make an instance have come to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Past {
    /// One is under way.
    UnderWay(Box<Operation>),
    /// One succeeded. If the instance is not there now, it was removed, and is never made again.
    Made,
    /// So many failed, and there is no other.
    Failed(usize),
}

pub(crate) fn past(insertions: Vec<Operation>) -> Past {
    let mut failed = 0;
    let mut under_way = None;
    for operation in insertions {
        match (is_done(&operation), Trouble::operation(&operation)) {
            (true, None) => return Past::Made,
            (true, Some(_)) => failed += 1,
            (false, _) => under_way = Some(operation),
        }
    }
    under_way.map_or(Past::Failed(failed), |operation| {
        Past::UnderWay(Box::new(operation))
    })
}

pub(crate) fn is_done(operation: &Operation) -> bool {
    operation.status == Some(Progress::Done)
}

/// The body of the one call that makes an instance. Equal intents give equal bodies, since Google compares them.
pub(crate) fn instance(
    settings: &Settings,
    template: &Template,
    place: &Place,
    launch: &Launch,
) -> Option<Instance> {
    let Template {
        source,
        user_data,
        metadata,
        tags,
        service_account,
    } = template;
    let offering = &launch.instance.offering;
    let machine = offering
        .machine
        .as_ref()
        .or_else(|| settings.machines.first())?;
    if !is_name(machine) {
        return None;
    }
    let interface = NetworkInterface::new()
        .set_subnetwork(subnetwork(settings, &launch.tenant))
        .set_network_ip(launch.instance.address.to_string());
    let mut made = Instance::new()
        .set_name(&place.name)
        .set_machine_type(format!("zones/{}/machineTypes/{machine}", place.zone))
        .set_labels(instance_labels(settings, launch))
        .set_network_interfaces([interface]);
    if let Source::Image { path, disk_gib } = source {
        made = made.set_disks([boot_disk(path, *disk_gib, settings, launch)]);
    }
    let items: Vec<Items> = metadata
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .chain(user_data.as_ref().map(|text| (USER_DATA, text)))
        .map(|(key, value)| Items::new().set_key(key).set_value(value))
        .collect();
    if !items.is_empty() {
        made = made.set_metadata(Metadata::new().set_items(items));
    }
    // The tag that the site's route and packet filter go by.
    let member = (settings.network == Network::PerTenant)
        .then(|| site_name(settings, &launch.tenant, "member"));
    let tags: Vec<&String> = tags.iter().chain(&member).collect();
    if !tags.is_empty() {
        made = made.set_tags(Tags::new().set_items(tags));
    }
    if let Some(email) = service_account {
        made =
            made.set_service_accounts([ServiceAccount::new().set_email(email).set_scopes([SCOPE])]);
    }
    if offering.is_spot {
        made = made.set_scheduling(spot());
    }
    Some(made)
}

/// A spot instance that Google takes back is stopped and not deleted, so that a listing tells that it died.
fn spot() -> Scheduling {
    Scheduling::new()
        .set_provisioning_model(ProvisioningModel::Spot)
        .set_automatic_restart(false)
        .set_instance_termination_action(InstanceTerminationAction::Stop)
}

/// A disk that goes with its instance, and tells whose it is where it should ever stay.
fn boot_disk(image: &str, gib: Option<u32>, settings: &Settings, launch: &Launch) -> AttachedDisk {
    let parameters = AttachedDiskInitializeParams::new()
        .set_source_image(image)
        .set_labels(instance_labels(settings, launch))
        .set_or_clear_disk_size_gb(gib);
    AttachedDisk::new()
        .set_boot(true)
        .set_auto_delete(true)
        .set_type(DiskType::Persistent)
        .set_initialize_params(parameters)
}

/// The path of the subnetwork that an instance of this tenant is plugged into.
pub(crate) fn subnetwork(settings: &Settings, tenant: &TenantName) -> String {
    match &settings.network {
        Network::Shared(name) => subnetwork_path(settings, name),
        Network::PerTenant => site_subnetwork(settings, tenant),
    }
}

/// The path of the subnetwork of a tenant's own site.
pub(crate) fn site_subnetwork(settings: &Settings, tenant: &TenantName) -> String {
    subnetwork_path(settings, &site_name(settings, tenant, "subnet"))
}

fn subnetwork_path(settings: &Settings, name: &str) -> String {
    let Settings {
        project, region, ..
    } = settings;
    format!("projects/{project}/regions/{region}/subnetworks/{name}")
}

/// What a part of a tenant's site is called.
pub(crate) fn site_name(settings: &Settings, tenant: &TenantName, part: &str) -> String {
    let Settings {
        deployment, cloud, ..
    } = settings;
    let hash = tag::tenant(&format!("{deployment}/{cloud}"), tenant);
    format!("{PREFIX}{hash}-{part}")
}

/// An instance as the core sees it; `None` for what carries our labels and is not ours by its name, which cannot be changed: a
/// copy that somebody made of one of ours.
pub(crate) fn seen(
    settings: &Settings,
    tenant: &TenantName,
    found: &Instance,
) -> Option<InstanceSeen> {
    let name = found.name.as_deref()?;
    let zone = found.zone.as_deref()?.rsplit('/').next()?;
    let place = Place {
        zone: zone.to_owned(),
        name: name.to_owned(),
    };
    Some(InstanceSeen {
        id: intent(settings, tenant, name)?,
        provider: place.provider(),
        state: state(found),
    })
}

/// What an instance does.
pub(crate) fn state(found: &Instance) -> CloudState {
    let end = || {
        if found.labels.contains_key(RESTING) {
            CloudState::Suspended
        } else {
            CloudState::Stopped
        }
    };
    match &found.status {
        Some(Status::Suspending | Status::Suspended) => CloudState::Suspended,
        Some(Status::PendingStop | Status::Stopping | Status::Stopped | Status::Terminated) => {
            end()
        }
        Some(Status::Deprovisioning) => CloudState::Stopped,
        Some(Status::Provisioning | Status::Staging | Status::Pending | Status::Repairing) => {
            CloudState::Starting
        }
        // Of what we have never heard, whether it is well is told by its health.
        Some(_) | None => CloudState::Running,
    }
}

#[cfg(test)]
mod tests {
    use google_cloud_compute_v1::model::operation::Error;
    use google_cloud_compute_v1::model::operation::error::Errors;

    use super::*;

    fn done() -> Operation {
        Operation::new().set_status(Progress::Done)
    }

    fn failed() -> Operation {
        done().set_error(Error::new().set_errors([Errors::new().set_code("QUOTA_EXCEEDED")]))
    }

    #[test]
    fn a_request_id_is_the_same_for_the_same_try_and_another_for_the_next() {
        let first = request_id("asaas-x-i-1", 0);

        assert_eq!(first, request_id("asaas-x-i-1", 0));
        assert_ne!(first, request_id("asaas-x-i-1", 1));
        assert_ne!(first, request_id("asaas-x-i-10", 0));
        let lengths: Vec<usize> = first.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
    }

    #[test]
    fn what_was_made_once_is_never_made_again() {
        assert_eq!(past(vec![]), Past::Failed(0));
        assert_eq!(past(vec![failed(), failed()]), Past::Failed(2));
        assert_eq!(past(vec![failed(), done()]), Past::Made); // I8
        assert!(matches!(
            past(vec![failed(), Operation::new()]),
            Past::UnderWay(_)
        ));
    }

    #[test]
    fn no_two_of_our_labels_become_one() {
        let keys = [
            label::DEPLOYMENT,
            label::TENANT,
            label::CLOUD,
            label::INSTANCE,
            label::TEMPLATE,
            label::STOP_GRACE_MS,
        ];
        let mut mapped: Vec<String> = keys.iter().map(|key| label_key(key)).collect();
        assert!(
            mapped
                .iter()
                .all(|key| is_label(key) && key.starts_with(|c: char| c.is_ascii_lowercase()))
        );
        mapped.push(RESTING.to_owned());
        mapped.sort();
        mapped.dedup();
        assert_eq!(mapped.len(), keys.len() + 1);
    }

    #[test]
    fn what_is_no_place_of_ours_has_none() {
        for id in [
            "",
            "..",
            "../..",
            "no-such-instance",
            "a/b/c",
            "A/b",
            "a/",
            "/b",
            "a/b\"",
            "a/b%2f",
        ] {
            assert_eq!(Place::parse(&ProviderId(id.to_owned())), None, "{id}");
        }
        let place = Place::parse(&ProviderId("z-a/n-1".to_owned())).unwrap();
        assert_eq!(place.provider().0, "z-a/n-1");
    }

    #[test]
    fn a_stopped_instance_is_suspended_only_where_we_stopped_it() {
        let stopped = Instance::new().set_status(Status::Terminated);
        assert_eq!(state(&stopped), CloudState::Stopped);
        assert_eq!(
            state(&stopped.set_labels([(RESTING, "1")])),
            CloudState::Suspended
        );
        assert_eq!(
            state(&Instance::new().set_status("NEVER_HEARD_OF")),
            CloudState::Running
        );
    }
}
