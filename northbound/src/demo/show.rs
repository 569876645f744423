//! The acts of the show, and what is remembered of them. An act that does not come to its end in time is over all the same; that it did
//! not is for the promises to tell.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use controller::id::{CloudName, InstanceId};
use controller::instance::Phase;
use jiff::Timestamp;
use nix::sys::signal::Signal;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::DemoError;
use super::exec;
use super::screen::Screen;
use super::sight::{Sight, Tenant};
use super::stage::{Stage, tail};
use crate::load::Report;

/// Each request keeps an instance's processor busy for this long.
const BURN_MS: u32 = 5;
/// Little to do for two instances of a fifth of a core.
const LOW: u32 = 15;
/// With the work around each request some 0.58 cores: what five instances can do at the threshold of 60 %, and four cannot.
const HIGH: u32 = 105;
/// A machine with other things to do gives its instances less; the load rises up to this until all are needed.
const HIGHEST: u32 = 280;
/// No segment of the profile lasts longer; the demo goes on to the next one before.
const SEGMENT: u32 = 120;
/// So far from the end of a segment nobody is told to end it.
const MARGIN: Duration = Duration::from_secs(1);
/// The generator waits for its last answers.
const SUMMARY_LIMIT: Duration = Duration::from_secs(30);
/// From the first request to a process that can be seen.
const KILL_LIMIT: Duration = Duration::from_secs(20);

/// How long the acts are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Low load, before the instance is killed and after it is replaced.
    pub(super) calm: Duration,
    /// From low to highest; over as soon as all instances serve.
    pub(super) rise: Duration,
    /// High load, once all instances serve.
    pub(super) hold: Duration,
    /// An act is over after this, whatever has come of it.
    pub(super) limit: Duration,
}

/// What has happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Story {
    /// Which instance was killed, and when.
    pub(super) killed: Option<(InstanceId, Timestamp)>,
    /// When there were as many as before, without the killed one.
    pub(super) replaced: Option<Timestamp>,
    /// When the load began to rise.
    pub(super) rose: Option<Timestamp>,
    /// When the most were in service.
    pub(super) reached_max: Option<Timestamp>,
    /// The most that were in service at once.
    pub(super) most: usize,
    /// When there were only the fewest again.
    pub(super) back_at_min: Option<Timestamp>,
}

/// What is expected of the tenant.
#[derive(Debug, Clone)]
pub(super) struct Cast {
    pub(super) public: String,
    pub(super) min: usize,
    pub(super) max: usize,
    /// Where the first instances are.
    pub(super) first_cloud: CloudName,
}

/// The show.
pub(super) struct Show<'a> {
    pub(super) stage: &'a mut Stage,
    pub(super) screen: Arc<Screen>,
    pub(super) sight: watch::Receiver<Sight>,
    pub(super) cast: Cast,
    pub(super) pace: Pace,
    pub(super) story: &'a mut Story,
}

