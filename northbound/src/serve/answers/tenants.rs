//! All tenants, a line each, and who looks after whom.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use controller::id::TenantName;
use futures_util::future::join_all;

use super::{Service, Shared};
use crate::api::{Failure, NodeReport, TenantSummary};
use crate::client::Client;
use crate::node::{Card, Place};
use crate::serve::elsewhere::IsSentOn;
use crate::show;
use crate::store::TenantRow;

/// Other nodes are waited for this long; what they know is left out then.
const OTHERS_LIMIT: Duration = Duration::from_secs(1);

pub(super) async fn list(
    State(service): Shared,
    IsSentOn(is_sent_on): IsSentOn,
) -> Result<Json<Vec<TenantSummary>>, Failure> {
    let rows = service.wired.store.tenants().await?;
    let mut summaries: Vec<TenantSummary> =
        rows.into_iter().map(|row| summary(&service, row)).collect();
    let place = service.wired.place.as_ref().filter(|_| !is_sent_on);
    if let Some(place) = place {
        let mut theirs = of_others(place).await;
        for summary in &mut summaries {
            if let Some(known) = theirs.remove(&summary.tenant) {
                *summary = known;
            }
        }
    }
    Ok(Json(summaries))
}

/// As far as this node knows.
fn summary(service: &Service, row: TenantRow) -> TenantSummary {
    let view = service
        .tenants
        .view(&row.tenant)
        .map(|view| view.borrow().clone());
    let status = view.as_ref().and_then(|view| view.status.as_ref());
    let trouble = view.as_ref().is_some_and(|view| view.trouble.is_some());
    let owner = service.wired.place.as_ref().and_then(|place| {
        let seen = place.seen.borrow();
        seen.owners.get(&row.tenant).map(|owner| owner.node.clone())
    });
    TenantSummary {
        desired: status.and_then(show::status::wanted),
        in_service: status.map_or(0, show::status::serving),
        is_settled: status.is_some_and(|status| {
            show::status::is_settled(status) && status.generation == row.generation
        }),
        alarms: status.map_or(0, |s| s.alarms.len())
            + service.wired.troubles.of(&row.tenant).len()
            + usize::from(trouble),
        tenant: row.tenant,
        generation: row.generation,
        orders: row.orders,
        node: owner,
    }
}

/// What the other nodes of this machine know of the tenants that they look after.
async fn of_others(place: &Place) -> BTreeMap<TenantName, TenantSummary> {
    let others: Vec<Card> = {
        let seen = place.seen.borrow();
        let cards = seen.nodes.values().map(|(card, _)| card);
        let here = cards.filter(|card| card.host == place.card.host && **card != place.card);
        here.cloned().collect()
    };
    let asked = others.into_iter().map(async |card| {
        let client = Client::new(&card.socket).of_node(&place.card.name);
        let reply = client.get::<Vec<TenantSummary>>("/v1/tenants");
        let known = match tokio::time::timeout(OTHERS_LIMIT, reply).await {
            Ok(Ok(known)) => known,
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        let own = known
            .into_iter()
            .filter(move |row| row.node.as_ref() == Some(&card.name));
        own.map(|row| (row.tenant.clone(), row)).collect::<Vec<_>>()
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// The nodes that live, by name.
pub(super) fn nodes(service: &Service) -> Vec<NodeReport> {
    let Some(place) = &service.wired.place else {
        return Vec::new();
    };
    let seen = place.seen.borrow();
    let report = |card: &Card| NodeReport {
        name: card.name.clone(),
        host: card.host.clone(),
        socket: card.socket.clone(),
        process: card.process,
        is_this: *card == place.card,
        tenants: seen
            .owners
            .iter()
            .filter(|(_, owner)| owner.node == card.name)
            .map(|(tenant, _)| tenant.clone())
            .collect(),
    };
    seen.nodes.values().map(|(card, _)| report(card)).collect()
}
