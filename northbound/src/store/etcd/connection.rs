//! Talking to an etcd of several members: one at a time, with a limit on every wait, and the next one when it does not answer.
//! Not for what is said.
//!
//! A member that is down, paused or cut off from the others costs whoever asks it one [`CALL_LIMIT`] at most; all who come
//! later ask the next member.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use controller::ports::{StoreError, StoreErrorKind};
use etcd_client::{Certificate, Client, ConnectOptions, Error, Identity, TlsOptions};

use super::keys::Keys;
use crate::store::{EtcdSettings, EtcdTls};

/// A member that has not answered after this long is not waited for any longer. Twice what a cluster takes to choose another
/// leader, so that a call that comes in between is answered most often.
pub const CALL_LIMIT: Duration = Duration::from_secs(2);
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// From one try to the next while nobody answers.
const PATIENCE: Duration = Duration::from_millis(200);
/// That members do not answer is said so often at most.
const TELL_AGAIN: Duration = Duration::from_secs(10);
/// etcd hangs up on whoever pings more often than every 5 s.
const PING: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(2));

/// The members of an etcd, and what of it is ours. Clones share it.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

struct Inner {
    members: Vec<(String, Client)>,
    /// Whom to ask, counted on for ever.
    turn: AtomicUsize,
    /// When it was last said that a member does not answer.
    told: Mutex<Option<Instant>>,
    keys: Keys,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("keys", &self.inner.keys)
            .finish_non_exhaustive()
    }
}

/// etcd did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It has said no: nothing was done.
    #[error("{0}")]
    Refused(String),
    /// It has said nothing, or nothing that tells: what was asked may have been done, and may still be.
    #[error("{0}")]
    Unanswered(String),
}

