//! How it stands with this cloud, for people: in the order in which somebody would mend it.

use controller::ports::{Checkup, CloudErrorKind, Room, Verdict};
use google_cloud_compute_v1::model::Region;

use crate::GcpCloud;
use crate::api::Compute;
use crate::error::Trouble;
use crate::settings::{Network, Source};

/// Above this share of a quota it is time to ask for more.
const NEARLY: f64 = 0.9;
/// The quotas that limit how many instances there can be.
const QUOTAS: [&str; 3] = ["INSTANCES", "CPUS", "STATIC_ADDRESSES"];
/// What an account needs on the subnetwork to plug instances in.
const PERMISSIONS: [&str; 2] = ["compute.subnetworks.get", "compute.subnetworks.use"];

pub(crate) async fn checkup(cloud: &GcpCloud) -> Checkup {
    let settings = &cloud.settings;
    let checkup = Checkup::default();
    let compute = match cloud.compute().await {
        Ok(compute) => compute,
        Err(trouble) => return checkup.and("credentials", Verdict::Missing, trouble.detail),
    };
    let checkup = match compute.project().await {
        Ok(_) => checkup
            .and(
                "reachable",
                Verdict::Ok,
                format!("the project {} answers", settings.project),
            )
            .and("credentials", Verdict::Ok, "Google takes them"),
        Err(trouble) => return checkup.and(subject(&trouble), Verdict::Missing, trouble.detail),
    };
    let checkup = region(checkup, compute).await;
    let checkup = zones(checkup, cloud, compute).await;
    let checkup = images(checkup, cloud, compute).await;
    network(checkup, cloud, compute).await
}

/// What to call it where even the first call does not work.
fn subject(trouble: &Trouble) -> &'static str {
    match (trouble.kind, trouble.reason.as_str()) {
        (CloudErrorKind::Denied, "authError") => "credentials",
        (CloudErrorKind::Denied, _) => "permissions",
        (CloudErrorKind::NotFound, _) => "project",
        _ => "reachable",
    }
}

async fn region(checkup: Checkup, compute: &Compute) -> Checkup {
    match compute.region().await {
        Ok(region) => quotas(checkup, &region),
        Err(trouble) => checkup.and("region", Verdict::Missing, trouble.detail),
    }
}

fn quotas(mut checkup: Checkup, region: &Region) -> Checkup {
    for wanted in QUOTAS {
        let of_metric = |metric: Option<&str>| metric == Some(wanted);
        let quota = region
            .quotas
            .iter()
            .find(|quota| of_metric(quota.metric.as_ref().and_then(|metric| metric.name())));
        let Some((limit, usage)) = quota.and_then(|quota| quota.limit.zip(quota.usage)) else {
            continue;
        };
        let told = format!("{usage} of {limit} are in use");
        let ask = "; hint: ask Google for a higher quota in this region";
        checkup = if usage >= limit {
            checkup.and(
                format!("quota {wanted}"),
                Verdict::Warning,
                format!("{told}: nothing more fits in{ask}"),
            )
        } else if usage >= limit * NEARLY {
            checkup.and(
                format!("quota {wanted}"),
                Verdict::Warning,
                format!("{told}{ask}"),
            )
        } else {
            checkup.and(format!("quota {wanted}"), Verdict::Ok, told)
        };
        if wanted == "INSTANCES" {
            checkup.room = whole(usage)
                .zip(whole(limit))
                .map(|(taken, limit)| Room { taken, limit });
        }
    }
    checkup
}

/// Google gives quotas as floating point numbers, though they count.
fn whole(number: f64) -> Option<u32> {
    format!("{number:.0}").parse().ok()
}

async fn zones(mut checkup: Checkup, cloud: &GcpCloud, compute: &Compute) -> Checkup {
    for zone in &cloud.settings.zones {
        let subject = format!("zone {zone}");
        checkup = match compute.zone(zone).await {
            Ok(found) if found.status.as_ref().and_then(|status| status.name()) == Some("UP") => {
                let checkup = checkup.and(subject, Verdict::Ok, "it is up");
                machines(checkup, cloud, compute, zone).await
            }
            Ok(_) => checkup.and(
                subject,
                Verdict::Warning,
                "Google says that it is down; other zones are used meanwhile, where there are any",
            ),
            Err(trouble) => checkup.and(subject, Verdict::Missing, trouble.detail),
        };
    }
    checkup
}

async fn machines(
    mut checkup: Checkup,
    cloud: &GcpCloud,
    compute: &Compute,
    zone: &str,
) -> Checkup {
    for machine in &cloud.settings.machines {
        if let Err(trouble) = compute.machine_type(zone, machine).await {
            // Other machine types, or other zones, may still do.
            let detail = format!(
                "{}; hint: name a machine type that this zone has",
                trouble.detail
            );
            checkup = checkup.and(
                format!("machine type {machine} in {zone}"),
                Verdict::Warning,
                detail,
            );
        }
    }
    checkup
}

async fn images(mut checkup: Checkup, cloud: &GcpCloud, compute: &Compute) -> Checkup {
    let of_templates =
        cloud
            .settings
            .templates
            .iter()
            .filter_map(|(name, template)| match &template.source {
                Source::Image { path, .. } => Some((format!("image of {name}"), path)),
                Source::Template(_) => None,
            });
    let of_gateway = (cloud.settings.network == Network::PerTenant).then(|| {
        (
            "image of the gateways".to_owned(),
            &cloud.settings.gateway.image,
        )
    });
    for (subject, path) in of_templates.chain(of_gateway) {
        checkup = match compute.image(path).await {
            Ok(Some(found)) => checkup.and(subject, Verdict::Ok, found.name.unwrap_or_default()),
            Err(trouble) => checkup.and(subject, Verdict::Missing, trouble.detail),
            Ok(None) => checkup.and(
                subject,
                Verdict::Warning,
                format!("`{path}` cannot be looked at; hint: write projects/P/global/images/family/F, or projects/P/global/images/I"),
            ),
        };
    }
    checkup
}

async fn network(checkup: Checkup, cloud: &GcpCloud, compute: &Compute) -> Checkup {
    let Network::Shared(name) = &cloud.settings.network else {
        return checkup.and("network", Verdict::Ok, "each tenant gets one of its own");
    };
    match compute.subnetwork(name).await {
        Ok(None) => {
            let detail = format!(
                "the region has no subnetwork `{name}`; hint: make it, or give each tenant a network of its own"
            );
            return checkup.and("network", Verdict::Missing, detail);
        }
        Ok(Some(_)) => {}
        Err(trouble) => return checkup.and("network", Verdict::Missing, trouble.detail),
    }
    match compute.subnetwork_permissions(name, &PERMISSIONS).await {
        Ok(held) => {
            let lacking: Vec<&str> = PERMISSIONS
                .into_iter()
                .filter(|wanted| !held.iter().any(|held| held == wanted))
                .collect();
            if lacking.is_empty() {
                return checkup.and(
                    "network",
                    Verdict::Ok,
                    format!("instances can be plugged into {name}"),
                );
            }
            let detail = format!(
                "we lack {} on {name}; hint: give the service's account the role Compute Network User",
                lacking.join(" and ")
            );
            checkup.and("network", Verdict::Missing, detail)
        }
        Err(trouble) => checkup.and("network", Verdict::Warning, trouble.detail),
    }
}
