//! `asaas demo`: one tenant scales for real on this machine, and what is promised is checked.
//!
//! ```text
//!  stage   a directory, `asaas serve` with two local clouds, a client's namespace
//!  show    `asaas apply demo` ─► low load ─► one killed ─► high load ─► low load ─► `asaas destroy demo`
//!  sight   the service's status and the load's last second, on the screen as they change
//!  promises   from the log files and the generator's summary: kept or broken, with figures
//! ```
//!
//! All that it does it does as people do, with the commands of `asaas`. Whatever happens (an error, a panic, Ctrl-C), the stage is struck
//! before it ends; what SIGKILL leaves behind, the next demo or `asaas demo --cleanup` removes. Its addresses exist only in namespaces of
//! its own, from which no way leads out of the machine.

mod args;
mod exec;
mod paths;
mod promises;
mod screen;
mod show;
mod sight;
mod stage;
mod tell;

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use controller::id::{CloudName, TenantName};
use futures_util::FutureExt;
use netsetup::EdgeError;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub use args::DemoArgs;

use crate::api::TenantReport;
use crate::load::Report;
use crate::logs::LogError;
use paths::Paths;
use screen::Screen;
use show::{Cast, Pace, Show, Story};
use sight::Sight;
use stage::{Plan, Stage};

const TENANT: &str = "demo";
/// Two instances start within a second or two.
const APPLY_LIMIT: Duration = Duration::from_mins(1);
const DESTROY_LIMIT: Duration = Duration::from_mins(1);
/// The exit code after Ctrl-C, as shells count it.
const INTERRUPTED: u8 = 130;

const LONG: Pace = Pace {
    calm: Duration::from_secs(6),
    rise: Duration::from_secs(45),
    hold: Duration::from_secs(12),
    limit: Duration::from_mins(1),
};
const SHORT: Pace = Pace {
    calm: Duration::from_secs(2),
    rise: Duration::from_secs(30),
    hold: Duration::from_secs(4),
    limit: Duration::from_secs(45),
};

/// The demo cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The system does not do as asked.
    #[error("could not {doing}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// Something that it needs is not there.
    #[error("there is no `{}`\n  hint: {hint}", what.display())]
    Missing {
        /// What.
        what: PathBuf,
        /// How it is had.
        hint: &'static str,
    },
    /// Files of an earlier demo.
    #[error("`{}` is there already, from an earlier demo\n  hint: name another folder with `--out`", out.display())]
    Used {
        /// Where.
        out: PathBuf,
    },
    /// Overlays cannot lie on overlays.
    #[error(
        "no directory on this machine can hold a container's root\n  hint: set TMPDIR to one on ext4, xfs or tmpfs"
    )]
    NoPlace,
    /// The service does not answer.
    #[error("asaas serve did not start, and said last:\n{said}")]
    Service {
        /// The end of its log.
        said: String,
    },
    /// A command failed.
    #[error("`asaas {command}` failed:\n{said}")]
    Command {
        /// Which.
        command: String,
        /// What it said.
        said: String,
    },
    /// The client's namespace.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// The service's answer.
    #[error(transparent)]
    Client(#[from] crate::client::ClientError),
    /// The log files.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A mistake of ours.
    #[error("the demo panicked: {0}")]
    Panic(String),
}

impl DemoError {
    fn io(doing: &'static str, cause: io::Error) -> Self {
        Self::Io { doing, cause }
    }
}

/// Runs `asaas demo`.
pub fn command(args: &DemoArgs) -> Result<ExitCode, DemoError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| DemoError::io("start threads", cause))?;
    let code = runtime.block_on(run(args));
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

