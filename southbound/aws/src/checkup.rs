//! How it stands with EC2, for people: who we are there, what we may, and whether what the settings name exists.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{AccountAttribute, AccountAttributeName, InstanceType, LocationType};
use controller::ports::{Checkup, CloudErrorKind, Room, Verdict};

use crate::api::Api;
use crate::convert::{self, filter};
use crate::error::Trouble;
use crate::settings::{Network, Settings, Source, Template};

/// Looks at everything; stops where nothing more can be known.
pub(crate) async fn checkup(settings: &Settings, api: &Api) -> Checkup {
    let found = Checkup::default();
    let limit = match instance_limit(api).await {
        Ok(limit) => limit,
        Err(trouble) if trouble.kind == CloudErrorKind::Denied => {
            let reached = found.and("reachable", Verdict::Ok, endpoint(settings));
            return reached.and("credentials", Verdict::Missing, trouble.detail);
        }
        Err(trouble) => {
            let detail = format!(
                "{}: {}; hint: see whether this machine reaches it",
                endpoint(settings),
                trouble.detail
            );
            return found.and("reachable", Verdict::Missing, detail);
        }
    };
    let found = found.and("reachable", Verdict::Ok, endpoint(settings)).and(
        "credentials",
        Verdict::Ok,
        "EC2 knows the access key",
    );
    let found = permission(found, settings, api).await;
    let found = images(found, settings, api).await;
    let found = machines(found, settings, api).await;
    let found = subnets(found, settings, api).await;
    room(found, api, limit).await
}

fn endpoint(settings: &Settings) -> String {
    let aws = format!("EC2 in {}", settings.region);
    settings.endpoint.as_ref().map_or(aws, |other| {
        format!("{other}, as EC2 in {}", settings.region)
    })
}

/// How many instances the account may have; EC2 tells no more than this without asking another service.
async fn instance_limit(api: &Api) -> Result<Option<u32>, Trouble> {
    let name = AccountAttributeName::from("max-instances");
    let call = api.client().await.describe_account_attributes();
    let answer = call
        .attribute_names(name)
        .send()
        .await
        .map_err(Trouble::of)?;
    let attributes = answer.account_attributes.unwrap_or_default();
    let limits = attributes
        .iter()
        .filter(|each| each.attribute_name() == Some("max-instances"));
    let mut values = limits.flat_map(AccountAttribute::attribute_values);
    Ok(values.find_map(|value| value.attribute_value()?.parse().ok()))
}

/// EC2 says whether a launch would be allowed, without launching.
async fn permission(found: Checkup, settings: &Settings, api: &Api) -> Checkup {
    const SUBJECT: &str = "permission to launch";
    let Some(template) = settings.templates.values().next() else {
        return found.and(
            "templates",
            Verdict::Missing,
            "there is none; hint: give one an image",
        );
    };
    let probe = convert::probe(settings, template);
    match api.try_run(probe).await {
        Ok(()) => found.and(SUBJECT, Verdict::Ok, "EC2 would launch"),
        Err(trouble) if trouble.kind == CloudErrorKind::Denied => {
            found.and(SUBJECT, Verdict::Missing, trouble.detail)
        }
        Err(trouble) => found.and(SUBJECT, Verdict::Warning, trouble.detail),
    }
}

async fn images(mut found: Checkup, settings: &Settings, api: &Api) -> Checkup {
    for (name, template) in &settings.templates {
        let subject = format!("image of {name}");
        found = match image(template, api).await {
            Ok(detail) => found.and(subject, Verdict::Ok, detail),
            Err(trouble) => found.and(subject, Verdict::Missing, trouble.detail),
        };
    }
    if let Network::Site(gateway) = &settings.network {
        found = match image_state(&gateway.image, api).await {
            Ok(detail) => found.and("image of gateways", Verdict::Ok, detail),
            Err(trouble) => found.and("image of gateways", Verdict::Missing, trouble.detail),
        };
    }
    found
}

async fn image(template: &Template, api: &Api) -> Result<String, Trouble> {
    match &template.source {
        Source::Image(id) => image_state(id, api).await,
        Source::LaunchTemplate { id, version } => {
            let call = api.client().await.describe_launch_template_versions();
            let call = call.launch_template_id(id).versions(version);
            call.send().await.map_err(Trouble::of)?;
            Ok(format!("launch template {id} has version {version}"))
        }
    }
}

