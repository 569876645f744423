//! What a run says while it goes on, on standard error: marks where a segment begins, and how it fares.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::schedule::Stretch;
use super::stats::Tally;

/// Without a terminal, a line of progress this often.
const LINE_EVERY: u64 = 10;

/// Speaks to a terminal, to a file, or not at all.
#[derive(Debug)]
pub(super) struct Talk {
    bar: Option<ProgressBar>,
    is_quiet: bool,
    seconds: u64,
}

impl Talk {
    pub(super) fn new(is_quiet: bool, length: Duration) -> Self {
        let bar = (!is_quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(
                Some(millis(length)),
                ProgressDrawTarget::stderr_with_hz(4),
            );
            let style = ProgressStyle::with_template("{elapsed_precise} {bar:24} {msg}")
                .expect("the template is a constant that indicatif accepts");
            bar.set_style(style);
            bar
        });
        Self {
            bar,
            is_quiet,
            seconds: 0,
        }
    }

    /// A segment begins. `S1-27`: the marks are those of the classic load scripts.
    pub(super) fn begins(&self, at: Timestamp, stretch: &Stretch) {
        let segment = &stretch.segment;
        let lasts = stretch.ends.saturating_sub(stretch.begins);
        #[expect(
            clippy::float_cmp,
            reason = "they are equal where one rate was written"
        )]
        let rate = if segment.from == segment.to {
            format!("{}/s", segment.from)
        } else {
            format!("{}/s to {}/s", segment.from, segment.to)
        };
        self.line(&mark(
            at,
            &format!("{} load begins: {rate} for {lasts:?}", segment.name),
        ));
    }

    /// The last segment is over.
    pub(super) fn ends(&self, at: Timestamp) {
        self.line(&mark(at, "the load ends"));
    }

    /// A second has gone by.
    pub(super) fn second(
        &mut self,
        elapsed: Duration,
        second: &Tally,
        failed: u64,
        in_flight: u64,
    ) {
        let p99 = second.latency().p99_ms;
        let text = format!(
            "{} sent/s, p99 {p99:.1} ms, {in_flight} in flight, {failed} failed",
            second.sent
        );
        if let Some(bar) = &self.bar {
            bar.set_position(millis(elapsed));
            bar.set_message(text);
            return;
        }
        self.seconds += 1;
        if self.seconds.is_multiple_of(LINE_EVERY) {
            self.line(&format!("  after {} s: {text}", self.seconds));
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None if self.is_quiet => {}
            // Nobody is there to read it where this fails.
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }
}

/// `12:00:05Z high load begins`
fn mark(at: Timestamp, what: &str) -> String {
    format!("{} {what}", at.strftime("%H:%M:%SZ"))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
