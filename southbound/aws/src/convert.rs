//! Between our types and EC2's. Pure: equal launches are equal requests, byte for byte, since EC2 holds a repeated launch
//! against the first one.

use aws_sdk_ec2::operation::run_instances::RunInstancesInput;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesInputBuilder;
use aws_sdk_ec2::types::{
    Filter, HibernationOptionsRequest, IamInstanceProfileSpecification, Instance,
    InstanceMarketOptionsRequest, InstanceStateName, InstanceType, LaunchTemplateSpecification,
    MarketType, ResourceType, SpotInstanceType, SpotMarketOptions, Tag, TagSpecification,
};
use controller::id::{InstanceId, ProviderId, TenantName};
use controller::ports::{CloudErrorKind, CloudState, InstanceSeen, Launch};
use data_encoding::BASE64;
use southbound::tag::{self, label};

use crate::error::Trouble;
use crate::settings::{Network, Settings, Source, Template};

/// Where in the network an instance is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) subnet: String,
    pub(crate) groups: Vec<String>,
}

/// The idempotency key of a launch; also leads back to the intent where a tag got lost.
pub(crate) fn token(settings: &Settings, tenant: &TenantName, id: InstanceId) -> String {
    tag::provider(&settings.deployment, &settings.cloud, tenant, id).0
}

/// A tag.
pub(crate) fn tagged(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// The tags that say whose something is.
pub(crate) fn owner(settings: &Settings, tenant: &TenantName) -> Vec<Tag> {
    vec![
        tagged(label::DEPLOYMENT, &settings.deployment),
        tagged(label::CLOUD, settings.cloud.as_str()),
        tagged(label::TENANT, tenant.as_str()),
    ]
}

/// These tags, for a thing of this kind that the same call makes.
pub(crate) fn with_tags(kind: ResourceType, tags: &[Tag]) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(tags.to_vec()))
        .build()
}

/// What has one of these values.
pub(crate) fn filter<V: Into<String>>(
    name: impl Into<String>,
    values: impl IntoIterator<Item = V>,
) -> Filter {
    let values = values.into_iter().map(Into::into).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}

/// What carries all of these tags.
pub(crate) fn filters_of(tags: &[Tag]) -> Vec<Filter> {
    tags.iter()
        .map(|tag| {
            let key = tag.key().unwrap_or_default();
            filter(format!("tag:{key}"), tag.value())
        })
        .collect()
}

/// What an instance carries this tag with.
pub(crate) fn value_of<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    let tag = tags.iter().find(|tag| tag.key() == Some(key));
    tag.and_then(Tag::value)
}

/// Whether it carries all of these.
pub(crate) fn carries(tags: &[Tag], wanted: &[Tag]) -> bool {
    wanted.iter().all(|tag| tags.contains(tag))
}

