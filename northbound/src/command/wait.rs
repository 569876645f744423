//! Waits for something to come about, and says how far it is: in one line that changes on a terminal, in a line every few
//! seconds elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use controller::id::TenantName;
use controller::status::Status;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;

use crate::api::{FailureKind, TenantReport, TenantSummary};
use crate::client::{Client, ClientError};
use crate::exit::{CommandError, Exit};
use crate::show;

/// From one look to the next.
const LOOK: Duration = Duration::from_millis(200);
/// Elsewhere than on a terminal, a line is written this often.
const LINE: Duration = Duration::from_secs(5);
/// What takes no longer than this needs no progress.
const QUIET: Duration = Duration::from_secs(2);

/// What a look has shown.
pub(super) enum Step<T> {
    /// It has come about.
    Done(T),
    /// Not yet; how far it is.
    Waiting(String),
    /// It will not come about while this is so.
    Never(CommandError),
}

/// How far it is, for whoever watches.
pub(super) struct Progress {
    began: Instant,
    limit: Duration,
    told: Option<Instant>,
    last: String,
    subject: String,
    /// What goes on without whoever waits; `None` once the wait is over.
    goes_on: Option<String>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// `state` says what is not so while it is waited for: `is not settled`; `change` what is being done: `changed`.
    pub(super) fn new(
        tenant: &TenantName,
        state: &str,
        change: &str,
        limit: SignedDuration,
    ) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            began: Instant::now(),
            limit: limit.try_into().unwrap_or_default(),
            told: None,
            last: String::new(),
            subject: format!("{tenant} {state}"),
            goes_on: Some(format!(
                "{tenant} goes on being {change}; see `asaas status {tenant}`"
            )),
            bar,
        }
    }

    fn tell(&mut self, message: String) {
        let waited = self.began.elapsed();
        if let Some(bar) = &self.bar {
            bar.set_message(message.clone());
            bar.tick();
        } else if waited > QUIET && self.told.is_none_or(|told| told.elapsed() > LINE) {
            super::say(&format!("… {message} ({} s)", waited.as_secs()));
            self.told = Some(Instant::now());
        }
        self.last = message;
    }

    fn end(&mut self) {
        self.goes_on = None;
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn late(&self) -> Option<CommandError> {
        (self.began.elapsed() >= self.limit).then(|| {
            let waited = match self.limit {
                short if short < Duration::from_secs(1) => format!("{:.1} s", short.as_secs_f64()),
                long => format!("{} s", long.as_secs()),
            };
            let error = format!("{} after {waited}: {}", self.subject, self.last);
            CommandError::new(Exit::TimedOut, error)
        })
    }
}

impl Drop for Progress {
    /// Whoever waits has pressed Ctrl-C: what was ordered is not taken back by that.
    fn drop(&mut self) {
        if let Some(goes_on) = self.goes_on.take() {
            if let Some(bar) = &self.bar {
                bar.finish_and_clear();
            }
            super::say(&goes_on);
        }
    }
}

/// Whether the tenant is there and paused: then it does not change, and waiting for it would be in vain.
pub(super) async fn is_paused(client: &Client, tenant: &TenantName) -> Result<bool, CommandError> {
    let tenants: Vec<TenantSummary> = client.get("/v1/tenants").await?;
    let is_paused = |row: &TenantSummary| row.tenant == *tenant && row.orders.is_paused;
    Ok(tenants.iter().any(is_paused))
}

/// The tenant is paused, and what that means for what was asked.
pub(super) fn paused(tenant: &TenantName, meaning: &str) -> CommandError {
    let error = format!("{tenant} cannot be waited for: it is paused; {meaning}");
    CommandError::new(Exit::Refused, error).hint(format!(
        "asaas resume {tenant}; or ask without `--wait`: it is done after that"
    ))
}

/// Returns when the tenant has settled as it was asked to, and says how it is then. `change` is what is being done: `scaled`.
pub(super) async fn until_settled(
    client: &Client,
    tenant: &TenantName,
    change: &str,
    limit: SignedDuration,
    is_as_asked: impl Fn(&Status) -> bool,
) -> Result<(), CommandError> {
    let mut progress = Progress::new(tenant, "is not settled", change, limit);
    let path = format!("/v1/tenants/{tenant}");
    let report = poll(client, &path, &mut progress, |report: TenantReport| {
        let is_as_asked = is_as_asked(&report.status);
        settled(report, is_as_asked)
    })
    .await
    .map_err(|error| {
        error.hint(format!(
            "see `asaas status {tenant}` and `asaas explain {tenant}`"
        ))
    })?;
    super::say(&format!(
        "{tenant}: {}",
        show::status::headline(&report.status)
    ));
    Ok(())
}

/// Whether a tenant has settled as it was asked to.
fn settled(report: TenantReport, is_as_asked: bool) -> Step<TenantReport> {
    let status = &report.status;
    if is_as_asked && status.orders.is_paused {
        Step::Never(paused(
            &status.tenant,
            "what was asked is done when it is resumed",
        ))
    } else if is_as_asked && show::status::is_settled(status) {
        Step::Done(report)
    } else {
        Step::Waiting(show::status::headline(status))
    }
}

/// Looks until `judge` says that it is done, or the time is over. A service that does not answer for a while is waited for
/// too.
pub(super) async fn poll<T: DeserializeOwned, R>(
    client: &Client,
    path: &str,
    progress: &mut Progress,
    judge: impl Fn(T) -> Step<R>,
) -> Result<R, CommandError> {
    loop {
        let step = match client.get::<T>(path).await {
            Ok(seen) => judge(seen),
            Err(ClientError::Failure(failure)) if failure.kind == FailureKind::NotNow => {
                Step::Waiting(failure.message)
            }
            Err(
                error @ (ClientError::NoService { .. }
                | ClientError::Silent { .. }
                | ClientError::Broken(_)),
            ) => Step::Waiting(error.to_string()),
            Err(other) => {
                progress.end();
                return Err(other.into());
            }
        };
        match step {
            Step::Done(result) => {
                progress.end();
                return Ok(result);
            }
            Step::Waiting(message) => progress.tell(message),
            Step::Never(error) => {
                progress.end();
                return Err(error);
            }
        }
        if let Some(late) = progress.late() {
            progress.end();
            return Err(late);
        }
        tokio::time::sleep(LOOK).await;
    }
}
