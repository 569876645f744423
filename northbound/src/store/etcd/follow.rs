//! Keeps this node's copy of what is in etcd: by a watch from the revision that the copy has, or by reading all of it where
//! etcd has forgotten what came after that (compaction).
//!
//! A member that is cut off from the others says nothing and does not know it. So it is asked for a sign of life whenever it
//! has been silent for a while, and left for the next one when none comes. Signs of life tell nothing else: before 3.4.25 etcd
//! may name revisions in them that it has not sent yet.

use std::sync::Arc;
use std::time::Duration;

use controller::ports::{StoreError, StoreErrorKind};
use etcd_client::{Event, EventType, GetOptions, KeyValue, WatchOptions, WatchStream};
use tokio::sync::watch;

use super::commit::unsigned;
use super::connection::{CALL_LIMIT, CallError, Connection, classified};
use super::keys::Keys;
use super::values::Fact;
use crate::store::sqlite::SqliteStore;

/// A member that has been silent for so long is asked whether it is there.
const QUIET: Duration = Duration::from_millis(500);
/// After a failure it is tried again after this long.
const RETRY: Duration = Duration::from_millis(100);
/// So many keys are read at a time.
const PAGE: i64 = 64;
/// More than a page of the largest values that etcd takes.
const MESSAGE_LIMIT: usize = 128 << 20;

/// Why the copy is behind.
#[derive(Debug, thiserror::Error)]
enum Behind {
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("{0}")]
    File(#[from] StoreError),
    #[error("etcd has forgotten what came after revision {0}")]
    Compacted(u64),
}

/// Follows until the future is dropped; `reached` tells how far.
pub(super) async fn follow(
    connection: Connection,
    copy: SqliteStore,
    reached: Arc<watch::Sender<u64>>,
) {
    let mut is_told = false;
    loop {
        let (_, turn) = connection.member();
        let Err(behind) = once(&connection, &copy, &reached, &mut is_told).await;
        match &behind {
            Behind::Call(CallError::Unanswered(_)) => connection.pass_on(turn),
            Behind::Compacted(_) => reached.send_modify(|at| *at = 0),
            Behind::Call(CallError::Refused(_)) | Behind::File(_) => {}
        }
        if !is_told {
            tracing::warn!(%behind, "this node's copy of what is in etcd is behind");
            is_told = true;
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn once(
    connection: &Connection,
    copy: &SqliteStore,
    reached: &watch::Sender<u64>,
    is_told: &mut bool,
) -> Result<std::convert::Infallible, Behind> {
    if *reached.borrow() == 0 {
        let (revision, facts) = read_all(connection).await?;
        copy.follow(revision, facts, true).await?;
        reached.send_replace(revision);
    }
    let from = *reached.borrow();
    let mut stream = open(connection, from).await?;
    loop {
        let Some(answer) = heard(&mut stream).await? else {
            return Err(lost("the watch has ended").into());
        };
        if answer.canceled() {
            if answer.compact_revision() > 0 {
                return Err(Behind::Compacted(from));
            }
            return Err(lost(answer.cancel_reason()).into());
        }
        if std::mem::take(is_told) {
            tracing::info!("this node follows etcd again");
        }
        let events = answer.events();
        let Some(last) = events.iter().filter_map(modified).max() else {
            continue;
        };
        let facts = facts_of(connection.keys(), events);
        if !facts.is_empty() {
            copy.follow(last, facts, false).await?;
        }
        reached.send_replace(last);
    }
}

async fn open(connection: &Connection, from: u64) -> Result<WatchStream, Behind> {
    let prefix = connection.keys().prefix().to_owned();
    let options = WatchOptions::new()
        .with_prefix()
        .with_start_revision(i64::try_from(from + 1).unwrap_or(i64::MAX));
    let opened = connection.ask(|client| async move {
        let mut client = client
            .watch_client()
            .max_decoding_message_size(MESSAGE_LIMIT);
        client.watch(prefix, Some(options)).await
    });
    Ok(opened.await?)
}

/// What is said next. A sign of life is asked for after a while of silence.
async fn heard(stream: &mut WatchStream) -> Result<Option<etcd_client::WatchResponse>, CallError> {
    if let Ok(said) = tokio::time::timeout(QUIET, stream.message()).await {
        return said.map_err(|error| classified(&error));
    }
    let asked = stream.request_progress().await;
    asked.map_err(|error| classified(&error))?;
    match tokio::time::timeout(CALL_LIMIT, stream.message()).await {
        Ok(said) => said.map_err(|error| classified(&error)),
        Err(_) => Err(lost("the watch has fallen silent")),
    }
}

fn lost(why: &str) -> CallError {
    CallError::Unanswered(why.to_owned())
}

fn modified(event: &Event) -> Option<u64> {
    event.kv().map(|pair| unsigned(pair.mod_revision()))
}

/// In an order in which they can be written down.
fn facts_of(keys: &Keys, events: &[Event]) -> Vec<Fact> {
    let mut facts: Vec<(u64, Fact)> = Vec::new();
    for event in events {
        let Some(pair) = event.kv() else { continue };
        let value = (event.event_type() == EventType::Put).then(|| pair.value());
        facts.extend(fact(keys, pair, value).map(|fact| (unsigned(pair.mod_revision()), fact)));
    }
    facts.sort_by_key(|(revision, fact)| (*revision, fact.rank()));
    facts.into_iter().map(|(_, fact)| fact).collect()
}

/// What cannot be read is left out and told: others' tenants are followed all the same (I19).
fn fact(keys: &Keys, pair: &KeyValue, value: Option<&[u8]>) -> Option<Fact> {
    let key = keys.read(pair.key())?;
    let told = keys.write(&key);
    match Fact::read(key, value, unsigned(pair.mod_revision())) {
        Ok(fact) => fact,
        Err(error) => {
            tracing::error!(key = told, %error, "what is there in etcd cannot be read by this version");
            None
        }
    }
}

/// All that there is, as of one revision.
async fn read_all(connection: &Connection) -> Result<(u64, Vec<Fact>), Behind> {
    let keys = connection.keys();
    let end = end_of(keys.prefix());
    let mut from = keys.prefix().as_bytes().to_owned();
    let mut revision = 0;
    let mut facts = Vec::new();
    loop {
        let options = GetOptions::new()
            .with_range(end.clone())
            .with_limit(PAGE)
            .with_revision(revision);
        let start = from.clone();
        let page = connection
            .ask_around(|client| {
                let (start, options) = (start.clone(), options.clone());
                async move {
                    let mut client = client.kv_client().max_decoding_message_size(MESSAGE_LIMIT);
                    client.get(start, Some(options)).await
                }
            })
            .await?;
        if revision == 0 {
            revision = page
                .header()
                .map_or(0, etcd_client::ResponseHeader::revision);
        }
        facts.extend(
            page.kvs()
                .iter()
                .filter_map(|pair| fact(keys, pair, Some(pair.value()))),
        );
        match page.kvs().last() {
            Some(last) if page.more() => {
                last.key().clone_into(&mut from);
                from.push(0);
            }
            _ => break,
        }
    }
    facts.sort_by_key(Fact::rank);
    Ok((unsigned(revision), facts))
}

/// The first key after all that begin with this text.
fn end_of(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_owned();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

/// The copy has not come so far in time.
pub(super) fn behind(operation: &'static str) -> StoreError {
    StoreError {
        kind: StoreErrorKind::Failed,
        operation,
        detail: "this node has not heard from etcd what became of it; it asks again by itself, and traffic flows on. See that it \
                 reaches a majority of etcd's members, and that its own disk has room"
            .to_owned(),
    }
}
