//! Somebody who watches the clocks of a zone, minute by minute, for longer than any window lasts, and writes down when a window
//! begins and ends. Minutes are counted from 1970: real ones, and those that the clocks show.

use std::collections::BTreeSet;

use controller::schedule::Closes;
use jiff::civil::{DateTime, Time, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::windows::{Asked, Begins};

const DAY: i64 = 24 * 60;
const LONGEST: i64 = 7 * DAY;

pub(crate) struct Watch<'a> {
    asked: &'a Asked,
    zone: TimeZone,
    now: i64,
    /// The latest that the clocks have shown.
    seen: i64,
    /// Open until this real minute, by length.
    until: i64,
    /// Open until the clocks show one of these.
    ends: BTreeSet<i64>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(asked: &'a Asked, from: Timestamp) -> Self {
        let zone = TimeZone::get(asked.zone).unwrap();
        let now = from.as_second() / 60 - 9 * DAY;
        let mut watch = Self {
            asked,
            zone,
            now,
            seen: i64::MIN,
            until: i64::MIN,
            ends: BTreeSet::new(),
        };
        watch.seen = watch.shown();
        watch
    }

    /// Whether the window is open at a whole minute, which does not lie before any that was asked about.
    pub(crate) fn is_open_at(&mut self, moment: Timestamp) -> bool {
        while self.now < moment.as_second() / 60 {
            self.now += 1;
            self.look();
        }
        self.now < self.until || !self.ends.is_empty()
    }

    fn shown(&self) -> i64 {
        let now = Timestamp::from_second(self.now * 60).unwrap();
        self.now + i64::from(self.zone.to_offset(now).seconds()) / 60
    }

    /// One minute: what the clocks show now, and all that they skipped to come here.
    fn look(&mut self) {
        let shown = self.shown();
        if shown > self.seen {
            let news = self.seen + 1..=shown;
            self.ends.retain(|end| !news.contains(end));
            for minute in news.clone() {
                if self.begins(minute) {
                    self.open(minute, *news.end());
                }
            }
            self.seen = shown;
        } else {
            self.ends.remove(&shown);
            if self.repeats() && self.begins(shown) {
                self.open(shown, shown);
            }
        }
    }

    /// Opens the window that was to begin when the clocks show `minute`; they show `shown`.
    fn open(&mut self, minute: i64, shown: i64) {
        match &self.asked.closes {
            Closes::After(length) => {
                let length = length.as_mins().min(LONGEST);
                self.until = self.until.max(self.now + length);
            }
            Closes::At(time) => {
                let of_day = minutes(*time);
                let today = minute - minute.rem_euclid(DAY) + of_day;
                let end = if today > minute { today } else { today + DAY };
                if end > shown {
                    self.ends.insert(end);
                }
            }
            Closes::On(moment) => {
                // It opens once, so nothing has to be forgotten: from here to there, or for the longest time.
                let end = civil(*moment);
                let ends_at =
                    (self.now..=self.now + LONGEST).find(|now| self.shown_at(*now) >= end);
                if end > shown {
                    self.until = ends_at.unwrap_or(self.now + LONGEST);
                }
            }
        }
    }

    fn shown_at(&self, now: i64) -> i64 {
        let moment = Timestamp::from_second(now * 60).unwrap();
        now + i64::from(self.zone.to_offset(moment).seconds()) / 60
    }

    fn repeats(&self) -> bool {
        match &self.asked.opens {
            Begins::Cron([minute, hour, ..]) => {
                minute.begins_with_a_star() || hour.begins_with_a_star()
            }
            Begins::Weekly { .. } | Begins::Once(_) => false,
        }
    }

    /// Whether the window was to begin when the clocks show this minute.
    fn begins(&self, minute: i64) -> bool {
        let (day, of_day) = (minute.div_euclid(DAY), minute.rem_euclid(DAY));
        // 1 January 1970 was a Thursday.
        let (from_monday, from_sunday) = ((day + 3).rem_euclid(7), (day + 4).rem_euclid(7));
        match &self.asked.opens {
            Begins::Weekly { minute, days } => {
                i64::from(*minute) == of_day && days[usize::try_from(from_monday).unwrap()]
            }
            Begins::Once(moment) => civil(*moment) == minute,
            Begins::Cron([minutes, hours, days, months, weekdays]) => {
                let number = |value: i64| u32::try_from(value).unwrap();
                if !minutes.has(number(of_day % 60), 0) || !hours.has(number(of_day / 60), 0) {
                    return false;
                }
                let date = date(1970, 1, 1) + SignedDuration::from_hours(24 * day);
                let is_day = days.has(number(date.day().into()), 1);
                let is_weekday = weekdays.has(number(from_sunday), 0);
                let every = super::windows::Part::Every;
                months.has(number(date.month().into()), 1)
                    && if *days == every || *weekdays == every {
                        is_day && is_weekday
                    } else {
                        is_day || is_weekday
                    }
            }
        }
    }
}

fn minutes(time: Time) -> i64 {
    i64::from(time.hour()) * 60 + i64::from(time.minute())
}

fn civil(moment: DateTime) -> i64 {
    let days = moment.date().duration_since(date(1970, 1, 1)).as_hours() / 24;
    days * DAY + minutes(moment.time())
}
