//! What the demo shows while it goes on: on a terminal a few lines that change, below those that stay; elsewhere plain lines.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use controller::instance::Phase;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::sight::{Sight, Tenant};

/// Without a terminal, the state is told this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Where the demo speaks.
#[derive(Debug)]
pub(super) struct Screen {
    live: Option<Live>,
    told: Mutex<Instant>,
}

#[derive(Debug)]
struct Live {
    lines: MultiProgress,
    tenant: ProgressBar,
    load: ProgressBar,
}

impl Screen {
    pub(super) fn new() -> Self {
        let live = std::io::stdout().is_terminal().then(|| {
            let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stdout_with_hz(8));
            let line = || {
                let style = ProgressStyle::with_template("{msg}")
                    .expect("the template is a constant that indicatif accepts");
                lines.add(ProgressBar::new_spinner().with_style(style))
            };
            let (tenant, load) = (line(), line());
            Live {
                lines,
                tenant,
                load,
            }
        });
        Self {
            live,
            told: Mutex::new(Instant::now()),
        }
    }

    /// A new act begins.
    pub(super) fn act(&self, title: &str) {
        self.line(&format!("\n▶ {title}"));
    }

    /// Something has happened; it stays to be read, with its time.
    pub(super) fn say(&self, what: &str) {
        let now = Timestamp::now().strftime("%H:%M:%SZ");
        self.line(&format!("  {now}  {what}"));
    }

    /// What another program has said.
    pub(super) fn quote(&self, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.line(&format!("  │ {line}"));
        }
    }

    /// How it is now.
    pub(super) fn show(&self, sight: &Sight) {
        let tenant = sight.tenant.as_ref().map(instances).unwrap_or_default();
        let load = load(sight);
        if let Some(live) = &self.live {
            live.tenant.set_message(format!("  {tenant}"));
            live.load.set_message(format!("  {load}"));
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() >= LINE_EVERY && !load.is_empty() {
            *told = Instant::now();
            drop(told);
            self.say(&format!("{tenant}; {load}"));
        }
    }

    /// Nothing changes any more.
    pub(super) fn settle(&self) {
        if let Some(live) = &self.live {
            live.tenant.finish_and_clear();
            live.load.finish_and_clear();
        }
    }

    /// A line that stays.
    pub(super) fn line(&self, text: &str) {
        // Where nobody reads it, the exit code still tells.
        drop(match &self.live {
            Some(live) => live.lines.println(text),
            None => writeln!(std::io::stdout(), "{text}"),
        });
    }
}

/// `local-a ■■■  local-b ■▫   wanted 5, cpu 55 % of 60 %`: full where it serves, hollow where it comes, small where it
/// stands by, crossed where it goes.
fn instances(tenant: &Tenant) -> String {
    let mut line = String::new();
    for cloud in &tenant.clouds {
        let shapes: String = tenant
            .instances
            .values()
            .filter(|(place, _)| place == cloud)
            .map(|(_, phase)| match phase {
                Phase::InService => '■',
                Phase::Intent | Phase::Launching | Phase::Booting => '□',
                Phase::Standby => '▪',
                Phase::Draining | Phase::Terminating | Phase::Gone | Phase::Failed => '▨',
            })
            .collect();
        let _ = write!(line, "{cloud} {shapes:<4} ");
    }
    let _ = write!(
        line,
        "{} of {} serve; {}",
        tenant.in_service(),
        tenant.desired,
        tenant.metric
    );
    line
}

fn load(sight: &Sight) -> String {
    let Some((load, last)) = sight
        .load
        .as_ref()
        .and_then(|load| Some((load, load.seconds.last()?)))
    else {
        return String::new();
    };
    format!(
        "load: {} requests/s, p99 {:.0} ms; {} answered, {} failed, {} sent again",
        last.sent,
        last.p99_ms,
        load.sum(|second| second.ok),
        load.sum(|second| second.failed),
        load.sum(|second| second.retried),
    )
}
