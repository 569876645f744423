//! Writing what was decided upon what this node has seen, if it is still so in etcd; and finding out what became of a write
//! that got no answer.
//!
//! ```text
//! see (this node's copy) ─► decide ─► commit: compares, writes ─► wait until the copy has it ─► answer
//!   ▲                                    │ something else is there by now
//!   └── wait until the copy has that ◄───┘   again, at most [`ATTEMPTS`] times
//! ```
//!
//! Whatever is answered, a refusal too, was true in etcd at that moment (I13). A write that got no answer is sent again as it
//! is, perhaps to another member: since it compares what it changes, only one of the two can come to be, and the entries that
//! it writes carry its mark. Where even that leads to no answer, the tenant is *unsettled*: what was sent may come to be late,
//! and `EtcdStore::load` shuts that out before it answers.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use controller::id::{Epoch, TenantName};
use controller::ports::{StoreError, StoreErrorKind};
use etcd_client::{KeyValue, TxnOpResponse, TxnResponse};

use super::EtcdStore;
use super::connection::CallError;
use super::draft::Draft;
use crate::store::sqlite::Seen;

/// So often another write may come first. Each time somebody else has come further.
const ATTEMPTS: usize = 32;
/// A write is given up after this long without an answer: before whoever ordered it waits no longer, so that it hears why.
const WRITE_LIMIT: Duration = Duration::from_secs(3);
/// What changes without our seeing from when on is looked at again after this long.
const AGAIN: Duration = Duration::from_millis(20);

/// What became of a draft.
enum Outcome {
    /// It is written, as of this revision; or nothing was to be written, and all is as it was seen.
    Done(Option<u64>),
    /// Something else is there by now, since this revision at the latest, where that can be told.
    Stale(Option<u64>),
}

impl EtcdStore {
    /// Sees, decides and commits until what was decided upon is what is there. `decide` writes into the draft what is to be
    /// written, and nothing to refuse.
    pub(super) async fn settle<T>(
        &self,
        operation: &'static str,
        tenant: &TenantName,
        address: Option<Ipv4Addr>,
        epoch: Option<Epoch>,
        decide: impl Fn(&Seen, &mut Draft) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        for _ in 0..ATTEMPTS {
            let seen = self.mirror().seen(tenant, address).await?;
            let mut draft = Draft::upon(&seen, tenant, epoch);
            if let Some(address) = address {
                draft.counts_on(address, seen.owner.as_ref());
            }
            let answer = decide(&seen, &mut draft)?;
            match self.commit(operation, tenant, &draft).await? {
                Outcome::Done(None) => return Ok(answer),
                Outcome::Done(Some(revision)) => {
                    let arrived = self.reached(operation, revision).await;
                    if arrived.is_err() {
                        self.unsettle(tenant);
                    }
                    return arrived.map(|()| answer);
                }
                Outcome::Stale(Some(revision)) if !self.has_reached(revision) => {
                    self.reached(operation, revision).await?;
                }
                Outcome::Stale(_) => tokio::time::sleep(AGAIN).await,
            }
        }
        Err(StoreError {
            kind: StoreErrorKind::Failed,
            operation,
            detail: format!(
                "others changed tenant {tenant} {ATTEMPTS} times meanwhile; ask again when they are done. If nobody changes anything, etcd \
                 was set back to an older state: start this service again, and it tells what to do"
            ),
        })
    }

    async fn commit(
        &self,
        operation: &'static str,
        tenant: &TenantName,
        draft: &Draft,
    ) -> Result<Outcome, StoreError> {
        let connection = self.connection();
        let transaction = draft
            .transaction(connection.keys())
            .map_err(|error| unwritable(operation, &error))?;
        let began = Instant::now();
        let mut may_have_come = false;
        loop {
            let send = transaction.clone();
            let answer = connection
                .ask(|client| async move { client.kv_client().txn(send).await })
                .await;
            match answer {
                Ok(answer) if answer.succeeded() => {
                    let revision = (!draft.is_empty()).then(|| revision_of(&answer));
                    return Ok(Outcome::Done(revision));
                }
                Ok(answer) => {
                    let found = Found::of(&answer, draft);
                    return self.judge(operation, tenant, draft, &found, may_have_come);
                }
                Err(error @ CallError::Refused(_)) => {
                    return Err(connection.explained(operation, &error));
                }
                Err(error @ CallError::Unanswered(_)) => {
                    may_have_come = !draft.is_empty();
                    if began.elapsed() < WRITE_LIMIT {
                        tokio::time::sleep(AGAIN).await;
                        continue;
                    }
                    if may_have_come {
                        self.unsettle(tenant);
                    }
                    return Err(connection.explained(operation, &error));
                }
            }
        }
    }

    /// What it means that something else is there than was seen.
    fn judge(
        &self,
        operation: &'static str,
        tenant: &TenantName,
        draft: &Draft,
        found: &Found,
        may_have_come: bool,
    ) -> Result<Outcome, StoreError> {
        if may_have_come {
            if let Some(revision) = found.mine {
                return Ok(Outcome::Done(Some(revision)));
            }
            if draft.journal().is_none() || found.counter == draft.revision() {
                // Nothing tells whose the change is, or it may come yet.
                self.unsettle(tenant);
                let unheard = CallError::Unanswered("the answer was lost".to_owned());
                return Err(self.connection().explained(operation, &unheard));
            }
        }
        if let Some(epoch) = draft.epoch().filter(|epoch| found.owner != Some(epoch.0)) {
            return Err(StoreError {
                kind: StoreErrorKind::Deposed,
                operation,
                detail: format!(
                    "tenant {tenant} was taken up under epoch {epoch}, and is another's by now"
                ),
            });
        }
        Ok(Outcome::Stale(found.latest))
    }
}

/// What is there instead of what was seen.
#[derive(Default)]
struct Found {
    /// The epoch under which somebody owns the tenant.
    owner: Option<u64>,
    /// When the tenant was changed last.
    counter: u64,
    /// When the draft came to be after all.
    mine: Option<u64>,
    /// When what the draft counts on was changed last, of what is still there.
    latest: Option<u64>,
}

impl Found {
    fn of(answer: &TxnResponse, draft: &Draft) -> Self {
        let mut looks = answer.op_responses().into_iter().map(|response| {
            let TxnOpResponse::Get(look) = response else {
                return None;
            };
            look.kvs().first().cloned()
        });
        let mut next = || looks.next().flatten();
        let (counter, owner) = (next(), next());
        let entries = draft.journal().and_then(|_| next());
        let address = next();
        let modified = |found: &KeyValue| unsigned(found.mod_revision());
        Self {
            counter: counter.as_ref().map_or(0, modified),
            owner: owner.map(|owner| unsigned(owner.create_revision())),
            mine: entries
                .filter(|entries| draft.is_mine(entries.value()))
                .map(|entries| modified(&entries)),
            latest: [counter, address].iter().flatten().map(modified).max(),
        }
    }
}

fn revision_of(answer: &TxnResponse) -> u64 {
    answer
        .header()
        .map_or(0, |header| unsigned(header.revision()))
}

/// Revisions count from one.
pub(super) fn unsigned(revision: i64) -> u64 {
    u64::try_from(revision).unwrap_or(0)
}

/// A value of ours that cannot be written as JSON, which is a fault of asaas.
pub(super) fn unwritable(operation: &'static str, error: &serde_json::Error) -> StoreError {
    StoreError {
        kind: StoreErrorKind::Failed,
        operation,
        detail: format!("a value cannot be written or read: {error}; this is a fault of asaas"),
    }
}
