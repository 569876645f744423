//! `asaas serve`: one loop per tenant, the log files' follower, and the API, until it is told to stop.
//!
//! Stopping, however it comes about, tears nothing down: instances run on and the kernel goes on sharing out connections. The
//! next start adopts what runs (I15).

use std::collections::BTreeMap;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use controller::crashpoint;
use controller::id::{Generation, TenantName};
use controller::pace::Pace;
use controller::ports::{Store, StoreError};
use controller::status::Status;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::api::TenantReport;
use crate::config::Config;
use crate::logs::{Follower, LogSettings};
use crate::store::{StateDir, StateDirError};
use crate::wire::{WireError, Wired, wire};

mod answers;
mod checks;
mod elsewhere;
mod failure;
mod loops;
mod memory;
mod socket;
mod tenants;

pub use checks::Missing;
pub use socket::SocketError;

use loops::Loops;
use memory::Membership;
use tenants::Tenants;

/// Ticks that go on when the service is told to stop may end within this long.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The reply to an order waits this long for a tick that knows of it.
const SHOWN_LIMIT: Duration = Duration::from_secs(1);

/// From one question to another node whether it has seen an order to the next.
const SHOWN_AGAIN: Duration = Duration::from_millis(25);

/// The service could not start. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// This machine lacks something.
    #[error("this machine is not ready: {}", list(missing))]
    Missing {
        /// All that is missing.
        missing: Vec<Missing>,
    },
    /// Templates start from what is not there.
    #[error("{}", list(rootless))]
    Rootless {
        /// Each of them.
        rootless: Vec<Missing>,
    },
    /// The state directory could not be taken.
    #[error(transparent)]
    State(#[from] StateDirError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The parts do not fit together.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The socket could not be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The system does not do as asked.
    #[error("could not {operation}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
}

fn list(missing: &[Missing]) -> String {
    let all: Vec<&str> = missing
        .iter()
        .map(|missing| missing.what.as_str())
        .collect();
    all.join("; ")
}

impl ServeError {
    /// What a person can do, line by line.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Missing { missing } | Self::Rootless { rootless: missing } => {
                missing.iter().map(|missing| missing.hint.clone()).collect()
            }
            Self::State(error) => vec![error.hint()],
            Self::Wire(error) => vec![error.hint().to_owned()],
            Self::Socket(error) => vec![error.hint()],
            Self::Store(_) | Self::System { .. } => Vec::new(),
        }
    }
}

/// What every request finds.
struct Service {
    config: Config,
    wired: Wired,
    tenants: Arc<Tenants>,
    since: Timestamp,
    /// How far the log files have followed; see [`Follower::progress`].
    written: watch::Receiver<u64>,
    /// Whose log files cannot be written now; see [`Follower::failing`].
    unwritten: watch::Receiver<BTreeMap<TenantName, String>>,
}