async fn run(args: &DemoArgs) -> Result<ExitCode, DemoError> {
    let screen = Arc::new(Screen::new());
    let tenant: TenantName = TENANT
        .parse()
        .expect("the name is a constant that is allowed");
    let is_clean = clean_up(&screen, &tenant).await;
    if args.cleanup {
        return Ok(if is_clean {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let began = Instant::now();
    let paths = Paths::new(args)?;
    let mut stage = Stage::build(&Plan {
        root: &paths.root,
        tenants: &paths.tenants,
        logs: &paths.out,
    })?;
    let mut demo = Demo {
        pace: if args.short { SHORT } else { LONG },
        screen: Arc::clone(&screen),
        paths,
        tenant: tenant.clone(),
        story: Story::default(),
    };
    let mut interrupted = interruption()?;
    let played = tokio::select! {
        played = AssertUnwindSafe(demo.play(&mut stage)).catch_unwind() => {
            Some(played.unwrap_or_else(|panic| Err(DemoError::Panic(words(&*panic)))))
        }
        _ = interrupted.recv() => None,
    };
    screen.settle();
    if played.is_none() {
        screen.line("\ninterrupted: everything is being removed");
    }
    let remains = stage.strike(&tenant).await;
    let ended = match played {
        Some(Ok(ref played)) => demo.tell(played, &remains, began.elapsed()).await,
        Some(Err(error)) => Err(error),
        None => Ok(ExitCode::from(INTERRUPTED)),
    };
    give_back(stage, remains, &screen);
    ended
}

/// Removes what demos have left behind that were killed.
async fn clean_up(screen: &Screen, tenant: &TenantName) -> bool {
    let mut is_clean = true;
    for mut stage in Stage::abandoned() {
        let dir = stage.dir().display().to_string();
        screen.line(&format!(
            "{dir} was left by a demo that was killed: removing it"
        ));
        let troubles = stage.strike(tenant).await;
        is_clean &= give_back(stage, troubles, screen);
    }
    is_clean
}

/// Removes the stage's directory, which is all that is left of it; keeps it where something else is too, since from it alone that can be
/// found again.
fn give_back(stage: Stage, mut troubles: Vec<String>, screen: &Screen) -> bool {
    let dir = stage.dir().display().to_string();
    if troubles.is_empty()
        && let Err(error) = stage.remove()
    {
        troubles.push(format!("{dir}: {error}"));
    }
    for trouble in &troubles {
        screen.line(&format!("left behind: {trouble}"));
    }
    if !troubles.is_empty() {
        screen.line(&format!(
            "hint: `asaas demo --cleanup` tries again, with what is in {dir}"
        ));
    }
    troubles.is_empty()
}

/// The demo itself.
struct Demo {
    pace: Pace,
    screen: Arc<Screen>,
    paths: Paths,
    tenant: TenantName,
    story: Story,
}

/// What is known when all acts are over.
struct Played {
    cast: Cast,
    clouds: Vec<(CloudName, usize)>,
    report: Report,
}

impl Demo {
    /// Everything up to the tenant's end.
    async fn play(&mut self, stage: &mut Stage) -> Result<Played, DemoError> {
        self.screen.act("A service of its own: two local clouds, local-a with room for 3 instances, local-b for 4");
        stage.serve().await?;
        self.screen.say("asaas serve is ready");
        let (to, sight) = watch::channel(Sight::default());
        let looking = tokio::spawn(sight::look(
            stage.api(),
            self.tenant.clone(),
            self.paths.load(),
            Arc::clone(&self.screen),
            to,
        ));
        // However this ends, nobody looks any more.
        let _looking = AbortOnDrop(looking);
        let apply = ["apply", TENANT, "--wait", "--timeout", "50s"];
        self.screen.act("asaas apply demo --wait");
        self.ask(stage, &apply, APPLY_LIMIT).await?;
        let report: TenantReport = stage.api().get(&format!("/v1/tenants/{TENANT}")).await?;
        let (cast, clouds) = cast(&report);
        let netns = stage.join().await?;
        let mut show = Show {
            stage,
            screen: Arc::clone(&self.screen),
            sight,
            cast: cast.clone(),
            pace: self.pace,
            story: &mut self.story,
        };
        let report = show.play(&netns, &self.paths.load()).await?;
        self.screen.act("asaas destroy demo --wait");
        let destroy = ["destroy", TENANT, "--yes", "--wait", "--timeout", "50s"];
        self.ask(stage, &destroy, DESTROY_LIMIT).await?;
        Ok(Played {
            cast,
            clouds,
            report,
        })
    }

    async fn ask(&self, stage: &Stage, words: &[&str], limit: Duration) -> Result<(), DemoError> {
        let ended = stage.asaas(words, limit).await?;
        self.screen.quote(&ended.stdout);
        if ended.status.success() {
            return Ok(());
        }
        Err(DemoError::Command {
            command: words.join(" "),
            said: format!(
                "{}\n{}",
                ended.stderr,
                stage::tail(&stage.dir().join("serve.log"))
            ),
        })
    }
}

/// What the tenant's own file says.
fn cast(report: &TenantReport) -> (Cast, Vec<(CloudName, usize)>) {
    let status = &report.status;
    let port = report.listen.first().map_or(80, |listener| listener.port);
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let clouds: Vec<(CloudName, usize)> = status
        .clouds
        .iter()
        .map(|cloud| (cloud.name.clone(), cloud.max.map_or(usize::MAX, count)))
        .collect();
    let cast = Cast {
        public: format!("{}:{port}", report.public_ip),
        min: count(status.min),
        max: count(status.max),
        first_cloud: status.clouds[0].name.clone(),
    };
    (cast, clouds)
}

/// A task that ends with its owner.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Rung by Ctrl-C, by SIGTERM, and when the terminal is closed.
fn interruption() -> Result<tokio::sync::mpsc::Receiver<()>, DemoError> {
    let (to, interrupted) = tokio::sync::mpsc::channel(1);
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        let mut signal = signal(kind).map_err(|cause| DemoError::io("listen to signals", cause))?;
        let to = to.clone();
        tokio::spawn(async move {
            // The first is enough: what follows it is bounded.
            while signal.recv().await.is_some() {
                let _ = to.try_send(());
            }
        });
    }
    Ok(interrupted)
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a word".to_owned())
}
