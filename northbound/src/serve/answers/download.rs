//! A log as one long CSV, over days.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use controller::id::TenantName;
use jiff::Timestamp;
use serde::Deserialize;

use super::{Service, Shared};
use crate::api::Failure;
use crate::logs::{ActionRow, DecisionRow, Kind, MetricRow, Row, Span, rows};
use crate::serve::failure::{bad_input, unknown};

/// The log files' newest rows are waited for this long.
const LOG_LIMIT: Duration = Duration::from_secs(2);
/// Rows are sent in pieces of about this many bytes.
const LOG_PIECE: usize = 64 << 10;

/// From when to when.
#[derive(Debug, Deserialize)]
pub(super) struct Window {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

pub(super) async fn logs(
    State(service): Shared,
    Path((tenant, kind)): Path<(TenantName, String)>,
    Query(window): Query<Window>,
) -> Result<Response, Failure> {
    let kind: Kind = kind
        .parse()
        .map_err(|error: crate::logs::UnknownKind| bad_input(error.to_string()))?;
    if !service.wired.store.has_known(&tenant).await? {
        return Err(unknown(&tenant));
    }
    let _ = tokio::time::timeout(LOG_LIMIT, service.written_all()).await;
    let span = Span {
        since: window.since,
        until: window.until,
    };
    let body = match kind {
        Kind::Actions => body::<ActionRow>(&service, &tenant, span)?,
        Kind::Metrics => body::<MetricRow>(&service, &tenant, span)?,
        Kind::Decisions => body::<DecisionRow>(&service, &tenant, span)?,
    };
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response())
}

/// The header and the rows, piece by piece: a month of metrics is never held at once.
fn body<R: Row + Send + 'static>(
    service: &Service,
    tenant: &TenantName,
    span: Span,
) -> Result<Body, Failure> {
    let mut rows = rows::<R>(&service.config.logs.directory, tenant, span)?;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(2);
    tokio::task::spawn_blocking(move || {
        let mut piece = format!("{}\r\n", R::COLUMNS.join(",")).into_bytes();
        loop {
            let next = rows.next();
            let is_last = next.is_none();
            let written = next
                .transpose()
                .map_err(std::io::Error::other)
                .and_then(|row| row.map_or(Ok(()), |row| crate::logs::write_row(&mut piece, &row)));
            let is_full = piece.len() >= LOG_PIECE || is_last || written.is_err();
            if is_full
                && sender
                    .blocking_send(Ok(std::mem::take(&mut piece)))
                    .is_err()
            {
                return;
            }
            if let Err(error) = written {
                let _ = sender.blocking_send(Err(error));
                return;
            }
            if is_last {
                return;
            }
        }
    });
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    Ok(Body::from_stream(pieces))
}
