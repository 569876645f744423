//! A value that an application pushes.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use controller::id::{InstanceId, TenantName};
use controller::load::Metric;
use controller::ports::Store;

use super::{Service, Shared};
use crate::api::{Failure, FailureKind, PushReply, PushRequest};
use crate::meter::PushRefusal;
use crate::serve::elsewhere::IsSentOn;
use crate::serve::failure::{bad_input, unknown};

pub(super) async fn push(
    State(service): Shared,
    is_sent_on: IsSentOn,
    Path(tenant): Path<TenantName>,
    body: Result<Json<PushRequest>, JsonRejection>,
) -> Result<Json<PushReply>, Failure> {
    let Json(request) = body.map_err(|rejection| bad_input(rejection.body_text()))?;
    let Some(wish) = service.wired.store.wish(&tenant).await? else {
        return Err(unknown(&tenant));
    };
    if let Some(owner) = service.elsewhere_unless(is_sent_on, &tenant)? {
        let path = format!("/v1/tenants/{tenant}/metrics");
        return Ok(Json(owner.post(&path, &request).await?));
    }
    let PushRequest {
        name,
        value,
        instance,
    } = request;
    if let Some(instance) = instance {
        check_instance(&service, &tenant, instance)?;
    }
    let now = service.wired.ports.clock.now();
    let pushed = &service.wired.pushed;
    pushed.push(&tenant, &name, instance, value, now)?;
    let metric = Metric::Pushed(name);
    Ok(Json(PushReply {
        tenant,
        is_followed: wish.spec.policy.metrics().contains_key(&metric),
        metric,
        instance,
        value,
        at: now.wall,
    }))
}

/// The last tick has seen it.
fn check_instance(
    service: &Service,
    tenant: &TenantName,
    instance: InstanceId,
) -> Result<(), Failure> {
    let view = service.tenants.view(tenant);
    let status = view.and_then(|view| view.borrow().status.clone());
    let is_known = status.is_some_and(|status| {
        let mut instances = status.instances.iter();
        instances.any(|shown| shown.instance.id == instance)
    });
    if is_known {
        return Ok(());
    }
    Err(Failure {
        kind: FailureKind::Unknown,
        message: format!("tenant `{tenant}` has no instance `{instance}`"),
        hint: Some(format!("`asaas status {tenant}` shows those that it has")),
        problems: Vec::new(),
    })
}

impl From<PushRefusal> for Failure {
    fn from(refusal: PushRefusal) -> Self {
        Self {
            kind: FailureKind::Conflict,
            message: refusal.to_string(),
            hint: Some(refusal.hint().to_owned()),
            problems: Vec::new(),
        }
    }
}
