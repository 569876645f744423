//! The page: one table of everybody, one at an equal share of missed load, and every trace of ours.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::Run;
use super::ours::KINDS;

/// The columns of the others' tables that are shown, in this order.
const COLUMNS: [&str; 10] = [
    "theta_u", "theta_o", "tau_u", "tau_o", "upsilon", "sigma", "slo", "lost", "over", "adapt_h",
];
/// What is compared pair by pair: on these less is better.
const COMPETED: usize = 5;
/// The shares of missed load at which costs are compared, in percent.
const LIMITS: [f64; 4] = [5.0, 2.0, 1.0, 0.5];
/// The share that a goal of 99 % may miss.
const GOAL_LIMIT: f64 = 1.0;

/// The figures of one policy on one trace, by [`COLUMNS`].
type Figures = [f64; COLUMNS.len()];

/// What the others reach.
#[derive(Debug)]
pub(crate) struct Others {
    runs: Vec<(String, String, Figures)>,
    sweep: Vec<Point>,
}

/// What one setting of a policy reaches on one trace.
#[derive(Debug, Clone)]
struct Point {
    policy: String,
    trace: String,
    knob: f64,
    /// The share of the load that is missed, in percent.
    slo: f64,
    /// The cost over the oracle's.
    over: f64,
}

impl Others {
    /// Reads their tables.
    pub(crate) fn read(folder: &Path) -> Self {
        let rows = |name: &str| {
            let text = fs::read_to_string(folder.join(name)).unwrap();
            let mut lines = text
                .lines()
                .map(|line| line.split(',').map(str::to_owned).collect::<Vec<String>>());
            let header = lines.next().unwrap();
            let rows: Vec<BTreeMap<String, String>> = lines
                .map(|row| header.iter().cloned().zip(row).collect())
                .collect();
            rows
        };
        let number = |row: &BTreeMap<String, String>, column: &str| row[column].parse().unwrap();
        Self {
            runs: rows("shared_runs.csv")
                .iter()
                .map(|row| {
                    let figures = COLUMNS.map(|column| number(row, column));
                    (row["policy"].clone(), row["trace"].clone(), figures)
                })
                .collect(),
            sweep: rows("shared_sweep.csv")
                .iter()
                .map(|row| Point {
                    policy: row["policy"].clone(),
                    trace: row["trace"].clone(),
                    knob: number(row, "rho"),
                    slo: number(row, "slo"),
                    over: number(row, "over"),
                })
                .collect(),
        }
    }
}

/// The whole page.
pub(crate) fn page(runs: &[Run], others: Option<&Others>) -> String {
    let mut all: Vec<(String, String, Figures)> =
        others.map(|others| others.runs.clone()).unwrap_or_default();
    let usual = runs.iter().filter(|run| run.knob.is_none());
    all.extend(usual.map(|run| (run.policy.to_owned(), run.trace.clone(), figures(run))));
    let mut sweep: Vec<Point> = others
        .map(|others| others.sweep.clone())
        .unwrap_or_default();
    sweep.extend(runs.iter().filter_map(|run| {
        Some(Point {
            policy: run.policy.to_owned(),
            trace: run.trace.clone(),
            knob: run.knob?,
            slo: run.score.slo,
            over: run.score.over,
        })
    }));

    let mut page = head();
    page.push_str(&everybody(&all));
    page.push_str(&at_equal_share(&sweep, &all));
    page.push_str(&beside_the_formula(runs, &sweep));
    for kind in &KINDS {
        let of_kind = runs
            .iter()
            .filter(|run| run.policy == kind.name && run.knob.is_none());
        page.push_str(&trace_by_trace(kind.name, &of_kind.collect::<Vec<_>>()));
    }
    page
}

fn head() -> String {
    let mut page = "\
# Policies

What our policies and those of others reach on a folder of load traces: the same decision code as in service, tried by
`asaas backtest`. One setting for all traces, a decision every 60 s, 120 s from the wish for an instance to its service. A
decision sees the load up to the tick before, and nothing else of the trace but what an instance carries. This page is
written by

```
make policies ASAAS_TRACES=<a folder of traces> ASAAS_SCORER=<a folder with shared_runs.csv and shared_sweep.csv>
```

| policy | `policy.dynamic` in the tenant's file, with `instances: { min: 1, max: 1000 }` |
|---|---|
"
    .to_owned();
    for kind in &KINDS {
        let _ = writeln!(page, "| **{}** | `{}` |", kind.name, kind.yaml);
    }
    page.push_str(
        "\nOne trace by hand, with `# vm_capacity` of the trace: `asaas backtest goal.yml --trace TRACE.csv --capacity C`.\n",
    );
    page
}

