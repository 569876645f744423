//! Waits for something to come about, and says how far it is: in one line that changes on a terminal, in a line every few
//! seconds elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;

use crate::api::FailureKind;
use crate::client::{Client, ClientError};
use crate::exit::{CommandError, Exit};

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
}

/// How far it is, for whoever watches.
pub(super) struct Progress {
    began: Instant,
    limit: Duration,
    told: Option<Instant>,
    last: String,
    subject: String,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// `subject` says what is not so while it is waited for: `demo is not settled`.
    pub(super) fn new(subject: &str, limit: SignedDuration) -> Self {
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
            subject: subject.to_owned(),
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

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn late(&self) -> Option<CommandError> {
        (self.began.elapsed() >= self.limit).then(|| {
            let waited = self.limit.as_secs();
            let error = format!("{} after {waited} s: {}", self.subject, self.last);
            CommandError::new(Exit::TimedOut, error)
        })
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
            Err(error @ (ClientError::NoService { .. } | ClientError::Broken(_))) => {
                Step::Waiting(error.to_string())
            }
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
        }
        if let Some(late) = progress.late() {
            progress.end();
            return Err(late);
        }
        tokio::time::sleep(LOOK).await;
    }
}
