//! The few calls that this cloud needs, each as narrow as it gets, and with no retries: one call is one request, or none.
//!
//! The client's own poller of operations is not used: it answers `Ok` for operations that failed, and has bounds of its own.

use std::sync::Arc;
use std::time::Duration;

use controller::ports::CloudErrorKind;
use google_cloud_compute_v1::client::{Instances, ZoneOperations};
use google_cloud_compute_v1::model::{
    Instance, InstanceAggregatedList, InstancesSetLabelsRequest, Operation,
};
use google_cloud_gax::error::Error;
use tokio::sync::OnceCell;

use crate::catalog::Catalog;
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
            .with_credentials($credentials.clone())
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

/// Compute Engine, in one project and region. A client costs a moment, since it reads the machine's certificates, so those that are
/// not needed at every tick are made when they are first used.
#[derive(Debug)]
pub(crate) struct Compute {
    pub(crate) settings: Arc<Settings>,
    pub(crate) project: String,
    pub(crate) region: String,
    pub(crate) identity: Identity,
    bounds: Bounds,
    instances: Instances,
    zone_operations: ZoneOperations,
    pub(crate) networks: OnceCell<Networks>,
    pub(crate) catalog: OnceCell<Catalog>,
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
    pub(crate) async fn open(settings: &Arc<Settings>) -> Result<Self, Trouble> {
        let identity = Identity::read(&settings.credentials)?;
        Ok(Self {
            settings: settings.clone(),
            project: settings.project.clone(),
            region: settings.region.clone(),
            bounds: settings.bounds,
            instances: client!(Instances, &identity.credentials, settings),
            zone_operations: client!(ZoneOperations, &identity.credentials, settings),
            identity,
            networks: OnceCell::new(),
            catalog: OnceCell::new(),
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
            is_kind(page.kind.as_deref(), "compute#instanceAggregatedList")?;
            whole(&page)?;
            found.extend(page.items.into_values().flat_map(|scope| scope.instances));
            token = page.next_page_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
        let detail = format!("the listing has no end: {PAGES} pages were read");
        Err(Trouble::new(CloudErrorKind::Unreachable, detail))
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
        is_kind(answer.kind.as_deref(), "compute#operationList")?;
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
            Scope::Region | Scope::Global => self.network_operation(scope, name).await,
        }
    }
}

/// That an answer is what was asked for. The client takes no content, and `{}`, for an empty list; a proxy may say either.
fn is_kind(kind: Option<&str>, wanted: &str) -> Result<(), Trouble> {
    if kind == Some(wanted) {
        return Ok(());
    }
    let detail = format!(
        "the answer is no `{wanted}`, but `{}`",
        kind.unwrap_or_default()
    );
    Err(Trouble::new(CloudErrorKind::Unreachable, detail))
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
    Err(Trouble::new(CloudErrorKind::Unreachable, detail))
}

fn unended(name: &str, limit: Duration) -> Trouble {
    let detail = format!("{name} had not ended after {} s", limit.as_secs_f32());
    Trouble::new(CloudErrorKind::Unreachable, detail)
}
