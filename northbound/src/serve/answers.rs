//! The API's answers: each request is one look or one write, and never waits for a tick but for the first.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use axum::{Json, Router};
use controller::crashpoint;
use controller::id::{Generation, TenantName};
use controller::ports::Store;
use controller::{history, preview};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::net::UnixListener;

use super::Service;
use super::elsewhere::{IsSentOn, unattended};
use super::failure::{bad_input, unknown};
use super::tenants::View;
use crate::api::{
    AppliedReply, BODY_LIMIT, Changed, Document, Explanation, Failure, FailureKind, OrderReply,
    OrderRequest, OrderWord, PlanReply, ServiceReport, TenantReport,
};
use crate::show;
use crate::store::{Change, Order, Refusal, network};
use crate::tenant_file::{self, Key, Reading};

mod ahead;
mod clouds;
mod download;
mod past;
mod push;
mod tenants;

/// A status is waited for this long after a service's start: less than a command waits for a reply.
const FIRST_TICK_LIMIT: Duration = Duration::from_secs(4);
/// A tenant that was not looked at for so many ticks, and so long, is told of.
const LATE_TICKS: i32 = 3;
const LATE_LEAST: SignedDuration = SignedDuration::from_mins(1);

type Shared = State<Arc<Service>>;

/// Every request that there is.
pub(super) fn router(
    service: Arc<Service>,
) -> axum::extract::connect_info::IntoMakeServiceWithConnectInfo<Router, Caller> {
    Router::new()
        .route("/v1/service", get(about))
        .route("/v1/clouds", get(clouds::clouds))
        .route("/v1/tenants", get(tenants::list))
        .route("/v1/plan", post(plan))
        .route("/v1/ahead", post(ahead::hours))
        .route("/v1/apply", post(apply))
        .route("/v1/tenants/{tenant}", get(tenant))
        .route("/v1/tenants/{tenant}/orders", post(order))
        .route("/v1/tenants/{tenant}/metrics", post(push::push))
        .route("/v1/tenants/{tenant}/explain", get(explain))
        .route("/v1/tenants/{tenant}/journal", get(past::journal))
        .route("/v1/tenants/{tenant}/logs/{kind}", get(download::logs))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(service)
        .into_make_service_with_connect_info::<Caller>()
}

/// Who is at the other end of the socket, said by the kernel: it goes into the journal.
#[derive(Debug, Clone)]
pub(super) struct Caller(String);

impl Connected<IncomingStream<'_, UnixListener>> for Caller {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let Ok(peer) = stream.io().peer_cred() else {
            return Self("somebody".to_owned());
        };
        let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(peer.uid()));
        Self(match user {
            Ok(Some(user)) => user.name,
            _ => format!("user {}", peer.uid()),
        })
    }
}

async fn about(State(service): Shared) -> Result<Json<ServiceReport>, Failure> {
    Ok(Json(ServiceReport {
        nodes: tenants::nodes(&service),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        deployment: service.wired.store.deployment().to_owned(),
        process: std::process::id(),
        since: service.since,
        state: service.config.state.clone(),
        logs: service.config.logs.directory.clone(),
        tenants: service.wired.store.tenants().await?.len(),
    }))
}

fn document(body: Result<Json<Document>, JsonRejection>) -> Result<Document, Failure> {
    match body {
        Ok(Json(document)) => Ok(document),
        Err(rejection) => Err(bad_input(rejection.body_text())),
    }
}

fn read(service: &Service, document: &Document) -> Result<Reading, Failure> {
    Ok(tenant_file::read(
        &document.text,
        &document.file,
        &service.config.known(),
    )?)
}

