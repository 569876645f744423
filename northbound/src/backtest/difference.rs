//! What another policy would change, in words.

use super::report::Run;

/// A change of the cost by less than this share is none.
const SAME_COST: f64 = 0.0005;
/// Points of the load that are no difference.
const SAME_SHARE: f64 = 0.000_05;

/// What changes from one to the other.
pub(super) fn in_words(old: &Run, new: &Run) -> Vec<String> {
    let (from, to) = (&old.score, &new.score);
    let share = to.slo - from.slo;
    let short = if share.abs() < SAME_SHARE {
        format!("leaves as much of the load short: {} %", to.slo)
    } else {
        format!(
            "leaves {:.4} points {} of the load short: {} % instead of {} %",
            share.abs(),
            if share < 0.0 { "less" } else { "more" },
            to.slo,
            from.slo,
        )
    };
    let cost = if from.billed_h > 0.0 {
        to.billed_h / from.billed_h - 1.0
    } else {
        0.0
    };
    let price = if cost.abs() < SAME_COST {
        format!("costs the same: {} instance-hours", to.billed_h)
    } else {
        format!(
            "costs {:.1} % {}: {} instance-hours instead of {}",
            cost.abs() * 100.0,
            if cost < 0.0 { "less" } else { "more" },
            to.billed_h,
            from.billed_h,
        )
    };
    let pace = format!(
        "changes the number {:.2} times an hour instead of {:.2}, and turns at most {} times in an hour instead of {}",
        to.adapt_h,
        from.adapt_h,
        to.turns.max(new.turns_decided),
        from.turns.max(old.turns_decided),
    );
    let is_dearer = cost >= SAME_COST;
    let is_cheaper = cost <= -SAME_COST;
    let verdict = match (share < -SAME_SHARE, share > SAME_SHARE) {
        (true, _) if !is_dearer => "better: less is left short, at no higher cost",
        (_, true) if !is_cheaper => "worse: more is left short, at no lower cost",
        (true, _) => "a trade: less is left short, at a higher cost",
        (_, true) => "a trade: more is left short, at a lower cost",
        _ if is_cheaper => "better: as much is left short, at a lower cost",
        _ if is_dearer => "worse: as much is left short, at a higher cost",
        _ => "no difference that matters",
    };
    let name = |line: String| format!("{} {line}", new.file);
    vec![
        format!("against {}, {verdict}", old.file),
        name(short),
        name(price),
        name(pace),
    ]
}
