//! Names and tags, derived in this one place: what the outside sees of an instance. None of them carries tenant text; labels
//! that do are only ever values, never names.

use controller::id::{CloudName, InstanceId, ProviderId, TenantName};

/// The label keys that every instance carries.
pub mod label {
    /// Which deployment made it.
    pub const DEPLOYMENT: &str = "asaas.deployment";
    /// Whose it is.
    pub const TENANT: &str = "asaas.tenant";
    /// In which cloud.
    pub const CLOUD: &str = "asaas.cloud";
    /// For which intent.
    pub const INSTANCE: &str = "asaas.instance";
    /// From which template.
    pub const TEMPLATE: &str = "asaas.template";
    /// That it was suspended by us, where a cloud does not tell that from an end.
    pub const SUSPENDED: &str = "asaas.suspended";
    /// Which part of a site it is.
    pub const ROLE: &str = "asaas.role";
    /// How long it may take to stop, in milliseconds.
    pub const STOP_GRACE_MS: &str = "asaas.stop-grace-ms";
}

/// Sixteen characters hold 80 bits: two tenants of one deployment never meet.
const HASH_LENGTH: usize = 16;

/// A short hash of these parts, in the letters that every kernel, cloud and file system allows. A part cannot run into the
/// next: a NUL, which no name contains, is between them.
fn hash(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    let mut text = data_encoding::BASE32_NOPAD.encode(hasher.finalize().as_bytes());
    text.truncate(HASH_LENGTH);
    text.make_ascii_lowercase();
    text
}

/// A tenant of a deployment, for the directory that its instances share: sixteen letters and digits.
pub fn tenant(deployment: &str, tenant: &TenantName) -> String {
    hash(&["tenant", deployment, tenant.as_str()])
}

/// What the instances of one tenant in one cloud have in common at the beginning of their names.
fn site(deployment: &str, cloud: &CloudName, tenant: &TenantName) -> String {
    hash(&["site", deployment, cloud.as_str(), tenant.as_str()])
}

/// What a cloud should call an instance: 32 lower-case letters, digits and dashes, `<hash>-i-…`.
pub fn provider(
    deployment: &str,
    cloud: &CloudName,
    tenant: &TenantName,
    instance: InstanceId,
) -> ProviderId {
    let site = site(deployment, cloud, tenant);
    ProviderId(format!("{site}-{instance}"))
}

/// The instance behind a name, where it is one of this tenant's in this cloud.
pub fn instance(
    deployment: &str,
    cloud: &CloudName,
    tenant: &TenantName,
    provider: &str,
) -> Option<InstanceId> {
    let site = site(deployment, cloud, tenant);
    let (hash, id) = provider.split_once('-')?;
    if hash == site { id.parse().ok() } else { None }
}

/// Whether this is the name of an instance at all, of whichever tenant.
pub(crate) fn is_provider(name: &str) -> bool {
    name.split_once('-')
        .is_some_and(|(hash, id)| hash.len() == HASH_LENGTH && id.parse::<InstanceId>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (CloudName, TenantName, InstanceId) {
        let cloud = "local-a".parse().unwrap();
        let tenant = "demo".parse().unwrap();
        (cloud, tenant, InstanceId::new(7, 9))
    }

    #[test]
    fn a_name_leads_back_to_its_instance_but_only_for_its_own_tenant_cloud_and_deployment() {
        let (cloud, tenant, id) = names();
        let name = provider("d1", &cloud, &tenant, id).0;
        let (other_cloud, other_tenant) = ("local-b".parse().unwrap(), "demo2".parse().unwrap());

        assert!(is_provider(&name));
        assert_eq!(instance("d1", &cloud, &tenant, &name), Some(id));
        assert_eq!(instance("d2", &cloud, &tenant, &name), None);
        assert_eq!(instance("d1", &other_cloud, &tenant, &name), None);
        assert_eq!(instance("d1", &cloud, &other_tenant, &name), None);
    }

    #[test]
    fn a_name_carries_no_tenant_text_and_fits_every_cloud() {
        let (cloud, tenant, id) = names();
        let name = provider("d1", &cloud, &tenant, id).0;

        assert!(!name.contains("demo"));
        assert_eq!(name.len(), 32);
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        );
    }

    #[test]
    fn parts_of_a_hash_do_not_run_into_each_other() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }
}
