//! The keys of nodes and owners, in etcd.

use std::time::Duration;

use async_trait::async_trait;
use controller::id::{Epoch, TenantName};
use etcd_client::{
    Client, Compare, CompareOp, Error, Event, EventType, GetOptions, KeyValue, PutOptions, Txn,
    TxnOp, TxnOpResponse, WatchOptions,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::NodeName;
use super::registry::{Card, Lease, Owner, Registry, RegistryError, Seen};
use crate::store::etcd::connection::{CALL_LIMIT, CallError, Connection, classified};
use crate::store::etcd::keys::{Key, Keys};

/// A member that has nothing to tell of the keys for so long is asked whether it still works.
const SILENCE: Duration = Duration::from_secs(1);
/// All keys are read again after this long, whatever was told.
const READ_AGAIN: Duration = Duration::from_secs(30);
/// The next member is asked after this long.
const NEXT: Duration = Duration::from_millis(100);

/// The registry in etcd. Follows the keys until it is dropped.
#[derive(Debug)]
pub struct EtcdRegistry {
    connection: Connection,
    ttl: Duration,
    seen: watch::Receiver<Seen>,
    following: JoinHandle<()>,
}

impl Drop for EtcdRegistry {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl EtcdRegistry {
    /// Leases are granted for `ttl`.
    pub fn new(connection: Connection, ttl: Duration) -> Self {
        let (sender, seen) = watch::channel(Seen::default());
        let following = tokio::spawn(follow(connection.clone(), sender));
        Self {
            connection,
            ttl,
            seen,
            following,
        }
    }

    fn key(&self, key: &Key) -> String {
        self.connection.keys().write(key)
    }

    /// Writes a value that is there under a lease, unless the key is there: then what it holds.
    async fn put_new(
        &self,
        operation: &'static str,
        lease: Lease,
        key: &Key,
        value: Vec<u8>,
    ) -> Result<Put, RegistryError> {
        let key = self.key(key);
        let txn = Txn::new()
            .when([Compare::create_revision(key.clone(), CompareOp::Equal, 0)])
            .and_then([TxnOp::put(
                key.clone(),
                value,
                Some(PutOptions::new().with_lease(lease.0)),
            )])
            .or_else([TxnOp::get(key, None)]);
        let call = |mut client: Client| {
            let txn = txn.clone();
            async move { client.txn(txn).await }
        };
        let reply = self
            .connection
            .ask_around(call)
            .await
            .map_err(failed(operation))?;
        let revision = reply
            .header()
            .map_or(0, etcd_client::ResponseHeader::revision);
        let there = reply
            .op_responses()
            .into_iter()
            .find_map(|answer| match answer {
                TxnOpResponse::Get(mut got) => got.take_kvs().pop(),
                _ => None,
            });
        Ok(match there {
            Some(there) => Put::There(there),
            None => Put::New(revision),
        })
    }
}

/// What has come of writing a key that must not be there.
enum Put {
    /// It was not, and is since this change.
    New(i64),
    There(KeyValue),
}

fn failed(operation: &'static str) -> impl Fn(CallError) -> RegistryError {
    move |error| RegistryError {
        operation,
        detail: error.to_string(),
    }
}

/// Numbers of etcd's are never negative.
fn revision(number: i64) -> u64 {
    number.unsigned_abs()
}

#[async_trait]
impl Registry for EtcdRegistry {
    async fn lease(&self) -> Result<Lease, RegistryError> {
        let seconds = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX);
        let call = |mut client: Client| async move { client.lease_grant(seconds, None).await };
        // One whose answer was lost ends by itself.
        let granted = self.connection.ask_around(call).await;
        let granted = granted.map_err(failed("grant a lease"))?;
        Ok(Lease(granted.id()))
    }

    async fn renew(&self, lease: Lease) -> Result<bool, RegistryError> {
        // There has to be time to ask another member before two thirds of the lease are over.
        let limit = (self.ttl / 5).min(CALL_LIMIT);
        let (mut client, turn) = self.connection.member();
        let renewed = tokio::time::timeout(limit, client.lease_keep_alive(lease.0)).await;
        let detail = match renewed {
            Ok(Ok(_)) => return Ok(true),
            // The client's own words for a lease that etcd does not know.
            Ok(Err(Error::LeaseKeepAliveError(what))) if what == "lease not found" => {
                return Ok(false);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {limit:?}"),
        };
        self.connection.pass_on(turn);
        Err(RegistryError {
            operation: "renew the lease",
            detail,
        })
    }

    async fn revoke(&self, lease: Lease) -> Result<(), RegistryError> {
        let call = |mut client: Client| async move { client.lease_revoke(lease.0).await };
        match self.connection.ask_around(call).await {
            // One that is not there is over.
            Ok(_) | Err(CallError::Refused(_)) => Ok(()),
            Err(error) => Err(failed("end the lease")(error)),
        }
    }

    async fn join(
        &self,
        lease: Lease,
        card: &Card,
    ) -> Result<Option<(Card, Lease)>, RegistryError> {
        let operation = "write the node's card";
        let key = Key::Node(card.name.as_str().to_owned());
        let value = serde_json::to_vec(card).map_err(|error| RegistryError {
            operation,
            detail: error.to_string(),
        })?;
        match self.put_new(operation, lease, &key, value).await? {
            Put::New(_) => Ok(None),
            Put::There(there) => {
                let card =
                    serde_json::from_slice(there.value()).map_err(|error| RegistryError {
                        operation,
                        detail: format!("the card that is there cannot be read: {error}"),
                    })?;
                Ok(Some((card, Lease(there.lease()))))
            }
        }
    }

    async fn part(&self, name: &NodeName) -> Result<(), RegistryError> {
        let key = self.key(&Key::Node(name.as_str().to_owned()));
        let call = |mut client: Client| {
            let key = key.clone();
            async move { client.delete(key, None).await }
        };
        let parted = self.connection.ask_around(call).await;
        parted
            .map(drop)
            .map_err(failed("take the node's card away"))
    }

    async fn claim(
        &self,
        lease: Lease,
        tenant: &TenantName,
        name: &NodeName,
    ) -> Result<Option<Epoch>, RegistryError> {
        let (key, value) = (Key::Owner(tenant.clone()), name.as_str().into());
        Ok(
            match self.put_new("give us a tenant", lease, &key, value).await? {
                Put::New(since) => Some(Epoch(revision(since))),
                // An answer was lost.
                Put::There(there) if there.lease() == lease.0 => {
                    Some(Epoch(revision(there.create_revision())))
                }
                Put::There(_) => None,
            },
        )
    }

    async fn release(&self, tenant: &TenantName, epoch: Epoch) -> Result<(), RegistryError> {
        let key = self.key(&Key::Owner(tenant.clone()));
        let since = i64::try_from(epoch.0).unwrap_or(i64::MAX);
        let txn = Txn::new()
            .when([Compare::create_revision(
                key.clone(),
                CompareOp::Equal,
                since,
            )])
            .and_then([TxnOp::delete(key, None)]);
        let call = |mut client: Client| {
            let txn = txn.clone();
            async move { client.txn(txn).await }
        };
        let released = self.connection.ask_around(call).await;
        released.map(drop).map_err(failed("give a tenant back"))
    }

    fn seen(&self) -> watch::Receiver<Seen> {
        self.seen.clone()
    }
}

/// Follows the keys for ever, by one member after the other.
async fn follow(connection: Connection, sender: watch::Sender<Seen>) {
    loop {
        let (client, turn) = connection.member();
        match follow_by(client, connection.keys(), &sender).await {
            Ok(()) => {}
            Err(error) => {
                tracing::debug!(%error, "the keys of nodes and owners are followed by another member");
                connection.pass_on(turn);
                tokio::time::sleep(NEXT).await;
            }
        }
    }
}

/// Reads all keys, and follows their changes until all are to be read again, or this member is of no use.
async fn follow_by(
    mut client: Client,
    keys: &Keys,
    sender: &watch::Sender<Seen>,
) -> Result<(), CallError> {
    // `node/` comes before `owner/`, and little is between them.
    let (from, mut to) = (keys.nodes(), keys.owners());
    to.pop();
    to.push('0');
    let options = GetOptions::new().with_range(to.clone());
    let mut all = limited(client.get(from.clone(), Some(options))).await?;
    let read = all
        .header()
        .map_or(0, etcd_client::ResponseHeader::revision);
    let mut seen = Seen {
        revision: revision(read),
        ..Seen::default()
    };
    for kv in all.take_kvs() {
        see(&mut seen, keys, EventType::Put, &kv);
    }
    sender.send_if_modified(|known| {
        let is_new = (&known.nodes, &known.owners) != (&seen.nodes, &seen.owners);
        *known = seen;
        is_new
    });
    let options = WatchOptions::new()
        .with_range(to)
        .with_start_revision(read + 1);
    let mut changes = limited(client.watch(from.clone(), Some(options))).await?;
    let until = tokio::time::Instant::now() + READ_AGAIN;
    while tokio::time::Instant::now() < until {
        let Ok(told) = tokio::time::timeout(SILENCE, changes.message()).await else {
            let options = GetOptions::new().with_count_only();
            limited(client.get(from.clone(), Some(options))).await?;
            continue;
        };
        let told = told.map_err(|error| classified(&error))?;
        let told = told.filter(|told| !told.canceled());
        let told = told.ok_or_else(|| CallError::Unanswered("it tells no more".to_owned()))?;
        sender.send_if_modified(|seen| {
            let before = seen.revision;
            for event in told.events() {
                see_event(seen, keys, event);
            }
            seen.revision != before
        });
    }
    Ok(())
}

async fn limited<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, CallError> {
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(answer) => answer.map_err(|error| classified(&error)),
        Err(_) => Err(CallError::Unanswered("no answer in time".to_owned())),
    }
}

fn see_event(seen: &mut Seen, keys: &Keys, event: &Event) {
    if let Some(kv) = event.kv() {
        see(seen, keys, event.event_type(), kv);
    }
}

/// Takes one key up, or away. What cannot be read is of a newer version, and is left out.
fn see(seen: &mut Seen, keys: &Keys, what: EventType, kv: &KeyValue) {
    let lease = Lease(kv.lease());
    match (keys.read(kv.key()), what) {
        (Some(Key::Node(name)), EventType::Delete) => {
            if let Ok(name) = name.parse() {
                seen.nodes.remove(&name);
            }
        }
        (Some(Key::Node(_)), EventType::Put) => {
            if let Ok(card) = serde_json::from_slice::<Card>(kv.value()) {
                seen.nodes.insert(card.name.clone(), (card, lease));
            }
        }
        (Some(Key::Owner(tenant)), EventType::Delete) => {
            seen.owners.remove(&tenant);
        }
        (Some(Key::Owner(tenant)), EventType::Put) => {
            let node = std::str::from_utf8(kv.value()).ok();
            if let Some(Ok(node)) = node.map(str::parse) {
                let epoch = Epoch(revision(kv.create_revision()));
                seen.owners.insert(tenant, Owner { node, epoch, lease });
            }
        }
        _ => return,
    }
    seen.revision = seen.revision.max(revision(kv.mod_revision()));
}
