//! `asaas validate`

use controller::schedule::{Opens, Window};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::document;
use crate::cli::{Global, ValidateArgs};
use crate::exit::{CommandError, Exit};
use crate::tenant_file;

pub(super) fn run(global: &Global, args: &ValidateArgs) -> Result<Exit, CommandError> {
    let config = super::configuration(global)?;
    let document = document::read(&config, &args.file)?;
    let (problems, spec) = match tenant_file::read(&document.text, &document.file, &config.known())
    {
        Ok(reading) => (reading.warnings, Some(reading.spec)),
        Err(problems) => (problems, None),
    };
    if args.json {
        super::print_json(&problems.to_json())?;
    } else {
        super::tell(&problems);
    }
    match spec {
        Some(spec) => {
            let tenant = &spec.tenant;
            document::warn_misnamed(&document, tenant);
            let now = Timestamp::now();
            for window in spec.policy.windows.iter().filter(|one| is_over(one, now)) {
                super::say(&format!(
                    "warning: the window `{window}` is over and never opens again"
                ));
            }
            super::say(&format!("{}: tenant `{tenant}` is in order", document.file));
            Ok(Exit::Ok)
        }
        None => Err(CommandError::new(
            Exit::BadInput,
            format!("{} cannot be used", document.file),
        )),
    }
}

/// Whether the window opened once, and that has passed. The reader of files knows no clock, so it cannot tell.
fn is_over(window: &Window, now: Timestamp) -> bool {
    let Opens::Once(start) = window.opens else {
        return false;
    };
    let start = TimeZone::get(&window.zone).and_then(|zone| zone.to_timestamp(start));
    start.is_ok_and(|start| start < now) && !window.is_open(now)
}

#[cfg(test)]
mod tests {
    use controller::schedule::Closes;
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_window_that_opens_once_is_over_when_it_has_closed() {
        let window = Window {
            opens: Opens::Once("2026-12-24T08:00".parse().unwrap()),
            closes: Closes::After(SignedDuration::from_hours(2)),
            instances: 4,
            zone: "Europe/Berlin".to_owned(),
        };
        let over = |at: &str| is_over(&window, at.parse().unwrap());

        assert!(!over("2026-12-24T06:59:59Z"), "to come");
        assert!(!over("2026-12-24T08:59:59Z"), "open");
        assert!(over("2026-12-24T09:00:00Z"));
    }
}
