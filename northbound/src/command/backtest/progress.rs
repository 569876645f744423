//! How far a long calculation is: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::command::say;

/// What takes no longer than this needs no progress.
const QUIET: Duration = Duration::from_secs(2);
/// Elsewhere than on a terminal, a line is written this often.
const LINE: Duration = Duration::from_secs(5);

/// How far it is, where it takes long.
pub(in crate::command) struct Progress {
    limit: u64,
    what: &'static str,
    began: Instant,
    told: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins with none of `limit`; `what` they are is shown.
    pub(in crate::command) fn begin(limit: u64, what: &'static str) -> Self {
        Self {
            limit,
            what,
            began: Instant::now(),
            told: None,
            bar: None,
        }
    }

    /// So many are done by now.
    pub(in crate::command) fn tell(&mut self, done: u64) {
        let now = Instant::now();
        if now.duration_since(self.began) < QUIET {
            return;
        }
        let (limit, what) = (self.limit, self.what);
        if stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(|| bar(limit, what));
            bar.set_position(done);
        } else if self.is_line_due(now) {
            let passed = now.duration_since(self.began).as_secs();
            say(&format!("… {done} of {limit} {what} ({passed} s)"));
        }
    }

    /// Whether a line is to be written now; it counts as written.
    fn is_line_due(&mut self, now: Instant) -> bool {
        let is_due = self
            .told
            .is_none_or(|told| now.duration_since(told) >= LINE);
        if is_due {
            self.told = Some(now);
        }
        is_due
    }

    pub(in crate::command) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(limit: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(limit).with_message(what);
    match ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}, {eta} left") {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_at_first_and_then_every_five_seconds() {
        let mut progress = Progress::begin(100, "ticks");
        let began = progress.began;

        let due = [2, 3, 6, 7, 11, 12, 30]
            .map(|second| progress.is_line_due(began + Duration::from_secs(second)));

        assert_eq!(due, [true, false, false, true, false, true, true]);
    }
}
