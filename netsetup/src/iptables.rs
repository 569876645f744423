//! Reads and changes the rules of one namespace: one `iptables-save`, one `iptables-restore`, and one look at what came of it.

use std::time::Duration;

use controller::crashpoint;

use crate::exec::{ExecError, Run, run};
use crate::name::NamespaceName;
use crate::namespace::Workers;
use crate::rules::{RuleSet, Seen, batch, parse};

/// Beyond the wait for the lock, a change of ten thousand rules takes about a second.
const LIMIT: Duration = Duration::from_secs(10);
/// What `iptables-restore` exits with when another user of iptables holds the lock for too long.
const LOCK_HELD: i32 = 4;

/// The rules of a namespace could not be read, or made what they should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RulesError {
    /// Another user of iptables holds the lock. The next tick tries again.
    #[error(
        "another program has held the lock of iptables for {0:?}; this is tried again at the next tick"
    )]
    Locked(Duration),
    /// A tool failed. The kernel's rules are as they were: a restore changes all or nothing.
    #[error(transparent)]
    Tool(#[from] ExecError),
    /// The rules were restored, and the kernel shows others.
    #[error(
        "the rules of {namespace} are not what was restored: {difference}; does another program change them?"
    )]
    Different {
        namespace: NamespaceName,
        difference: String,
    },
}

/// Reads our own rules back.
pub(crate) async fn read(workers: &Workers, namespace: &NamespaceName) -> Result<Seen, RulesError> {
    Ok(parse(&save(workers, namespace, &[]).await?))
}

/// Reads our own rules of the NAT table back, with counters.
pub(crate) async fn read_counters(
    workers: &Workers,
    namespace: &NamespaceName,
) -> Result<Seen, RulesError> {
    Ok(parse(
        &save(workers, namespace, &["-c", "-t", "nat"]).await?,
    ))
}

async fn save(
    workers: &Workers,
    namespace: &NamespaceName,
    arguments: &[&str],
) -> Result<String, ExecError> {
    let tool = Run {
        program: "iptables-save",
        arguments,
        input: String::new(),
        limit: LIMIT,
    };
    run(workers, namespace, tool).await
}

/// Makes our rules what they should be, from what they are known to be; `false` where nothing was to be done.
///
/// Where the restore fails because somebody else has changed our rules since they were read, they are read again and the
/// restore is tried once more.
pub(crate) async fn write(
    workers: &Workers,
    namespace: &NamespaceName,
    wanted: &RuleSet,
    known: &Seen,
    lock_wait: Duration,
) -> Result<bool, RulesError> {
    let Some(text) = batch(wanted, known) else {
        return Ok(false);
    };
    crashpoint!("rules.unwritten");
    if let Err(error) = restore(workers, namespace, text.clone(), lock_wait).await {
        let now = read(workers, namespace).await?;
        match batch(wanted, &now) {
            None => {}
            Some(again) if again == text => return Err(error),
            Some(again) => restore(workers, namespace, again, lock_wait).await?,
        }
    }
    crashpoint!("rules.written");
    Ok(true)
}

/// Reads our rules back, which must be what they should be.
pub(crate) async fn confirm(
    workers: &Workers,
    namespace: &NamespaceName,
    wanted: &RuleSet,
) -> Result<Seen, RulesError> {
    let shown = read(workers, namespace).await?;
    match batch(wanted, &shown) {
        None => Ok(shown),
        Some(difference) => Err(RulesError::Different {
            namespace: namespace.clone(),
            difference: difference.lines().take(6).collect::<Vec<_>>().join("; "),
        }),
    }
}

/// Changes everything that the text says at once, or nothing.
async fn restore(
    workers: &Workers,
    namespace: &NamespaceName,
    text: String,
    lock_wait: Duration,
) -> Result<(), RulesError> {
    // Zero would mean to wait for ever.
    let seconds = lock_wait.as_secs().max(1).to_string();
    let tool = Run {
        program: "iptables-restore",
        arguments: &["--noflush", "-w", &seconds],
        input: text,
        limit: LIMIT + lock_wait,
    };
    match run(workers, namespace, tool).await {
        Ok(_) => Ok(()),
        Err(error) if error.status == Some(LOCK_HELD) && error.stderr.contains("lock") => {
            Err(RulesError::Locked(lock_wait))
        }
        Err(error) => Err(error.into()),
    }
}