async fn plan(
    State(service): Shared,
    is_sent_on: IsSentOn,
    body: Result<Json<Document>, JsonRejection>,
) -> Result<Json<PlanReply>, Failure> {
    let document = document(body)?;
    let reading = read(&service, &document)?;
    if let Some(owner) = service.elsewhere_unless(is_sent_on, &reading.spec.tenant)? {
        return Ok(Json(owner.post("/v1/plan", &document).await?));
    }
    let ports = &service.wired.ports;
    let state = service
        .wired
        .store
        .load(&reading.spec.tenant, history::SPAN)
        .await?;
    let generation = state.as_ref().map(|state| state.wish.generation);
    check_generation(&reading.spec.tenant, document.generation, generation)?;
    let owner = service
        .wired
        .store
        .owner_of(reading.spec.network.public_ip)
        .await?;
    if owner.is_some_and(|owner| owner != reading.spec.tenant) {
        return Err(taken(&reading));
    }
    if let Some(state) = &state
        && let Some(refusal) =
            network::refusal(Some(&state.wish.spec), &state.instances, &reading.spec)
    {
        return Err(at_subnet(&reading, &refusal));
    }
    let preview = preview(ports, state, &reading.spec, ports.clock.now()).await;
    Ok(Json(PlanReply {
        tenant: reading.spec.tenant,
        generation,
        preview,
        warnings: reading.warnings.into_vec(),
    }))
}

/// Instances live where the network would change: said at its line.
fn at_subnet(reading: &Reading, refusal: &Refusal) -> Failure {
    Failure {
        kind: FailureKind::Conflict,
        ..reading
            .refuse(Key::Subnet, refusal.to_string(), refusal.hint())
            .into()
    }
}

/// Another tenant owns the public address: said at its line.
fn taken(reading: &Reading) -> Failure {
    Failure {
        kind: FailureKind::Conflict,
        ..reading.public_ip_is_taken().into()
    }
}

fn check_generation(
    tenant: &TenantName,
    expected: Option<Generation>,
    actual: Option<Generation>,
) -> Result<(), Failure> {
    let actual = actual.unwrap_or_default();
    match expected {
        Some(expected) if expected != actual => Err(Refusal::Generation {
            tenant: tenant.clone(),
            expected,
            actual,
        }
        .into()),
        _ => Ok(()),
    }
}