fn figures(run: &Run) -> Figures {
    let score = &run.score;
    [
        score.theta_u,
        score.theta_o,
        score.tau_u,
        score.tau_o,
        score.upsilon,
        score.sigma,
        score.slo,
        score.lost,
        score.over,
        score.adapt_h,
    ]
}

fn policies(all: &[(String, String, Figures)]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (policy, _, _) in all {
        if !names.contains(&policy.as_str()) {
            names.push(policy);
        }
    }
    names
}

fn is_ours(policy: &str) -> bool {
    KINDS.iter().any(|kind| kind.name == policy)
}

/// A name; ours stand out.
fn shown(policy: &str) -> String {
    if is_ours(policy) {
        format!("**{policy}**")
    } else {
        policy.to_owned()
    }
}

fn everybody(all: &[(String, String, Figures)]) -> String {
    let mut text = "
## Everybody, as they are

The mean of all traces; the worst trace of each beside it, since a mean hides it. θ, τ, υ and σ are the elasticity metrics of
SPEC RG Cloud, SLO the share of the load that met too little capacity, κ the share of pairwise comparisons that are won.

| policy | θU % | θO % | τU % | τO % | υ % | σ | SLO % | worst SLO % (trace) | lost % | billed/oracle | worst (trace) | actions/h | κ % |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
"
    .to_owned();
    let won = competition(all);
    for policy in policies(all) {
        let of: Vec<&(String, String, Figures)> =
            all.iter().filter(|run| run.0 == policy).collect();
        let mean =
            |column: usize| of.iter().map(|run| run.2[column]).sum::<f64>() / of.len() as f64;
        let worst = |column: usize| {
            let worst = of.iter().max_by(|a, b| a.2[column].total_cmp(&b.2[column]));
            worst.map_or((0.0, ""), |run| (run.2[column], run.1.as_str()))
        };
        let ((slo, slo_at), (over, over_at)) = (worst(6), worst(8));
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.1} | {:.2} | {:.1} | {:.1} | {:.1} | {:.2} | {slo:.2} ({slo_at}) | {:.2} | {:.3} | {over:.3} ({over_at}) | {:.1} | {:.1} |",
            shown(policy),
            mean(0),
            mean(1),
            mean(2),
            mean(3),
            mean(4),
            mean(5),
            mean(6),
            mean(7),
            mean(8),
            mean(9),
            won.get(policy).copied().unwrap_or(0.0),
        );
    }
    text
}

/// The share of (rival, metric) pairs that a policy wins, a tie half, on average over the traces; in percent.
fn competition(all: &[(String, String, Figures)]) -> BTreeMap<&str, f64> {
    let mut points: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (policy, trace, mine) in all {
        let rivals = all.iter().filter(|run| run.1 == *trace && run.0 != *policy);
        let won: Vec<f64> = rivals
            .flat_map(|rival| (0..COMPETED).map(move |column| (mine[column], rival.2[column])))
            .map(|(mine, theirs)| match mine - theirs {
                gap if gap < -1e-12 => 1.0,
                gap if gap > 1e-12 => 0.0,
                _ => 0.5,
            })
            .collect();
        let share = 100.0 * won.iter().sum::<f64>() / won.len().max(1) as f64;
        points.entry(policy).or_default().push(share);
    }
    points
        .into_iter()
        .map(|(policy, shares)| (policy, shares.iter().sum::<f64>() / shares.len() as f64))
        .collect()
}

fn at_equal_share(sweep: &[Point], all: &[(String, String, Figures)]) -> String {
    let mut text = "
## The cost at an equal share of missed load

Billed instance-hours over the oracle's, the mean of all traces, where the mean share of load that met too little capacity is
as the column says: one knob for all traces is turned until it is, and what lies between two settings is interpolated. In
brackets the knob.

| policy | SLO 5 % | 2 % | 1 % | 0.5 % |
|---|---|---|---|---|
"
    .to_owned();
    for policy in policies(all) {
        let cells = LIMITS.map(|limit| {
            match equal(sweep.iter().filter(|point| point.policy == policy), limit) {
                Some((knob, over)) => {
                    let name = KINDS.iter().find(|kind| kind.name == policy);
                    format!(
                        "{over:.3} ({} {knob:.4})",
                        name.map_or("ρ", |kind| kind.knob)
                    )
                }
                None => "not reached".to_owned(),
            }
        });
        let _ = writeln!(text, "| {} | {} |", shown(policy), cells.join(" | "));
    }
    text
}

