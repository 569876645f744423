//! `asaas replay`: which decisions come out otherwise, and how.

use std::fmt::Write;

use controller::decision::{Decision, Step};
use controller::id::TenantName;
use controller::replay::{Account, Difference};
use jiff::Timestamp;

use super::moment;
use crate::problem::counted;

/// So many differences are shown to a person; JSON has more.
const SHOWN: usize = 20;

/// What deciding again has shown.
pub fn account(
    tenant: &TenantName,
    from: Timestamp,
    until: Timestamp,
    account: &Account,
) -> String {
    let Account {
        same,
        different,
        differences,
        untold,
    } = account;
    let mut text = format!(
        "{tenant} from {} to {}, decided again with today's code (asaas {}):\n",
        moment(from),
        moment(until),
        env!("CARGO_PKG_VERSION")
    );
    let _ = writeln!(text, "  {same} the same, byte for byte");
    let _ = writeln!(text, "  {different} different");
    for (why, count) in untold {
        let _ = writeln!(text, "  {count} not told: {}", why.why());
    }
    for difference in differences.iter().take(SHOWN) {
        text.push('\n');
        text.push_str(&one(difference));
    }
    let left_out = different.saturating_sub(SHOWN.min(differences.len()) as u64);
    if left_out > 0 {
        let more = counted(left_out, "more difference");
        let _ = writeln!(
            text,
            "\n… and {more}; `--json` tells the first {}",
            controller::replay::DIFFERENCES
        );
    }
    text
}

/// One decision, as it was and as it would be, line by line.
fn one(difference: &Difference) -> String {
    let Difference {
        seq,
        at,
        recorded,
        again,
    } = difference;
    let number = if recorded.desired == again.desired {
        format!("{} both times", recorded.desired)
    } else {
        format!("{} then, {} today", recorded.desired, again.desired)
    };
    let mut text = format!("{} (entry {seq}): {number}\n", moment(*at));
    let steps = |decision: &Decision| decision.steps.iter().map(step).collect::<Vec<_>>();
    let (then, today) = (steps(recorded), steps(again));
    for line in then.iter().filter(|line| !today.contains(line)) {
        let _ = writeln!(text, "  - {line}");
    }
    for line in today.iter().filter(|line| !then.contains(line)) {
        let _ = writeln!(text, "  + {line}");
    }
    if then == today {
        let parts = difference.parts();
        let _ = writeln!(text, "  every guard says the same; different: {parts:?}");
    }
    text
}

fn step(step: &Step) -> String {
    format!("{} {}: {}", step.guard.name(), step.number, step.note)
}
