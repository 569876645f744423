//! What people ask of the store.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use controller::id::{Generation, TenantName};
use controller::instance::Instance;
use controller::journal::Event;
use controller::ports::{StoreError, StoreErrorKind};
use controller::spec::TenantSpec;
use controller::time::Now;
use serde_json::value::RawValue;

use super::EtcdStore;
use super::commit::unwritable;
use super::draft::Draft;
use super::keys::Key;
use super::values::Spec;
use crate::store::change::{self, InForce, Scene};
use crate::store::sqlite::{Seen, nanoseconds};
use crate::store::{Applied, Change, Order, Refusal, Registrar};

#[async_trait]
impl Registrar for EtcdStore {
    async fn apply(
        &self,
        spec: &TenantSpec,
        text: &str,
        expected: Option<Generation>,
        now: Now,
        who: &str,
    ) -> Result<Result<Applied, Refusal>, StoreError> {
        let operation = "apply a spec";
        let json = serde_json::to_string(spec).map_err(|error| unwritable(operation, &error))?;
        let public_ip = spec.network.public_ip;
        let write = |seen: &Seen, draft: &mut Draft| {
            put_spec(seen, draft, spec, &json, text, expected, now, who)
                .map_err(|error| unwritable(operation, &error))
        };
        self.settle(operation, &spec.tenant, Some(public_ip), None, write)
            .await
    }

    async fn order(
        &self,
        tenant: &TenantName,
        order: Order,
        expected: Option<Generation>,
        now: Now,
        who: &str,
    ) -> Result<Result<Generation, Refusal>, StoreError> {
        let operation = "write an order";
        let write = |seen: &Seen, draft: &mut Draft| {
            let wish = seen.in_force.as_ref().map(InForce::wish).transpose();
            let wish = wish.map_err(|error| unreadable(operation, tenant, &error))?;
            let ordered = match change::order(tenant, wish.as_ref(), order, expected, who) {
                Ok(ordered) => ordered,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if let Some((orders, event)) = &ordered.news {
                let event = std::slice::from_ref(event);
                draft
                    .put(Key::Orders(tenant.clone()), orders)
                    .and_then(|()| draft.append(now, event))
                    .map_err(|error| unwritable(operation, &error))?;
            }
            Ok(Ok(ordered.generation))
        };
        self.settle(operation, tenant, None, None, write).await
    }

    async fn release_addresses(
        &self,
        tenant: &TenantName,
        generation: Generation,
    ) -> Result<(), StoreError> {
        let operation = "release addresses";
        let write = |seen: &Seen, draft: &mut Draft| {
            let in_force = seen.in_force.as_ref();
            let Some(in_force) = in_force.filter(|spec| spec.generation == generation) else {
                return Ok(());
            };
            let wish = in_force
                .wish()
                .map_err(|error| unreadable(operation, tenant, &error))?;
            let kept = wish.spec.network.public_ip;
            let addresses = seen.addresses.iter().filter_map(|text| text.parse().ok());
            for address in addresses.filter(|address: &Ipv4Addr| *address != kept) {
                draft.delete(Key::Address(address));
            }
            Ok(())
        };
        self.settle(operation, tenant, None, None, write).await
    }

    async fn alarm(&self, tenant: &TenantName, now: Now, what: &str) -> Result<(), StoreError> {
        let operation = "write an alarm";
        let write = |seen: &Seen, draft: &mut Draft| {
            if seen.revision == 0 {
                return Err(StoreError {
                    kind: StoreErrorKind::Failed,
                    operation,
                    detail: format!("there never was a tenant {tenant}"),
                });
            }
            let what = what.to_owned();
            let written = draft.append(now, &[Event::Alarm { what }]);
            written
                .map(|_| ())
                .map_err(|error| unwritable(operation, &error))
        };
        self.settle(operation, tenant, None, None, write).await
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "what was seen, what is asked, and by whom: each of them once"
)]
fn put_spec(
    seen: &Seen,
    draft: &mut Draft,
    spec: &TenantSpec,
    json: &str,
    text: &str,
    expected: Option<Generation>,
    now: Now,
    who: &str,
) -> serde_json::Result<Result<Applied, Refusal>> {
    let tenant = &spec.tenant;
    let records = seen.records.values();
    let instances: Vec<Instance> = records
        .map(|record| serde_json::from_str(record.get()))
        .collect::<Result<_, _>>()?;
    let scene = Scene {
        before: seen.in_force.as_ref(),
        owner: seen.owner.clone(),
        instances: &instances,
    };
    let change = match change::apply(&scene, spec, json, expected) {
        Ok(change) => change,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let (Change::Same, Some(before)) = (change, &seen.in_force) {
        let generation = before.generation;
        return Ok(Ok(Applied { generation, change }));
    }

    draft.counter.generation += 1;
    let generation = Generation(draft.counter.generation);
    let entries = draft.append(now, &[change::applied(spec, generation, who)])?;
    let value = Spec {
        generation: generation.0,
        seq: entries.first().map_or(0, |entry| entry.seq),
        applied: nanoseconds(now.wall),
        wanted: RawValue::from_string(json.to_owned())?,
        text: text.to_owned(),
    };
    draft.put(Key::Spec(tenant.clone()), &value)?;
    if seen.owner.is_none() {
        draft.put(Key::Address(spec.network.public_ip), tenant)?;
    }
    Ok(Ok(Applied { generation, change }))
}

fn unreadable(
    operation: &'static str,
    tenant: &TenantName,
    error: &serde_json::Error,
) -> StoreError {
    StoreError {
        kind: StoreErrorKind::Failed,
        operation,
        detail: format!(
            "the spec of {tenant} cannot be read, by this version at least: {error}. Nothing is done for it and its traffic \
             flows on; apply its file again"
        ),
    }
}
