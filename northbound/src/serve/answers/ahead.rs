//! The hours ahead, if a file were in force.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use controller::ahead::{Known, ahead};
use controller::history::{self, History};
use controller::ports::Store;

use super::{Shared, read};
use crate::api::{AheadReply, AheadRequest, Failure};
use crate::serve::failure::bad_input;

pub(super) async fn hours(
    State(service): Shared,
    body: Result<Json<AheadRequest>, JsonRejection>,
) -> Result<Json<AheadReply>, Failure> {
    let Json(AheadRequest { document, span }) =
        body.map_err(|rejection| bad_input(rejection.body_text()))?;
    let spec = read(&service, &document)?.spec;
    let state = service
        .wired
        .store
        .load(&spec.tenant, history::SPAN)
        .await?;
    let past = state.map(|state| {
        let history = History::rebuild(&state.journal, &spec.policy, service.config.tick);
        (history, state.wish.orders)
    });
    let known = past
        .as_ref()
        .map(|(history, orders)| Known { history, orders });
    let from = service.wired.ports.clock.now().wall;
    let until = controller::time::later(from, span);
    Ok(Json(AheadReply {
        ahead: ahead(&spec, known, from, until),
        tenant: spec.tenant,
    }))
}
