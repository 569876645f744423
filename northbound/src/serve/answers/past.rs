//! The journal, for whoever decides it again.

use axum::Json;
use axum::extract::{Path, Query, State};
use controller::id::TenantName;
use jiff::Timestamp;
use serde::Deserialize;

use super::Shared;
use crate::api::{Failure, JournalReply};
use crate::serve::failure::{bad_input, unknown};
use crate::store::{Past, Start};

/// Where to begin: at a time, or after an entry.
#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    since: Option<Timestamp>,
    after: Option<u64>,
}

pub(super) async fn journal(
    State(service): Shared,
    Path(tenant): Path<TenantName>,
    Query(begin): Query<Begin>,
) -> Result<Json<JournalReply>, Failure> {
    let store = &service.wired.store;
    if !store.has_known(&tenant).await? {
        return Err(unknown(&tenant));
    }
    let start = match begin {
        Begin {
            after: Some(seq), ..
        } => Start::After(seq),
        Begin {
            since: Some(time), ..
        } => Start::At(time),
        Begin { .. } => {
            return Err(bad_input(
                "where does the journal begin? give `since` or `after`".to_owned(),
            ));
        }
    };
    let Past {
        before,
        entries,
        unread,
        specs,
        next,
    } = store.past(&tenant, start).await?;
    Ok(Json(JournalReply {
        tenant,
        tick: service.config.tick,
        before,
        entries,
        unread,
        specs,
        next,
    }))
}