/// The least mean cost of one knob for all traces with a mean missed share of at most so much, knobs interpolated.
fn equal<'a>(sweep: impl Iterator<Item = &'a Point>, limit: f64) -> Option<(f64, f64)> {
    let mut by_knob: Vec<(f64, f64, f64, f64)> = Vec::new();
    for Point {
        knob, slo, over, ..
    } in sweep
    {
        match by_knob.iter_mut().find(|sums| (sums.0 - knob).abs() < 1e-9) {
            Some(sums) => *sums = (sums.0, sums.1 + slo, sums.2 + over, sums.3 + 1.0),
            None => by_knob.push((*knob, *slo, *over, 1.0)),
        }
    }
    let mut points: Vec<(f64, f64, f64)> = by_knob
        .into_iter()
        .map(|(knob, slo, over, count)| (knob, slo / count, over / count))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let between = points.windows(2).filter_map(|pair| {
        let ((k0, s0, o0), (k1, s1, o1)) = (pair[0], pair[1]);
        let weight = (limit - s0) / (s1 - s0);
        ((s0 - limit) * (s1 - limit) < 0.0).then_some((
            k0 + weight * (k1 - k0),
            limit,
            o0 + weight * (o1 - o0),
        ))
    });
    let met = points.iter().copied().chain(between);
    met.filter(|point| point.1 <= limit + 1e-9)
        .min_by(|a, b| a.2.total_cmp(&b.2))
        .map(|(knob, _, over)| (knob, over))
}

/// The cost of the goal as it is beside that of the plain formula at the same missed share, on each trace by itself.
fn beside_the_formula(runs: &[Run], sweep: &[Point]) -> String {
    let mut text = "
## The goal beside the plain formula, trace by trace

The cost of `goal` as it is, and of `threshold` (the plain formula `ceil(n × metric ÷ threshold)`), whose knob is turned for each
trace by itself, with hindsight, until it misses as much.

| trace | SLO % | goal | threshold at that share | goal costs |
|---|---|---|---|---|
"
    .to_owned();
    for run in runs
        .iter()
        .filter(|run| run.policy == "goal" && run.knob.is_none())
    {
        let (slo, over) = (run.score.slo, run.score.over);
        let formula = sweep
            .iter()
            .filter(|point| point.policy == "threshold" && point.trace == run.trace);
        let (cost, difference) = match equal(formula, slo) {
            Some((_, cost)) => (
                format!("{cost:.3}"),
                format!("{:+.1} %", 100.0 * (over / cost - 1.0)),
            ),
            None => ("not reached".to_owned(), String::new()),
        };
        let _ = writeln!(
            text,
            "| {} | {slo:.2} | {over:.3} | {cost} | {difference} |",
            run.trace
        );
    }
    text
}

fn trace_by_trace(name: &str, runs: &[&Run]) -> String {
    let count = runs.len().max(1) as f64;
    let mean = |of: fn(&Run) -> f64| runs.iter().map(|run| of(run)).sum::<f64>() / count;
    let worst = |of: fn(&Run) -> f64| runs.iter().map(|run| of(run)).fold(0.0, f64::max);
    let mark = |value: f64, worst: f64, text: String| {
        if value >= worst && worst > 0.0 {
            format!("**{text}** worst")
        } else {
            text
        }
    };
    let within = runs
        .iter()
        .filter(|run| run.score.slo <= GOAL_LIMIT)
        .count();
    let mut text = format!(
        "
## {name}, trace by trace

{within} of {} traces miss at most {GOAL_LIMIT} % of their load; the mean cost is {:.3}.

| trace | SLO % | lost % | billed/oracle | instance-hours billed | actions/h | most turns in an hour |
|---|---|---|---|---|---|---|
",
        runs.len(),
        mean(|run| run.score.over),
    );
    for run in runs {
        let score = &run.score;
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} | {} | {:.0} | {:.2} | {} |",
            run.trace,
            mark(
                score.slo,
                worst(|run| run.score.slo),
                format!("{:.2}", score.slo)
            ),
            score.lost,
            mark(
                score.over,
                worst(|run| run.score.over),
                format!("{:.3}", score.over)
            ),
            score.billed_h,
            score.adapt_h,
            mark(
                f64::from(run.turns),
                worst(|run| f64::from(run.turns)),
                run.turns.to_string()
            ),
        );
    }
    text
}
