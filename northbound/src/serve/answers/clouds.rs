//! How it stands with the clouds: each is asked at the same time, and none for long.

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use controller::id::CloudName;
use controller::ports::{Checkup, Verdict};
use futures_util::future::join_all;
use serde::Deserialize;

use super::Shared;
use crate::api::{CloudReport, Failure, FailureKind};
use crate::config::Cloud;
use crate::serve::Service;

/// Longer than a healthy cloud takes, and less than a command waits for.
const CHECKUP_LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    name: Option<CloudName>,
}

pub(super) async fn clouds(
    State(service): Shared,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<CloudReport>>, Failure> {
    let is_asked_for = |cloud: &&Cloud| asked.name.as_ref().is_none_or(|name| *name == cloud.name);
    let clouds = service.config.clouds.iter().filter(is_asked_for);
    let reports = join_all(clouds.map(|cloud| look(&service, cloud))).await;
    match asked.name {
        Some(name) if reports.is_empty() => Err(unknown(&service, &name)),
        _ => Ok(Json(reports)),
    }
}

async fn look(service: &Service, cloud: &Cloud) -> CloudReport {
    let checkup = match service.wired.ports.clouds.get(&cloud.name) {
        Some(port) => tokio::time::timeout(CHECKUP_LIMIT, port.checkup()).await,
        None => Ok(Checkup::default()),
    };
    CloudReport {
        name: cloud.name.clone(),
        kind: cloud.kind.name().to_owned(),
        price: cloud.price,
        checkup: checkup.unwrap_or_else(|_| {
            Checkup::default().and(
                "reachable",
                Verdict::Missing,
                format!(
                    "no answer within {CHECKUP_LIMIT:?}; hint: see whether this machine reaches it, and ask again"
                ),
            )
        }),
    }
}

fn unknown(service: &Service, name: &CloudName) -> Failure {
    let known: Vec<&str> = service
        .config
        .clouds
        .iter()
        .map(|cloud| cloud.name.as_str())
        .collect();
    Failure {
        kind: FailureKind::Unknown,
        message: format!("there is no cloud `{name}`"),
        hint: Some(format!("the service has {}", known.join(", "))),
        problems: Vec::new(),
    }
}