impl Connection {
    /// Makes ready to talk. Asks nobody yet: members that are down now may be up later.
    pub async fn open(settings: &EtcdSettings) -> Result<Self, StoreError> {
        let operation = "reach etcd";
        let failed = |detail: String| StoreError {
            kind: StoreErrorKind::Failed,
            operation,
            detail,
        };
        let mut options = ConnectOptions::new()
            .with_connect_timeout(CONNECT_LIMIT)
            .with_keep_alive(PING.0, PING.1)
            .with_keep_alive_while_idle(true)
            .with_require_leader(true);
        if let Some(tls) = &settings.tls {
            options = options.with_tls(tls_options(tls).map_err(failed)?);
        }
        let mut members = Vec::with_capacity(settings.endpoints.len());
        for endpoint in &settings.endpoints {
            let client = Client::connect([endpoint], Some(options.clone())).await;
            let client = client.map_err(|error| failed(format!("{endpoint}: {error}")))?;
            members.push((endpoint.clone(), client));
        }
        if members.is_empty() {
            return Err(failed("no member is named in asaas.yml".to_owned()));
        }
        let inner = Inner {
            members,
            turn: AtomicUsize::new(0),
            told: Mutex::default(),
            keys: Keys::of(&settings.cluster),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The keys of our cluster.
    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// The member that is asked now, and by which turn, for [`Connection::pass_on`].
    pub fn member(&self) -> (Client, usize) {
        let turn = self.inner.turn.load(Ordering::Relaxed);
        let (_, client) = &self.inner.members[turn % self.inner.members.len()];
        (client.clone(), turn)
    }

    /// The member of this turn does not answer: from now on the next one is asked. Nothing where that has happened already.
    pub fn pass_on(&self, turn: usize) {
        let next = turn.wrapping_add(1);
        let passed =
            self.inner
                .turn
                .compare_exchange(turn, next, Ordering::Relaxed, Ordering::Relaxed);
        if passed.is_ok() && self.is_to_tell() {
            let at = |turn: usize| &self.inner.members[turn % self.inner.members.len()].0;
            tracing::warn!(member = %at(turn), next = %at(next), "a member of etcd does not answer");
        }
    }

    /// Whether it is long enough ago that the same was said.
    fn is_to_tell(&self) -> bool {
        // A panic elsewhere leaves the moment whole.
        let told = self.inner.told.lock();
        let mut told = told.unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|told| told.elapsed() >= TELL_AGAIN);
        if is_due {
            *told = Some(Instant::now());
        }
        is_due
    }

    /// Asks one member once, within [`CALL_LIMIT`].
    pub async fn ask<T, F>(&self, call: impl FnOnce(Client) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (client, turn) = self.member();
        let answer = match tokio::time::timeout(CALL_LIMIT, call(client)).await {
            Ok(answer) => answer.map_err(|error| classified(&error)),
            Err(_) => Err(CallError::Unanswered("no answer in time".to_owned())),
        };
        if let Err(CallError::Unanswered(_)) = answer {
            self.pass_on(turn);
        }
        answer
    }

    /// Asks one member after the other until one answers; only for what may be done twice.
    pub async fn ask_around<T, F>(&self, call: impl Fn(Client) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut answer = self.ask(&call).await;
        for _ in 1..self.inner.members.len() {
            if !matches!(answer, Err(CallError::Unanswered(_))) {
                break;
            }
            answer = self.ask(&call).await;
        }
        answer
    }

    /// Asks around again and again until somebody answers, for as long as `limit`: all may be starting, as after a power cut.
    pub async fn ask_patiently<T, F>(
        &self,
        limit: Duration,
        call: impl Fn(Client) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let began = Instant::now();
        loop {
            let answer = self.ask_around(&call).await;
            let is_late = began.elapsed() >= limit;
            if is_late || !matches!(answer, Err(CallError::Unanswered(_))) {
                return answer;
            }
            tokio::time::sleep(PATIENCE).await;
        }
    }

    /// What a person can do about it.
    pub fn explained(&self, operation: &'static str, error: &CallError) -> StoreError {
        let detail = error.to_string();
        let prefix = self.inner.keys.prefix();
        let advice = if detail.contains("space exceeded") {
            "etcd is full. Nothing is changed until there is room: `etcdctl compact`, `etcdctl defrag`, `etcdctl alarm disarm`, \
             and let it compact by itself (`--auto-compaction-retention=1h`)"
                .to_owned()
        } else if detail.contains("too large") || detail.contains("too many operations") {
            "it is more than etcd takes at once; give its members a higher `--max-request-bytes`"
                .to_owned()
        } else if detail.contains("permission denied") || detail.contains("auth") {
            format!(
                "etcd does not let us; give this service's user the right to read and write below {prefix}"
            )
        } else if matches!(error, CallError::Unanswered(_)) {
            let members: Vec<&str> = self
                .inner
                .members
                .iter()
                .map(|(at, _)| at.as_str())
                .collect();
            format!(
                "see that most of {} run and can be reached; traffic flows on, and a service that runs goes on by itself",
                members.join(", ")
            )
        } else {
            format!("below {prefix}")
        };
        StoreError {
            kind: StoreErrorKind::Failed,
            operation,
            detail: format!("{detail}: {advice}"),
        }
    }
}

/// Whether an error means that nothing was done. Where it is not sure, it does not.
pub fn classified(error: &Error) -> CallError {
    let Error::GRpcStatus(status) = error else {
        return CallError::Unanswered(error.to_string());
    };
    // By the numbers of gRPC: invalid, not found, exists, denied, exhausted, precondition, range, unimplemented, unauthenticated.
    let is_refusal = matches!(
        i32::from(status.code()),
        3 | 5 | 6 | 7 | 8 | 9 | 11 | 12 | 16
    );
    let said = status.message().to_owned();
    if is_refusal {
        CallError::Refused(said)
    } else {
        CallError::Unanswered(said)
    }
}

fn tls_options(tls: &EtcdTls) -> Result<TlsOptions, String> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| {
            format!(
                "{} cannot be read: {error}; see `store` in asaas.yml",
                path.display()
            )
        })
    };
    let options = TlsOptions::new().ca_certificate(Certificate::from_pem(read(&tls.ca)?));
    Ok(match &tls.identity {
        Some((certificate, key)) => {
            options.identity(Identity::from_pem(read(certificate)?, read(key)?))
        }
        None => options,
    })
}