/// Runs until SIGTERM or SIGINT. `ready` is called once, with the socket's path, when requests are answered.
pub async fn serve(config: Config, ready: impl FnOnce(&PathBuf)) -> Result<(), ServeError> {
    raise_descriptor_limit();
    let missing = checks::missing(&config);
    if !missing.is_empty() {
        return Err(ServeError::Missing { missing });
    }
    let rootless = checks::rootless(&config);
    if !rootless.is_empty() {
        return Err(ServeError::Rootless { rootless });
    }
    let state = StateDir::take(&config.state)?;
    let memory = memory::open(&config, state).await?;
    crashpoint!("start.opened");
    let store = memory.store.clone();
    let wired = wire(&config, memory)?;
    let listener = socket::listen(&config.socket)?;
    crashpoint!("start.listening");
    let mut signals = Signals::listen()?;

    let loops = Loops::start().map_err(|cause| ServeError::System {
        operation: "start a thread",
        cause,
    })?;
    let pace = Pace { tick: config.tick };
    let tenants = Arc::new(Tenants::new(wired.clone(), pace, loops));
    let member = Membership::begin(&tenants).await?;
    crashpoint!("start.looking_after");
    let settings = LogSettings {
        root: config.logs.directory.clone(),
        keep: config.logs.keep,
    };
    let follower = Follower::new(
        store,
        Arc::clone(&wired.registrar),
        Arc::clone(&wired.ports.clock),
        settings,
    );
    let (written, unwritten) = (follower.progress(), follower.failing());
    let follower = tokio::spawn(follower.run());
    let service = Arc::new(Service {
        since: wired.ports.clock.now().wall,
        config,
        wired,
        tenants: Arc::clone(&tenants),
        written,
        unwritten,
    });
    tokio::spawn(Arc::clone(&tenants).sweep());
    ready(&service.config.socket);
    let path = service.config.socket.clone();
    tracing::info!(socket = %path.display(), "ready");

    let (stop, mut stopped) = watch::channel(false);
    let server = axum::serve(listener, answers::router(Arc::clone(&service)))
        .with_graceful_shutdown(async move {
            let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
        });
    let server = tokio::spawn(server.into_future());
    let name = signals.next().await;
    tracing::info!(signal = name, "stopping; instances and traffic go on");
    let _ = stop.send(true);
    member.end(STOP_LIMIT).await;
    tenants.stop(STOP_LIMIT).await;
    let _ = tokio::time::timeout(STOP_LIMIT, service.written_all()).await;
    follower.abort();
    server.abort();
    socket::remove(&path);
    Ok(())
}

/// Connections, processes and namespaces of many tenants take more descriptors than a login shell is given.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
}

impl Service {
    /// Returns when the log files hold all that the journal holds now.
    async fn written_all(&self) {
        let grown = *self.wired.store.appended().borrow();
        let mut written = self.written.clone();
        let _ = written.wait_for(|written| *written >= grown).await;
    }
}

impl Service {
    /// Returns when a tick has ended that knew what is ordered now, so that whoever has ordered it and looks, sees it; when
    /// the tenant is gone or in trouble; or after [`SHOWN_LIMIT`].
    async fn has_shown(&self, tenant: &TenantName, generation: Generation) {
        let Ok(Some(wish)) = self.wired.store.wish(tenant).await else {
            return;
        };
        // A tick reads the orders when it begins: one that shows them began after they were given.
        let knows =
            |status: &Status| status.generation >= generation && status.orders == wish.orders;
        let is_shown = |view: &tenants::View| {
            view.trouble.is_some() || view.status.as_ref().is_some_and(knows)
        };
        let shown = async {
            loop {
                let Ok(owner) = self.elsewhere(tenant) else {
                    return;
                };
                if let Some(owner) = owner {
                    if is_known_there(&owner, tenant, knows).await {
                        return;
                    }
                } else if let Some(mut view) = self.tenants.view(tenant) {
                    let _ = view.wait_for(is_shown).await;
                    return;
                } else if self.wired.place.is_none() {
                    return;
                }
                tokio::time::sleep(SHOWN_AGAIN).await;
            }
        };
        let _ = tokio::time::timeout(SHOWN_LIMIT, shown).await;
    }
}

async fn is_known_there(
    owner: &elsewhere::Elsewhere,
    tenant: &TenantName,
    knows: impl Fn(&Status) -> bool,
) -> bool {
    let path = format!("/v1/tenants/{tenant}");
    let report = owner.get::<TenantReport>(&path);
    report
        .await
        .is_ok_and(|report| report.trouble.is_some() || knows(&report.status))
}

/// What tells the service to stop.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, ServeError> {
        let listen = |kind| {
            signal(kind).map_err(|cause| ServeError::System {
                operation: "listen for signals",
                cause,
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            Some(()) = self.terminate.recv() => "SIGTERM",
            Some(()) = self.interrupt.recv() => "SIGINT",
            () = pending() => "none",
        }
    }
}
