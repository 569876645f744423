//! `policy.static`: times at which a number is needed.

use controller::schedule::{Closes, Cron, LONGEST_WINDOW, Opens, Window};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::reader::scalar::{Misfit, Scalar};
use crate::reader::{Section, did_you_mean};
use crate::shape::duration_text;

use super::placement::Bounds;

/// Monday first.
pub(super) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// No zone's name is longer.
const LONGEST_ZONE: usize = 64;

/// Every window; `None` after noting what is wrong with one.
pub(super) fn read_all(policy: &Section<'_>, bounds: Option<&Bounds>) -> Option<Vec<Window>> {
    if !policy.has("static") {
        return Some(Vec::new());
    }
    let items = policy.sections("static")?;
    let windows: Vec<Window> = items.iter().filter_map(|item| read(item, bounds)).collect();
    (windows.len() == items.len()).then_some(windows)
}

fn read(section: &Section<'_>, bounds: Option<&Bounds>) -> Option<Window> {
    let opens = read_opens(section);
    let closes = read_closes(section);
    let instances = section.whole("instances");
    let zone = section.read("zone", zone);
    let zone = match zone {
        Some(zone) => Some(zone.value),
        None if section.has("zone") => None,
        None => Some("UTC".to_owned()),
    };
    if let (Some(instances), Some(bounds)) = (instances, bounds) {
        check_number(section, instances.value, bounds);
    }
    let (opens, closes) = (opens?, closes?);
    check_order(section, &opens, &closes);
    check_length(section, &opens, &closes);
    Some(Window {
        opens,
        closes,
        instances: instances?.value,
        zone: zone?,
    })
}

fn read_opens(section: &Section<'_>) -> Option<Opens> {
    let at = section.read("at", Scalar::time);
    let cron = section.read("cron", cron);
    let on = section.read("on", Scalar::moment);
    let days = if section.has("days") {
        read_days(section)
    } else {
        Some([true; 7])
    };
    let begins = one_of(
        section,
        &["at", "cron", "on"],
        "when it begins",
        "at: \"08:00\"",
    )?;
    if section.has("days") && begins != "at" {
        section.refuse(
            "days",
            format!("`days` goes with `at`, and this window has `{begins}`"),
            match begins {
                "cron" => "say the days in the expression, as in \"0 8 * * mon-fri\"",
                _ => "take it away: the date says the day",
            },
        );
        return None;
    }
    match begins {
        "at" => Some(Opens::Weekly {
            at: at?.value,
            days: days?,
        }),
        "cron" => Some(Opens::Cron(cron?.value)),
        _ => Some(Opens::Once(on?.value)),
    }
}

fn read_closes(section: &Section<'_>) -> Option<Closes> {
    let length = section.duration("for");
    let until = section.read("until", |scalar| {
        if scalar.text.contains('-') {
            scalar.moment().map(Closes::On)
        } else {
            scalar.time().map(Closes::At)
        }
    });
    match one_of(section, &["for", "until"], "when it ends", "for: 10h")? {
        "for" => Some(Closes::After(length?.value)),
        _ => Some(until?.value),
    }
}

/// The one key of these that is given; `None` after noting that there is none, or more.
fn one_of(
    section: &Section<'_>,
    names: &[&'static str],
    what: &str,
    sample: &str,
) -> Option<&'static str> {
    let given: Vec<&'static str> = names
        .iter()
        .copied()
        .filter(|name| section.has(name))
        .collect();
    match given.as_slice() {
        [one] => Some(one),
        [] => {
            section.notes().error(
                section.place,
                format!("the window does not say {what}"),
                format!("add one of {}, as in `{sample}`", names.join(", ")),
            );
            None
        }
        [first, second, ..] => {
            section.notes().error(
                section.key_place(second),
                format!(
                    "the window says twice {what}: by `{second}`, and by `{first}` (line {})",
                    section.key_place(first).line
                ),
                "keep one of them",
            );
            None
        }
    }
}

fn read_days(section: &Section<'_>) -> Option<[bool; 7]> {
    let all = section.read_each("days", DAYS.len(), days)?;
    let mut union = [false; 7];
    for given in all {
        for (day, is_meant) in union.iter_mut().zip(given.value) {
            *day |= is_meant;
        }
    }
    Some(union)
}

