//! The few calls that this cloud needs, each as narrow as it gets, and with no retries: one call is one request, or none.
//!
//! The client's own poller of operations is not used: it answers `Ok` for operations that failed, and has bounds of its own.

use std::time::Duration;

use google_cloud_auth::credentials::Credentials;
use google_cloud_compute_v1::client::{
    GlobalOperations, Images, Instances, MachineTypes, Projects, RegionOperations, Regions,
    Subnetworks, ZoneOperations, Zones,
};
use google_cloud_compute_v1::model::{
    Image, Instance, InstanceAggregatedList, InstancesSetLabelsRequest, MachineType, Operation,
    Project, Region, TestPermissionsRequest, Zone,
};
use google_cloud_gax::error::Error;

use crate::convert::{Place, insertions_filter, is_done};
use crate::credentials::Identity;
use crate::error::Trouble;
use crate::network_api::Networks;
use crate::settings::{Bounds, Settings};

/// More pages than these of one listing are no listing: 500 instances are on each.
const PAGES: usize = 200;
/// A later pause between two looks at an operation is at most so many times the first.
const POLL_GROWTH: u32 = 10;

/// A client with our bounds and without retries.
macro_rules! client {
    ($client:ident, $credentials:expr, $settings:expr) => {{
        let builder = $client::builder()
            .with_credentials(Credentials::clone($credentials))
            .with_retry_policy(google_cloud_gax::retry_policy::NeverRetry)
            .with_attempt_timeout($settings.bounds.call);
        let builder = match &$settings.endpoint {
            Some(endpoint) => builder.with_endpoint(endpoint),
            None => builder,
        };
        let built = builder.build().await;
        built.map_err(|cause| $crate::error::Trouble::credentials(&cause.to_string()))?
    }};
}
pub(crate) use client;

/// Compute Engine, in one project and region.
#[derive(Debug)]
pub(crate) struct Compute {
    pub(crate) project: String,
    pub(crate) region: String,
    identity: Identity,
    bounds: Bounds,
    pub(crate) networks: Networks,
    instances: Instances,
    zone_operations: ZoneOperations,
    region_operations: RegionOperations,
    global_operations: GlobalOperations,
    projects: Projects,
    regions: Regions,
    zones: Zones,
    machine_types: MachineTypes,
    images: Images,
    subnetworks: Subnetworks,
}

/// Where an operation is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    Zone(String),
    Region,
    Global,
}

/// How an instance's power is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Suspend,
    Resume,
    Stop,
    Start,
}