/// Whether EC2 could call an instance so: `i-` and eight or seventeen hexadecimal digits. What it could not, never was.
pub(crate) fn is_instance_id(id: &ProviderId) -> bool {
    id.0.strip_prefix("i-").is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// The zone of a launch.
pub(crate) fn zone<'a>(settings: &'a Settings, launch: &'a Launch) -> &'a str {
    let first = settings.zones.first().map_or("", String::as_str);
    launch.instance.offering.zone.as_deref().unwrap_or(first)
}

/// The one call that makes the instance of an intent.
pub(crate) fn run(
    settings: &Settings,
    launch: &Launch,
    place: &Place,
) -> Result<RunInstancesInputBuilder, Trouble> {
    let instance = &launch.instance;
    let template = settings.templates.get(&instance.template).ok_or_else(|| {
        let detail = format!(
            "template `{}` is not one of this cloud; hint: give it an image",
            instance.template
        );
        Trouble::new(CloudErrorKind::Rejected, detail)
    })?;
    let mut tags = owner(settings, &launch.tenant);
    tags.push(tagged(label::INSTANCE, &instance.id.to_string()));
    tags.push(tagged(label::TEMPLATE, instance.template.as_str()));
    let machine = instance.offering.machine.as_ref();
    let machine = machine.or_else(|| settings.machines.first());
    let is_spot = instance.offering.is_spot;
    let hibernation = HibernationOptionsRequest::builder()
        .configured(true)
        .build();
    let request = RunInstancesInput::builder()
        .min_count(1)
        .max_count(1)
        .client_token(token(settings, &launch.tenant, instance.id))
        .tag_specifications(with_tags(ResourceType::Instance, &tags))
        .tag_specifications(with_tags(ResourceType::Volume, &tags))
        .set_instance_type(machine.map(|name| InstanceType::from(name.as_str())))
        .subnet_id(&place.subnet)
        .set_security_group_ids(Some(place.groups.clone()).filter(|groups| !groups.is_empty()))
        .private_ip_address(instance.address.to_string())
        .set_disable_api_termination(settings.is_protected.then_some(true))
        .set_hibernation_options((settings.hibernates && !is_spot).then_some(hibernation))
        .set_instance_market_options(is_spot.then(spot));
    Ok(made_from(template, request))
}

/// A launch of this template that means nobody's instance, to ask whether it would be allowed.
pub(crate) fn probe(settings: &Settings, template: &Template) -> RunInstancesInputBuilder {
    let machine = settings.machines.first();
    let zone = settings.zones.first();
    let (subnet, groups) = match &settings.network {
        Network::Existing { subnets, groups } => (
            zone.and_then(|zone| subnets.get(zone)),
            Some(groups.clone()),
        ),
        Network::Site(_) => (None, None),
    };
    let request = RunInstancesInput::builder()
        .min_count(1)
        .max_count(1)
        .set_instance_type(machine.map(|name| InstanceType::from(name.as_str())))
        .set_subnet_id(subnet.cloned())
        .set_security_group_ids(groups.filter(|groups| !groups.is_empty()));
    made_from(template, request)
}

fn made_from(template: &Template, request: RunInstancesInputBuilder) -> RunInstancesInputBuilder {
    let request = match &template.source {
        Source::Image(image) => request.image_id(image),
        Source::LaunchTemplate { id, version } => {
            let template = LaunchTemplateSpecification::builder()
                .launch_template_id(id)
                .version(version);
            request.launch_template(template.build())
        }
    };
    let user_data = template.user_data.as_ref();
    let profile = template.profile.as_ref();
    request
        .set_user_data(user_data.map(|text| BASE64.encode(text.as_bytes())))
        .set_key_name(template.key.clone())
        .set_iam_instance_profile(profile.map(|name| {
            IamInstanceProfileSpecification::builder()
                .name(name)
                .build()
        }))
}

/// At the going price, for as long as EC2 lets us.
fn spot() -> InstanceMarketOptionsRequest {
    let once = SpotMarketOptions::builder().spot_instance_type(SpotInstanceType::OneTime);
    InstanceMarketOptionsRequest::builder()
        .market_type(MarketType::Spot)
        .spot_options(once.build())
        .build()
}

/// What EC2 says an instance does.
pub(crate) fn state_name(instance: &Instance) -> Option<&InstanceStateName> {
    instance.state().and_then(|state| state.name())
}

/// Whether it is gone, or on its way.
pub(crate) fn is_leaving(instance: &Instance) -> bool {
    use InstanceStateName::{ShuttingDown, Terminated};
    matches!(state_name(instance), Some(ShuttingDown | Terminated))
}

/// Whether we have suspended it, or begun to.
pub(crate) fn is_marked(instance: &Instance) -> bool {
    value_of(instance.tags(), label::SUSPENDED).is_some()
}

/// What an instance does; `None` once it is gone. What dies shows as stopped for as long as it takes room.
fn state(instance: &Instance) -> Result<Option<CloudState>, Trouble> {
    use InstanceStateName::{Running, ShuttingDown, Stopped, Stopping, Terminated};
    let name = state_name(instance).ok_or_else(|| nameless("a state"))?;
    Ok(match name {
        Terminated => None,
        Running => Some(CloudState::Running),
        Stopping | Stopped if is_marked(instance) => Some(CloudState::Suspended),
        Stopping | Stopped | ShuttingDown => Some(CloudState::Stopped),
        // Pending, or a state that nobody has told us of: it exists, and whether it is well its health tells.
        _ => Some(CloudState::Starting),
    })
}

pub(crate) fn nameless(what: &str) -> Trouble {
    let detail = format!("EC2 shows an instance without {what}");
    Trouble::new(CloudErrorKind::Unreachable, detail)
}

/// The intent that an instance was made for; `None` where it was none of this tenant's. The token says so, which nobody can
/// copy: `Launch more like this` copies tags.
pub(crate) fn intent(
    settings: &Settings,
    tenant: &TenantName,
    instance: &Instance,
) -> Option<InstanceId> {
    match instance.client_token() {
        Some(token) => tag::instance(&settings.deployment, &settings.cloud, tenant, token),
        None => value_of(instance.tags(), label::INSTANCE)?.parse().ok(),
    }
}

/// An instance as the core sees it; `None` for one that is gone, or was made for no intent of this tenant's.
pub(crate) fn seen(
    settings: &Settings,
    tenant: &TenantName,
    instance: &Instance,
) -> Result<Option<InstanceSeen>, Trouble> {
    if !carries(instance.tags(), &owner(settings, tenant)) {
        let detail = "EC2 shows an instance that was not asked for";
        return Err(Trouble::new(CloudErrorKind::Unreachable, detail));
    }
    let provider = instance.instance_id().ok_or_else(|| nameless("a name"))?;
    let state = state(instance)?;
    let made = |(id, state)| InstanceSeen {
        provider: ProviderId(provider.to_owned()),
        id,
        state,
    };
    Ok(intent(settings, tenant, instance).zip(state).map(made))
}