/// A moment to end at belongs to a moment to begin at, and lies after it.
fn check_order(section: &Section<'_>, opens: &Opens, closes: &Closes) {
    let Closes::On(end) = closes else { return };
    let Opens::Once(start) = opens else {
        section.refuse(
            "until",
            "a window that opens again and again cannot end on one day",
            "write a time of day, as in \"18:00\", or `on` with a date for a window that opens once",
        );
        return;
    };
    let latest: Option<DateTime> = start.checked_add(LONGEST_WINDOW).ok();
    if end <= start {
        section.refuse(
            "until",
            format!(
                "the window ends before it begins (line {})",
                section.place_of("on").line
            ),
            "exchange them, or correct the date",
        );
    } else if latest.is_none_or(|latest| *end > latest) {
        section.refuse(
            "until",
            format!(
                "the window is longer than {}, the most that is allowed",
                duration_text(LONGEST_WINDOW)
            ),
            "write several windows, one after the other, or raise `instances.min`",
        );
    }
}

/// Who writes the same time twice may mean none of the day, and gets all of it.
fn check_length(section: &Section<'_>, opens: &Opens, closes: &Closes) {
    if let (Opens::Weekly { at, .. }, Closes::At(until)) = (opens, closes)
        && at == until
    {
        section.notes().warning(
            section.place_of("until"),
            format!(
                "the window ends at the time at which it begins (line {}), so it lasts 24h",
                section.place_of("at").line
            ),
            "write `for: 24h` if that is meant, or correct the time",
        );
    }
}

fn check_number(section: &Section<'_>, instances: u32, bounds: &Bounds) {
    let (min, max) = (bounds.min, bounds.max);
    if instances > max.value {
        section.refuse(
            "instances",
            format!(
                "a window asks for {}, `instances.max` is {} (line {})",
                counted(instances),
                max.value,
                max.place.line
            ),
            "raise `max`, or ask for fewer",
        );
    } else if instances <= min.value {
        section.notes().warning(
            section.place_of("instances"),
            format!(
                "a window asks for {}, and `instances.min` is {} at all times (line {})",
                counted(instances),
                min.value,
                min.place.line
            ),
            "lower `min`, ask for more, or take the window away",
        );
    }
}

fn counted(instances: u32) -> String {
    match instances {
        1 => "1 instance".to_owned(),
        _ => format!("{instances} instances"),
    }
}

fn cron(scalar: &Scalar<'_>) -> Result<Cron, Misfit> {
    scalar
        .text
        .parse()
        .map_err(|error: controller::schedule::CronError| {
            Misfit::new(format!("a cron expression ({error})"), error.hint())
        })
}

/// `mon`, `mon-fri`, `sat-mon`, `daily`.
fn days(scalar: &Scalar<'_>) -> Result<[bool; 7], Misfit> {
    let refused = || {
        Misfit::new(
            "days of the week",
            "write `mon-fri`, `[mon, wed]` or `daily`, with mon tue wed thu fri sat sun",
        )
    };
    if scalar.text == "daily" {
        return Ok([true; 7]);
    }
    let number = |name: &str| DAYS.iter().position(|day| *day == name).ok_or_else(refused);
    let (first, last) = scalar
        .text
        .split_once('-')
        .unwrap_or((scalar.text, scalar.text));
    let (first, last) = (number(first)?, number(last)?);
    let mut meant = [false; 7];
    let mut day = first;
    while day != last {
        meant[day] = true;
        day = (day + 1) % DAYS.len();
    }
    meant[last] = true;
    Ok(meant)
}

/// The name of a time zone, spelt as its database spells it.
fn zone(scalar: &Scalar<'_>) -> Result<String, Misfit> {
    let text = scalar.text;
    let is_name = text.len() <= LONGEST_ZONE
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
    let found = is_name.then(|| TimeZone::get(text).ok()).flatten();
    match found.as_ref().and_then(TimeZone::iana_name) {
        Some(name) => Ok(name.to_owned()),
        None => Err(Misfit::new("an IANA time zone", nearest_zone(text))),
    }
}

fn nearest_zone(text: &str) -> String {
    let names: Vec<String> = jiff::tz::db()
        .available()
        .map(|name| name.to_string())
        .filter(|name| name.len().abs_diff(text.len()) <= 3)
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let hint = did_you_mean(text, &names);
    if hint.starts_with("did") {
        hint
    } else {
        "write a name like Europe/Berlin, America/New_York or UTC".to_owned()
    }
}
