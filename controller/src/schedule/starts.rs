//! When a window begins: by the clocks, and in real time.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};

use super::clocks::Clocks;
use super::{Closes, LONGEST_WINDOW, Opens, Window};

/// A moment at which a window begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    /// The time that was asked for, by the clocks.
    civil: DateTime,
    /// When that was.
    pub(super) at: Timestamp,
}

impl Start {
    /// The last start up to the moment of `clocks`, and, of a window that begins again in an hour that the clocks show again,
    /// the last of those. A window that is open has begun at one of them, as what begins later ends later.
    fn last(window: &Window, clocks: &Clocks) -> [Option<Self>; 2] {
        let (opens, days_back) = (&window.opens, window.closes.days_back());
        let first = opens.last(clocks.reached, days_back).and_then(|civil| {
            let at = clocks.first(civil)?;
            Some(Self { civil, at })
        });
        let again = opens.repeats().then(|| {
            let civil = opens.last(clocks.shown, days_back)?;
            let at = clocks.again(civil).filter(|at| *at <= clocks.wall)?;
            Some(Self { civil, at })
        });
        [first, again.flatten()]
    }

    /// Every start on this day of the calendar.
    pub(super) fn all(opens: &Opens, date: Date, clocks: &Clocks) -> impl Iterator<Item = Self> {
        opens.times(date).flat_map(move |time| {
            let civil = date.to_datetime(time);
            let again = opens.repeats().then(|| clocks.again(civil)).flatten();
            [clocks.first(civil), again]
                .into_iter()
                .flatten()
                .map(move |at| Self { civil, at })
        })
    }

    /// When the window that begins here ends.
    pub(super) fn end(self, closes: &Closes, clocks: &Clocks) -> Option<Timestamp> {
        let latest = self.at.saturating_add(LONGEST_WINDOW).ok()?;
        let end = match closes {
            Closes::After(length) => self.at.saturating_add(*length).ok()?,
            Closes::At(time) => {
                let today = self.civil.date();
                let date = if *time > self.civil.time() {
                    today
                } else {
                    today.tomorrow().ok()?
                };
                let civil = date.to_datetime(*time);
                let first = clocks.first(civil)?;
                if first >= self.at {
                    first
                } else {
                    clocks.again(civil)?
                }
            }
            Closes::On(moment) => clocks.first(*moment)?,
        };
        Some(end.min(latest))
    }
}

impl Opens {
    /// Whether an hour that the clocks show twice has the starts in it twice.
    fn repeats(&self) -> bool {
        match self {
            Self::Cron(cron) => cron.repeats(),
            Self::Weekly { .. } | Self::Once(_) => false,
        }
    }

    /// The last start up to `until`, by the clocks; of those before, only of so many days.
    fn last(&self, until: DateTime, days_back: i64) -> Option<DateTime> {
        if let Self::Once(moment) = self {
            return (*moment <= until).then_some(*moment);
        }
        let mut date = until.date();
        let mut limit = until.time();
        for _ in 0..=days_back {
            let time = match self {
                Self::Weekly { at, days } => (days[index(date)] && *at <= limit).then_some(*at),
                Self::Cron(cron) if cron.is_on(date) => cron.last_until(limit),
                Self::Cron(_) | Self::Once(_) => None,
            };
            if let Some(time) = time {
                return Some(date.to_datetime(time));
            }
            date = date.yesterday().ok()?;
            limit = Time::MAX;
        }
        None
    }

    /// The times on this day at which it begins, in order.
    fn times(&self, date: Date) -> impl Iterator<Item = Time> {
        let (alone, cron) = match self {
            Self::Weekly { at, days } => (days[index(date)].then_some(*at), None),
            Self::Cron(cron) => (None, cron.is_on(date).then_some(cron)),
            Self::Once(moment) => ((moment.date() == date).then(|| moment.time()), None),
        };
        alone
            .into_iter()
            .chain(cron.into_iter().flat_map(super::Cron::times))
    }
}

impl Closes {
    /// So many days back, by the calendar, lies the last start whose window may still be open. The clocks never jump by more
    /// than a day.
    pub(super) fn days_back(&self) -> i64 {
        const DAY: SignedDuration = SignedDuration::from_hours(24);
        let longest = match self {
            Self::After(length) => *length,
            Self::At(_) => DAY,
            Self::On(_) => LONGEST_WINDOW,
        };
        longest
            .clamp(SignedDuration::ZERO, LONGEST_WINDOW)
            .as_hours()
            / DAY.as_hours()
            + 2
    }
}

impl Window {
    /// Whether it is open at the moment of `clocks`, which are those of its zone.
    pub(super) fn is_open_by(&self, clocks: &Clocks) -> bool {
        Start::last(self, clocks)
            .into_iter()
            .flatten()
            .filter_map(|start| start.end(&self.closes, clocks))
            .any(|end| clocks.wall < end)
    }
}

fn index(date: Date) -> usize {
    usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())
}
