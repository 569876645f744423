//! What only the node knows that looks after a tenant: its last tick, and what was pushed to it. Any node is asked for it, and
//! asks that one, where it runs on the same machine.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use controller::id::TenantName;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Service;
use crate::api::{Failure, FailureKind};
use crate::client::{Client, ClientError, NODE_HEADER};
use crate::node::Card;

/// Whether a request comes from another node, which is not sent on again: the two may see different owners for a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct IsSentOn(pub(super) bool);

impl<S: Sync> FromRequestParts<S> for IsSentOn {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.contains_key(NODE_HEADER)))
    }
}

/// The node that looks after a tenant, ready to be asked.
pub(super) struct Elsewhere {
    tenant: TenantName,
    card: Card,
    client: Client,
}

impl Service {
    /// Whom to ask about a tenant; `None` for this very node, which also answers where nobody is known to look after it.
    pub(super) fn elsewhere(&self, tenant: &TenantName) -> Result<Option<Elsewhere>, Failure> {
        let Some(place) = &self.wired.place else {
            return Ok(None);
        };
        let Some(card) = place.elsewhere(tenant) else {
            return Ok(None);
        };
        if card.host != place.card.host {
            return Err(Failure {
                kind: FailureKind::NotNow,
                message: format!(
                    "tenant `{tenant}` is looked after by node {} on host {}",
                    card.name, card.host
                ),
                hint: Some(format!(
                    "ask there: on {}, with `--socket {}`",
                    card.host,
                    card.socket.display()
                )),
                problems: Vec::new(),
            });
        }
        Ok(Some(Elsewhere {
            tenant: tenant.clone(),
            client: Client::new(&card.socket).of_node(&place.card.name),
            card,
        }))
    }

    /// The same, for a request that is answered here in any case if another node has sent it on.
    pub(super) fn elsewhere_unless(
        &self,
        IsSentOn(is_sent_on): IsSentOn,
        tenant: &TenantName,
    ) -> Result<Option<Elsewhere>, Failure> {
        if is_sent_on {
            return Ok(None);
        }
        self.elsewhere(tenant)
    }
}

/// Why nothing is known of a tenant that there is.
pub(super) fn unattended(tenant: &TenantName) -> Failure {
    Failure {
        kind: FailureKind::NotNow,
        message: format!("no node looks after tenant `{tenant}` at this moment"),
        hint: Some("another takes it up within seconds; `asaas nodes` shows who lives".to_owned()),
        problems: Vec::new(),
    }
}

impl Elsewhere {
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.answer(self.client.get(path).await)
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.client.post(path, body).await)
    }

    fn answer<T>(&self, reply: Result<T, ClientError>) -> Result<T, Failure> {
        let (tenant, node) = (&self.tenant, &self.card.name);
        reply.map_err(|error| match error {
            ClientError::Failure(failure) => failure,
            other => Failure {
                kind: FailureKind::NotNow,
                message: format!(
                    "node {node}, which looks after tenant `{tenant}`, does not answer: {other}"
                ),
                hint: Some(
                    "ask again: where it has died, another takes its tenants up within seconds"
                        .to_owned(),
                ),
                problems: Vec::new(),
            },
        })
    }
}