async fn image_state(id: &str, api: &Api) -> Result<String, Trouble> {
    let call = api.client().await.describe_images().image_ids(id);
    let images = call
        .send()
        .await
        .map_err(Trouble::of)?
        .images
        .unwrap_or_default();
    let state = images.first().and_then(|image| image.state());
    match state.map(aws_sdk_ec2::types::ImageState::as_str) {
        Some("available") => Ok(format!("{id} is available")),
        state => {
            let detail = format!(
                "{id} is {}; hint: name an image of this region that the account may use",
                state.unwrap_or("not there")
            );
            Err(Trouble::new(CloudErrorKind::Rejected, detail))
        }
    }
}

/// A machine type that no zone offers is missing, one that some do not offer is worth knowing.
async fn machines(found: Checkup, settings: &Settings, api: &Api) -> Checkup {
    const SUBJECT: &str = "machine types";
    let call = api
        .client()
        .await
        .describe_instance_type_offerings()
        .location_type(LocationType::AvailabilityZone)
        .filters(filter("instance-type", settings.machines.clone()))
        .filters(filter("location", settings.zones.clone()));
    let answer = match call.send().await.map_err(Trouble::of) {
        Ok(answer) => answer,
        Err(trouble) => return found.and(SUBJECT, Verdict::Warning, trouble.detail),
    };
    let offered: BTreeSet<(&str, &str)> = answer
        .instance_type_offerings()
        .iter()
        .filter_map(|each| {
            Some((
                each.instance_type().map(InstanceType::as_str)?,
                each.location()?,
            ))
        })
        .collect();
    let lacking = |machine: &str| -> Vec<&str> {
        let zones = settings.zones.iter().map(String::as_str);
        zones
            .filter(|zone| !offered.contains(&(machine, *zone)))
            .collect()
    };
    let mut found = found;
    let mut is_well = true;
    for machine in &settings.machines {
        let lacking = lacking(machine);
        if lacking.is_empty() {
            continue;
        }
        is_well = false;
        let is_nowhere = lacking.len() == settings.zones.len();
        let verdict = if is_nowhere {
            Verdict::Missing
        } else {
            Verdict::Warning
        };
        let detail = format!("{machine} is not offered in {}", lacking.join(", "));
        found = found.and(SUBJECT, verdict, detail);
    }
    if is_well {
        let all = format!(
            "{} in {}",
            settings.machines.join(", "),
            settings.zones.join(", ")
        );
        found = found.and(SUBJECT, Verdict::Ok, all);
    }
    found
}

/// The operator's own subnets: in the zone that he says, with room.
async fn subnets(mut found: Checkup, settings: &Settings, api: &Api) -> Checkup {
    let Network::Existing { subnets, .. } = &settings.network else {
        return found;
    };
    for (zone, id) in subnets {
        let subject = format!("subnet of {zone}");
        let call = api.client().await.describe_subnets().subnet_ids(id);
        let answer = call.send().await.map_err(Trouble::of);
        let subnet = answer.map(|answer| answer.subnets.unwrap_or_default().pop());
        found = match subnet {
            Err(trouble) => found.and(subject, Verdict::Missing, trouble.detail),
            Ok(Some(subnet)) if subnet.availability_zone() == Some(zone) => {
                let free = subnet.available_ip_address_count().unwrap_or_default();
                let verdict = if free > 0 {
                    Verdict::Ok
                } else {
                    Verdict::Warning
                };
                found.and(subject, verdict, format!("{id} has {free} free addresses"))
            }
            Ok(_) => found.and(subject, Verdict::Missing, format!("{id} is not in {zone}")),
        };
    }
    found
}

async fn room(mut found: Checkup, api: &Api, limit: Option<u32>) -> Checkup {
    let states = crate::PRESENT.map(|state| state.as_str().to_owned());
    let present = api
        .describe(vec![filter("instance-state-name", states)])
        .await;
    match (present, limit) {
        (Ok(present), Some(limit)) => {
            let taken = u32::try_from(present.len()).unwrap_or(u32::MAX);
            let (verdict, hint) = if taken < limit {
                (Verdict::Ok, "")
            } else {
                (
                    Verdict::Warning,
                    "; hint: ask AWS to raise the quota: Service Quotas, Amazon EC2",
                )
            };
            let detail = format!("{taken} of {limit} instances of the account{hint}");
            found.room = (taken <= limit).then_some(Room { taken, limit });
            found.and("quota", verdict, detail)
        }
        (Ok(_), None) => found.and(
            "quota",
            Verdict::Ok,
            "EC2 names none here: see Service Quotas, Amazon EC2",
        ),
        (Err(trouble), _) => found.and("quota", Verdict::Warning, trouble.detail),
    }
}