async fn apply(
    State(service): Shared,
    ConnectInfo(Caller(who)): ConnectInfo<Caller>,
    body: Result<Json<Document>, JsonRejection>,
) -> Result<Json<AppliedReply>, Failure> {
    let document = document(body)?;
    crashpoint!("apply.read");
    let reading = read(&service, &document)?;
    crashpoint!("apply.checked");
    let now = service.wired.ports.clock.now();
    let applied = service
        .wired
        .registrar
        .apply(
            &reading.spec,
            &document.text,
            document.generation,
            now,
            &who,
        )
        .await?;
    let applied = match applied {
        Ok(applied) => applied,
        Err(refusal @ Refusal::AddressOwned { .. }) => {
            tracing::info!(tenant = %reading.spec.tenant, %refusal, "apply refused");
            return Err(taken(&reading));
        }
        Err(refusal @ (Refusal::SubnetInUse { .. } | Refusal::RangeInUse { .. })) => {
            tracing::info!(tenant = %reading.spec.tenant, %refusal, "apply refused");
            return Err(at_subnet(&reading, &refusal));
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let tenant = reading.spec.tenant;
    tracing::info!(%tenant, generation = %applied.generation, who, "applied");
    crashpoint!("apply.stored");
    service.tenants.wake(&tenant).await;
    service.has_shown(&tenant, applied.generation).await;
    crashpoint!("apply.unanswered");
    Ok(Json(AppliedReply {
        tenant,
        generation: applied.generation,
        change: match applied.change {
            Change::Created => Changed::Created,
            Change::Updated => Changed::Updated,
            Change::Same => Changed::Same,
        },
        warnings: reading.warnings.into_vec(),
    }))
}

async fn tenant(
    State(service): Shared,
    is_sent_on: IsSentOn,
    Path(tenant): Path<TenantName>,
) -> Result<Json<TenantReport>, Failure> {
    let Some(wish) = service.wired.store.wish(&tenant).await? else {
        return Err(unknown(&tenant));
    };
    if let Some(owner) = service.elsewhere_unless(is_sent_on, &tenant)? {
        return Ok(Json(owner.get(&format!("/v1/tenants/{tenant}")).await?));
    }
    let Some(mut view) = service.tenants.view(&tenant) else {
        return Err(match &service.wired.place {
            Some(_) => unattended(&tenant),
            None => unknown(&tenant),
        });
    };
    let looked = view.wait_for(|view| view.status.is_some() || view.trouble.is_some());
    let view = match tokio::time::timeout(FIRST_TICK_LIMIT, looked).await {
        Ok(Ok(view)) => view.clone(),
        _ => View::default(),
    };
    let Some(mut status) = view.status else {
        return Err(Failure {
            kind: FailureKind::NotNow,
            message: match view.trouble {
                Some(trouble) => format!("tenant `{tenant}` is not looked after: {trouble}"),
                None => format!("tenant `{tenant}` was not looked at yet"),
            },
            hint: Some("ask again in a moment; the service's own log says more".to_owned()),
            problems: Vec::new(),
        });
    };
    let late = lateness(&service, status.at);
    status.is_settled = show::status::is_settled(&status);
    status
        .alarms
        .extend(service.unwritten.borrow().get(&tenant).cloned());
    status.alarms.extend(service.wired.troubles.of(&tenant));
    Ok(Json(TenantReport {
        status,
        public_ip: wish.spec.network.public_ip,
        listen: wish.spec.service.listen,
        trouble: view.trouble.or(late),
        node: service
            .wired
            .place
            .as_ref()
            .map(|place| place.card.name.clone()),
    }))
}

/// A tick that hangs shows nothing new: that has to be said.
fn lateness(service: &Service, at: Timestamp) -> Option<String> {
    let limit = service
        .config
        .tick
        .saturating_mul(LATE_TICKS)
        .max(LATE_LEAST);
    let passed = service.wired.ports.clock.now().wall.duration_since(at);
    (passed > limit).then(|| {
        format!(
            "this is {} s old: no tick has ended since; the service's own log may say why",
            passed.as_secs()
        )
    })
}

async fn order(
    State(service): Shared,
    ConnectInfo(Caller(who)): ConnectInfo<Caller>,
    Path(tenant): Path<TenantName>,
    body: Result<Json<OrderRequest>, JsonRejection>,
) -> Result<Json<OrderReply>, Failure> {
    let Json(request) = body.map_err(|rejection| bad_input(rejection.body_text()))?;
    crashpoint!("order.read");
    let order = match request.order {
        OrderWord::Pause => Order::Pause,
        OrderWord::Resume => Order::Resume,
        OrderWord::Scale => Order::Scale(request.desired),
        OrderWord::Destroy => Order::Destroy,
    };
    let now = service.wired.ports.clock.now();
    let registrar = &service.wired.registrar;
    let generation = registrar
        .order(&tenant, order, request.generation, now, &who)
        .await??;
    tracing::info!(%tenant, ?order, who, "ordered");
    crashpoint!("order.stored");
    service.tenants.wake(&tenant).await;
    service.has_shown(&tenant, generation).await;
    crashpoint!("order.unanswered");
    Ok(Json(OrderReply { tenant, generation }))
}

#[derive(Debug, Deserialize)]
struct Moment {
    at: Option<Timestamp>,
}

async fn explain(
    State(service): Shared,
    Path(tenant): Path<TenantName>,
    Query(moment): Query<Moment>,
) -> Result<Json<Explanation>, Failure> {
    let store = &service.wired.store;
    let at = moment.at.unwrap_or(Timestamp::MAX);
    let page = store.journal_around(&tenant, at).await?;
    let Some(last) = page.entries.last() else {
        if store.wish(&tenant).await?.is_none() {
            return Err(unknown(&tenant));
        }
        return Err(Failure {
            kind: FailureKind::NotNow,
            message: format!("nothing was decided for tenant `{tenant}` by then"),
            hint: Some("ask for a later time, or without `--at`".to_owned()),
            problems: Vec::new(),
        });
    };
    Ok(Json(Explanation {
        spec: store.spec_at(&tenant, last.seq).await?,
        tenant,
        entries: page.entries,
    }))
}