impl Compute {
    /// Asks nobody yet; an error where the credentials cannot be read.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Trouble> {
        let identity = Identity::read(&settings.credentials)?;
        let credentials = &identity.credentials;
        Ok(Self {
            project: settings.project.clone(),
            region: settings.region.clone(),
            bounds: settings.bounds,
            networks: Networks::open(settings, credentials).await?,
            instances: client!(Instances, credentials, settings),
            zone_operations: client!(ZoneOperations, credentials, settings),
            region_operations: client!(RegionOperations, credentials, settings),
            global_operations: client!(GlobalOperations, credentials, settings),
            projects: client!(Projects, credentials, settings),
            regions: client!(Regions, credentials, settings),
            zones: client!(Zones, credentials, settings),
            machine_types: client!(MachineTypes, credentials, settings),
            images: client!(Images, credentials, settings),
            subnetworks: client!(Subnetworks, credentials, settings),
            identity,
        })
    }

    /// One request, within its time.
    pub(crate) async fn call<T>(
        &self,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Trouble> {
        self.identity.prove(self.bounds.call).await?;
        let limit = self.bounds.call;
        match tokio::time::timeout(limit, Box::pin(request)).await {
            Ok(answer) => answer.map_err(|error| Trouble::call(&error)),
            Err(_) => Err(Trouble::silent(limit)),
        }
    }

    /// That what was to be found is not there, as `None`.
    pub(crate) fn found<T>(answer: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
        match answer {
            Ok(found) => Ok(Some(found)),
            Err(trouble) if trouble.is_missing() => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    pub(crate) async fn instance(&self, place: &Place) -> Result<Option<Instance>, Trouble> {
        let request = self
            .instances
            .get()
            .set_project(&self.project)
            .set_zone(&place.zone)
            .set_instance(&place.name);
        Self::found(self.call(request.send()).await)
    }

    /// Every instance of all zones that the filter lets through, or an error: never fewer, because a zone did not answer.
    pub(crate) async fn instances(&self, filter: &str) -> Result<Vec<Instance>, Trouble> {
        let mut found = Vec::new();
        let mut token = None;
        for _ in 0..PAGES {
            let request = self
                .instances
                .aggregated_list()
                .set_project(&self.project)
                .set_filter(filter);
            let request = request.set_or_clear_page_token(token);
            let page = self.call(request.send()).await?;
            whole(&page)?;
            found.extend(page.items.into_values().flat_map(|scope| scope.instances));
            token = page.next_page_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
        let detail = format!("the listing has no end: {PAGES} pages were read");
        Err(Trouble::new(
            controller::ports::CloudErrorKind::Unreachable,
            detail,
        ))
    }

    /// Every try there was, as far as Google remembers, to make an instance here.
    pub(crate) async fn insertions(&self, place: &Place) -> Result<Vec<Operation>, Trouble> {
        let request = self
            .zone_operations
            .list()
            .set_project(&self.project)
            .set_zone(&place.zone);
        let answer = self
            .call(request.set_filter(insertions_filter(&place.name)).send())
            .await?;
        // More than one page of tries to make one instance there cannot be: each takes seconds, and a breaker is between them.
        Ok(answer.items)
    }

    /// Not `async` itself: a body is large, and a future would hold it several times over.
    pub(crate) fn insert(
        &self,
        zone: &str,
        request_id: &str,
        template: Option<&str>,
        body: Instance,
    ) -> impl Future<Output = Result<Operation, Trouble>> {
        let request = self
            .instances
            .insert()
            .set_project(&self.project)
            .set_zone(zone)
            .set_body(body)
            .set_request_id(request_id)
            .set_or_clear_source_instance_template(template);
        self.call(Box::pin(request.send()))
    }

    pub(crate) async fn delete(&self, place: &Place) -> Result<Option<Operation>, Trouble> {
        let request = self
            .instances
            .delete()
            .set_project(&self.project)
            .set_zone(&place.zone)
            .set_instance(&place.name);
        Self::found(self.call(request.send()).await)
    }

    pub(crate) async fn set_power(
        &self,
        place: &Place,
        power: Power,
    ) -> Result<Operation, Trouble> {
        macro_rules! send {
            ($verb:ident) => {{
                let request = self
                    .instances
                    .$verb()
                    .set_project(&self.project)
                    .set_zone(&place.zone);
                self.call(request.set_instance(&place.name).send()).await
            }};
        }
        match power {
            Power::Suspend => send!(suspend),
            Power::Resume => send!(resume),
            Power::Stop => send!(stop),
            Power::Start => send!(start),
        }
    }

    /// Replaces all labels, unless somebody has changed them since `found` was seen.
    pub(crate) async fn set_labels(
        &self,
        place: &Place,
        found: &Instance,
        labels: Vec<(String, String)>,
    ) -> Result<Operation, Trouble> {
        let body = InstancesSetLabelsRequest::new()
            .set_labels(labels)
            .set_or_clear_label_fingerprint(found.label_fingerprint.clone());
        let request = self
            .instances
            .set_labels()
            .set_project(&self.project)
            .set_zone(&place.zone);
        self.call(request.set_instance(&place.name).set_body(body).send())
            .await
    }

    /// Whether an operation ends while we look, for as long as one call may take. An error where it fails.
    pub(crate) async fn ends_soon(
        &self,
        scope: &Scope,
        accepted: Operation,
    ) -> Result<bool, Trouble> {
        self.ends(scope, accepted, self.bounds.call).await
    }

    /// Looks at an operation until it has ended. What is not known in the end, whether it happened, is told as `Unreachable`;
    /// any other kind means that the operation itself failed.
    pub(crate) async fn finished(&self, scope: &Scope, accepted: Operation) -> Result<(), Trouble> {
        let name = accepted.name.clone().unwrap_or_default();
        let limit = self.bounds.operation;
        if self.ends(scope, accepted, limit).await? {
            Ok(())
        } else {
            Err(unended(&name, limit))
        }
    }

    async fn ends(
        &self,
        scope: &Scope,
        accepted: Operation,
        limit: Duration,
    ) -> Result<bool, Trouble> {
        let name = accepted.name.clone().unwrap_or_default();
        let waiting = async {
            let mut operation = accepted;
            let mut pause = self.bounds.poll;
            while !is_done(&operation) {
                tokio::time::sleep(pause).await;
                pause = (pause * 3 / 2).min(self.bounds.poll * POLL_GROWTH);
                operation = self
                    .operation(scope, &name)
                    .await
                    .map_err(Trouble::after_acceptance)?;
            }
            Trouble::operation(&operation).map_or(Ok(true), Err)
        };
        tokio::time::timeout(limit, waiting)
            .await
            .unwrap_or(Ok(false))
    }

    async fn operation(&self, scope: &Scope, name: &str) -> Result<Operation, Trouble> {
        match scope {
            Scope::Zone(zone) => {
                let request = self
                    .zone_operations
                    .get()
                    .set_project(&self.project)
                    .set_zone(zone);
                self.call(request.set_operation(name).send()).await
            }
            Scope::Region => {
                let request = self
                    .region_operations
                    .get()
                    .set_project(&self.project)
                    .set_region(&self.region);
                self.call(request.set_operation(name).send()).await
            }
            Scope::Global => {
                let request = self.global_operations.get().set_project(&self.project);
                self.call(request.set_operation(name).send()).await
            }
        }
    }

    pub(crate) async fn project(&self) -> Result<Project, Trouble> {
        self.call(self.projects.get().set_project(&self.project).send())
            .await
    }

    pub(crate) async fn region(&self) -> Result<Region, Trouble> {
        self.call(
            self.regions
                .get()
                .set_project(&self.project)
                .set_region(&self.region)
                .send(),
        )
        .await
    }

    pub(crate) async fn zone(&self, zone: &str) -> Result<Zone, Trouble> {
        self.call(
            self.zones
                .get()
                .set_project(&self.project)
                .set_zone(zone)
                .send(),
        )
        .await
    }

    pub(crate) async fn machine_type(
        &self,
        zone: &str,
        name: &str,
    ) -> Result<MachineType, Trouble> {
        let request = self
            .machine_types
            .get()
            .set_project(&self.project)
            .set_zone(zone);
        self.call(request.set_machine_type(name).send()).await
    }

    /// The image behind a path, or the newest of the family behind it. `None` for a path that is neither.
    pub(crate) async fn image(&self, path: &str) -> Option<Result<Image, Trouble>> {
        let words: Vec<&str> = path.split('/').collect();
        match words.as_slice() {
            ["projects", project, "global", "images", "family", family] => {
                let request = self.images.get_from_family().set_project(*project);
                Some(self.call(request.set_family(*family).send()).await)
            }
            ["projects", project, "global", "images", image] => {
                let request = self.images.get().set_project(*project);
                Some(self.call(request.set_image(*image).send()).await)
            }
            _ => None,
        }
    }

    /// Which of these permissions we have on a subnetwork of the region.
    pub(crate) async fn subnetwork_permissions(
        &self,
        name: &str,
        wanted: &[&str],
    ) -> Result<Vec<String>, Trouble> {
        let body = TestPermissionsRequest::new().set_permissions(wanted.iter().copied());
        let request = self
            .subnetworks
            .test_iam_permissions()
            .set_project(&self.project)
            .set_region(&self.region);
        let answer = self
            .call(request.set_resource(name).set_body(body).send())
            .await?;
        Ok(answer.permissions)
    }
}

/// That a page of a listing is whole. An empty zone is a warning too, and the only one that means nothing.
fn whole(page: &InstanceAggregatedList) -> Result<(), Trouble> {
    let of_scopes = page.items.iter().filter_map(|(scope, list)| {
        let warning = list.warning.as_ref()?;
        let code = warning
            .code
            .as_ref()
            .and_then(|code| code.name())
            .unwrap_or("UNKNOWN");
        (code != "NO_RESULTS_ON_PAGE").then(|| format!("{scope} {code}"))
    });
    let of_page = page.warning.iter().filter_map(|warning| {
        let code = warning
            .code
            .as_ref()
            .and_then(|code| code.name())
            .unwrap_or("UNKNOWN");
        (code != "NO_RESULTS_ON_PAGE").then(|| code.to_owned())
    });
    let mut missing: Vec<String> = of_scopes
        .chain(of_page)
        .chain(page.unreachables.iter().cloned())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort();
    let detail = format!("the listing is not whole: {}", missing.join(", "));
    Err(Trouble::new(
        controller::ports::CloudErrorKind::Unreachable,
        detail,
    ))
}

fn unended(name: &str, limit: Duration) -> Trouble {
    let detail = format!("{name} had not ended after {} s", limit.as_secs_f32());
    Trouble::new(controller::ports::CloudErrorKind::Unreachable, detail)
}