impl Show<'_> {
    /// Plays all acts; the generator's summary is the end of it.
    pub(super) async fn play(&mut self, netns: &Path, csv: &Path) -> Result<Report, DemoError> {
        self.screen.act(&format!(
            "Low load from a client's namespace: {LOW} requests per second of {BURN_MS} ms processor time each"
        ));
        self.stage.send(&self.generator(netns, csv))?;
        self.wait(KILL_LIMIT, |sight| {
            sight
                .load
                .as_ref()
                .is_some_and(|load| load.sum(|second| second.ok) > 0)
        })
        .await;
        sleep(self.pace.calm).await;
        self.kill_one().await;
        sleep(self.pace.calm).await;
        self.rise().await;
        self.fall().await;
        self.summary().await
    }

    fn generator(&self, netns: &Path, csv: &Path) -> Vec<OsString> {
        let rise = self.pace.rise.as_secs();
        let profile = format!(
            "low={LOW}/s:{SEGMENT}s,rising={LOW}/s..{HIGHEST}/s:{rise}s,high={HIGH}/s:{SEGMENT}s,low again={LOW}/s:{SEGMENT}s"
        );
        let url = format!("http://{}/burn?ms={BURN_MS}", self.cast.public);
        [
            url.as_ref(),
            "--profile".as_ref(),
            profile.as_ref(),
            "--netns".as_ref(),
            netns.as_os_str(),
            "--csv".as_ref(),
            csv.as_os_str(),
            "--clients".as_ref(),
            "200".as_ref(),
            "--timeout".as_ref(),
            "20s".as_ref(),
            "--retries".as_ref(),
            "8".as_ref(),
            "--json".as_ref(),
            "--allow-failures".as_ref(),
        ]
        .map(std::ffi::OsStr::to_owned)
        .to_vec()
    }

    /// One instance is killed from outside, as a machine that fails would be.
    async fn kill_one(&mut self) {
        self.screen
            .act("One instance is killed from outside (SIGKILL), and replaced");
        let Some(victim) = self.victim() else {
            self.screen
                .say("no instance in service was found to be killed");
            return;
        };
        let at = Timestamp::now();
        let Some(pid) = exec::kill_container_with(&format!("ASAAS_INSTANCE={victim}\0")) else {
            self.screen
                .say(&format!("no process of {victim} was found"));
            return;
        };
        self.screen.say(&format!("{victim} killed (process {pid})"));
        self.story.killed = Some((victim, at));
        let min = self.cast.min;
        let is_replaced = self
            .wait_tenant(self.pace.limit, |tenant| {
                tenant.is_exactly(min) && !tenant.instances.contains_key(&victim)
            })
            .await;
        self.story.replaced = is_replaced.then(Timestamp::now);
    }

    fn victim(&self) -> Option<InstanceId> {
        let sight = self.sight.borrow();
        let instances = &sight.tenant.as_ref()?.instances;
        instances
            .iter()
            .find(|(_, (cloud, phase))| {
                *cloud == self.cast.first_cloud && *phase == Phase::InService
            })
            .map(|(id, _)| *id)
    }

    async fn rise(&mut self) {
        let Pace {
            rise, hold, limit, ..
        } = self.pace;
        self.screen.act(&format!(
            "The load rises until {} instances are needed, and stays at {HIGH} requests per second",
            self.cast.max
        ));
        self.story.rose = Some(Timestamp::now());
        self.next_segment();
        let max = self.cast.max;
        let began = tokio::time::Instant::now();
        let reached = self
            .wait_tenant(rise + limit, |tenant| tenant.in_service() == max)
            .await;
        self.story.reached_max = reached.then(Timestamp::now);
        let most = self
            .sight
            .borrow()
            .tenant
            .as_ref()
            .map_or(0, Tenant::in_service);
        self.story.most = self.story.most.max(most);
        // At its end the rise becomes the high load by itself; two at once would be one too many.
        if began.elapsed() + MARGIN < rise {
            self.next_segment();
        } else {
            tokio::time::sleep_until(began + rise + MARGIN).await;
        }
        self.screen
            .say(&format!("{HIGH} requests per second for {hold:?}"));
        sleep(hold).await;
    }

    async fn fall(&mut self) {
        self.screen
            .act("The load falls; what is not needed is drained and removed, the last cloud first");
        self.next_segment();
        let min = self.cast.min;
        let back = self
            .wait_tenant(self.pace.limit, |tenant| tenant.is_exactly(min))
            .await;
        self.story.back_at_min = back.then(Timestamp::now);
        sleep(self.pace.calm / 2).await;
    }

    /// Ends the load, and reads what became of it.
    async fn summary(&mut self) -> Result<Report, DemoError> {
        let failed = |cause| DemoError::io("end asaas load", cause);
        if let Some(load) = self.stage.load.take() {
            load.end(Signal::SIGINT, SUMMARY_LIMIT)
                .await
                .map_err(failed)?;
        }
        let text = std::fs::read_to_string(self.stage.summary()).map_err(failed)?;
        serde_json::from_str(&text).map_err(|_| DemoError::Command {
            command: "load".to_owned(),
            said: tail(&self.stage.dir().join("load.log")),
        })
    }

    fn next_segment(&self) {
        if let Some(load) = &self.stage.load {
            load.signal(Signal::SIGUSR1);
        }
    }

    async fn wait_tenant(&mut self, limit: Duration, is_so: impl Fn(&Tenant) -> bool) -> bool {
        self.wait(limit, |sight| sight.tenant.as_ref().is_some_and(&is_so))
            .await
    }

    /// Waits until something can be seen; `false` where it cannot in time.
    async fn wait(&mut self, limit: Duration, is_so: impl Fn(&Sight) -> bool) -> bool {
        let seen = self.sight.wait_for(|sight| is_so(sight));
        matches!(timeout(limit, seen).await, Ok(Ok(_)))
    }
}
