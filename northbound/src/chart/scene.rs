//! What is on a chart: plain numbers over seconds, made from the rows. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::period::{self, Period};
use super::rows::{ActionRow, DecisionRow, LoadRow, MetricRow};

/// A point of a line: seconds since the chart begins, and a value.
pub(super) type Point = (f64, f64);

/// What the rows of a span say.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// From the beginning of all, so that what ran when the chart begins is known.
    pub(super) actions: Vec<ActionRow>,
    pub(super) metrics: Vec<MetricRow>,
    pub(super) decisions: Vec<DecisionRow>,
    pub(super) load: Option<Vec<LoadRow>>,
}

/// What is on a chart.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Scene {
    pub(super) tenant: String,
    pub(super) begins: Timestamp,
    /// In seconds.
    pub(super) length: f64,
    pub(super) load: Load,
    pub(super) response: Option<Response>,
    pub(super) clouds: Vec<String>,
    /// How many instances of each cloud are in service from this moment on.
    pub(super) in_service: Vec<(f64, Vec<u32>)>,
    pub(super) desired: Vec<Point>,
    /// The least and the most that are allowed, from each moment on; empty where the log does not say them.
    pub(super) bounds: Vec<(f64, u32, u32)>,
    pub(super) metric: Option<Metric>,
    pub(super) marks: Vec<Mark>,
    pub(super) periods: Vec<Period>,
}

/// What came in.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Load {
    /// Requests per second, or new connections where no generator was asked.
    pub(super) rate: Vec<Point>,
    /// Under way at the same time.
    pub(super) concurrent: Vec<Point>,
    pub(super) is_measured_by_generator: bool,
}

/// How long answers took, in milliseconds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Response {
    pub(super) mean: Vec<Point>,
    pub(super) p50: Vec<Point>,
    pub(super) p99: Vec<Point>,
    /// Requests that failed, and that were tried again.
    pub(super) failed: Vec<Point>,
    pub(super) retried: Vec<Point>,
}

/// What the number of instances follows.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Metric {
    pub(super) name: String,
    /// A share of one, shown in percent.
    pub(super) is_share: bool,
    /// Broken where it was not known.
    pub(super) average: Vec<Vec<Point>>,
    pub(super) threshold: Vec<Point>,
    pub(super) by_instance: Vec<Vec<Point>>,
}

/// Something was done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    pub(super) at: f64,
    pub(super) kind: MarkKind,
    /// Index of the cloud.
    pub(super) cloud: Option<usize>,
}

/// What was done; each kind has a shape and a row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MarkKind {
    /// An instance was ordered, and its cloud did not refuse it.
    Launched,
    /// It serves.
    InService,
    /// It gets no new connections.
    Draining,
    /// It broke, and is replaced.
    Lost,
    /// It is removed.
    Gone,
    /// A cloud said no.
    Refused,
}

impl MarkKind {
    pub(super) const ALL: [Self; 6] = [
        Self::Launched,
        Self::InService,
        Self::Draining,
        Self::Lost,
        Self::Gone,
        Self::Refused,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Launched => "launched",
            Self::InService => "in service",
            Self::Draining => "draining",
            Self::Lost => "broken, replaced",
            Self::Gone => "gone",
            Self::Refused => "cloud refused",
        }
    }

    fn of(row: &ActionRow) -> Option<Self> {
        let is_broken = || {
            row.from.as_deref() != Some("draining")
                && ["died", "unhealthy", "never_healthy"]
                    .contains(&row.cause.as_deref().unwrap_or_default())
        };
        match (row.action.as_str(), row.to.as_deref()?) {
            (_, "intent") => Some(Self::Launched),
            (_, "in_service") => Some(Self::InService),
            // What breaks is first drained of its connections, or removed at once where it is dead.
            (_, "draining") if !is_broken() => Some(Self::Draining),
            (_, "draining" | "terminating") if is_broken() => Some(Self::Lost),
            (_, "gone") => Some(Self::Gone),
            ("fail", _) => Some(Self::Refused),
            _ => None,
        }
    }
}

/// Makes the scene of what lies between two moments.
pub(super) fn scene(tenant: &str, rows: &Rows, begins: Timestamp, ends: Timestamp) -> Scene {
    let length = seconds(begins, ends);
    let at = |time: Timestamp| seconds(begins, time);
    let is_inside = |t: f64| (0.0..=length).contains(&t);
    let clouds = clouds(&rows.actions);
    let metric_rows: Vec<(f64, &MetricRow)> = rows
        .metrics
        .iter()
        .map(|row| (at(row.time), row))
        .filter(|(t, _)| is_inside(*t))
        .collect();
    let load_rows: Option<Vec<(f64, &LoadRow)>> = rows.load.as_ref().map(|rows| {
        rows.iter()
            .map(|row| (at(row.time), row))
            .filter(|(t, _)| is_inside(*t))
            .collect()
    });
    let load = match &load_rows {
        Some(rows) => generated(rows),
        None => counted(&metric_rows),
    };
    let periods = match &load_rows {
        Some(rows) => period::of_segments(rows),
        None => period::of_rate(&load.rate),
    };
    let decisions: Vec<(f64, &DecisionRow)> = rows
        .decisions
        .iter()
        .map(|row| (at(row.time), row))
        .filter(|(t, _)| is_inside(*t))
        .collect();
    Scene {
        tenant: tenant.to_owned(),
        begins,
        length,
        load,
        response: load_rows.as_deref().map(response),
        in_service: in_service(&rows.actions, &clouds, begins, length),
        desired: decisions
            .iter()
            .map(|(t, row)| (*t, f64::from(row.desired)))
            .collect(),
        bounds: decisions
            .iter()
            .filter_map(|(t, row)| Some((*t, row.min?, row.max?)))
            .collect(),
        metric: metric(&decisions, &metric_rows),
        marks: marks(&rows.actions, &clouds, begins)
            .filter(|mark| is_inside(mark.at))
            .collect(),
        clouds,
        periods,
    }
}

/// Seconds from one moment to another.
pub(super) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// The clouds, in the order in which they were first used: with priorities that is their order of preference.
fn clouds(actions: &[ActionRow]) -> Vec<String> {
    let mut clouds: Vec<String> = Vec::new();
    for cloud in actions
        .iter()
        .filter(|row| row.action == "launch")
        .filter_map(|row| row.cloud.as_ref())
    {
        if !clouds.contains(cloud) {
            clouds.push(cloud.clone());
        }
    }
    clouds
}

fn in_service(
    actions: &[ActionRow],
    clouds: &[String],
    begins: Timestamp,
    length: f64,
) -> Vec<(f64, Vec<u32>)> {
    let mut counts = vec![0_u32; clouds.len()];
    let mut steps = vec![(0.0, counts.clone())];
    for row in actions {
        let Some(cloud) = cloud_of(row, clouds) else {
            continue;
        };
        if row.to.as_deref() == Some("in_service") {
            counts[cloud] += 1;
        } else if row.from.as_deref() == Some("in_service") {
            counts[cloud] = counts[cloud].saturating_sub(1);
        } else {
            continue;
        }
        let t = seconds(begins, row.time);
        if t > length {
            break;
        }
        if t <= 0.0 {
            steps[0].1.clone_from(&counts);
        } else {
            steps.push((t, counts.clone()));
        }
    }
    steps.push((
        length,
        steps.last().map_or(Vec::new(), |last| last.1.clone()),
    ));
    steps
}

fn cloud_of(row: &ActionRow, clouds: &[String]) -> Option<usize> {
    let name = row.cloud.as_ref()?;
    clouds.iter().position(|cloud| cloud == name)
}

fn marks(
    actions: &[ActionRow],
    clouds: &[String],
    begins: Timestamp,
) -> impl Iterator<Item = Mark> {
    // One refusal is told twice: by the cloud, and as the end of the instance that it would have been.
    let told: BTreeSet<&str> = actions
        .iter()
        .filter(|row| row.action == "refusal")
        .filter_map(|row| row.why.as_deref())
        .collect();
    let never_began: BTreeSet<&str> = actions
        .iter()
        .filter(|row| row.to.as_deref() == Some("failed"))
        .filter_map(|row| row.instance.as_deref())
        .collect();
    actions.iter().filter_map(move |row| {
        let kind = match row.action.as_str() {
            "refusal" => MarkKind::Refused,
            _ => MarkKind::of(row)?,
        };
        let is_in = |set: &BTreeSet<&str>, text: &Option<String>| {
            text.as_deref().is_some_and(|text| set.contains(text))
        };
        match kind {
            MarkKind::Launched if is_in(&never_began, &row.instance) => return None,
            MarkKind::Refused if row.action == "fail" && is_in(&told, &row.why) => return None,
            _ => {}
        }
        Some(Mark {
            at: seconds(begins, row.time),
            kind,
            cloud: cloud_of(row, clouds),
        })
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no chart shows the fifteenth digit"
)]
fn generated(rows: &[(f64, &LoadRow)]) -> Load {
    // A row tells of the second that begins at its time; what is under way is that at the second's end.
    Load {
        rate: rows.iter().map(|(t, row)| (*t, row.sent as f64)).collect(),
        concurrent: rows
            .iter()
            .map(|(t, row)| (t + 1.0, row.in_flight as f64))
            .collect(),
        is_measured_by_generator: true,
    }
}

/// What the load balancer has counted, summed over all instances.
fn counted(rows: &[(f64, &MetricRow)]) -> Load {
    let sum = |name: &str| {
        let mut sums: BTreeMap<u64, Point> = BTreeMap::new();
        for (t, row) in rows {
            if row.metric == name && row.instance.is_some() {
                sums.entry(row.seq).or_insert((*t, 0.0)).1 += row.value;
            }
        }
        sums.into_values().collect()
    };
    Load {
        rate: sum("connections_per_second"),
        concurrent: sum("connections"),
        is_measured_by_generator: false,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no chart shows the fifteenth digit"
)]
fn response(rows: &[(f64, &LoadRow)]) -> Response {
    let latency = |value: fn(&LoadRow) -> f64| {
        rows.iter()
            .filter(|(_, row)| row.ok > 0)
            .map(|(t, row)| (t + 0.5, value(row)))
            .collect()
    };
    let count = |value: fn(&LoadRow) -> u64| {
        rows.iter()
            .map(|(t, row)| (t + 0.5, value(row) as f64))
            .filter(|(_, count)| *count > 0.0)
            .collect()
    };
    Response {
        mean: latency(|row| row.mean_ms),
        p50: latency(|row| row.p50_ms),
        p99: latency(|row| row.p99_ms),
        failed: count(|row| row.failed),
        retried: count(|row| row.retried),
    }
}

fn metric(decisions: &[(f64, &DecisionRow)], rows: &[(f64, &MetricRow)]) -> Option<Metric> {
    let name = decisions
        .iter()
        .rev()
        .find_map(|(_, row)| row.metric.clone())?;
    let mut average: Vec<Vec<Point>> = vec![Vec::new()];
    for (t, row) in decisions {
        match (row.average, average.last_mut()) {
            (Some(value), Some(line)) => line.push((*t, value)),
            _ => average.push(Vec::new()),
        }
    }
    average.retain(|line| !line.is_empty());
    let mut by_instance: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
    for (t, row) in rows.iter().filter(|(_, row)| row.metric == name) {
        if let Some(instance) = &row.instance {
            by_instance
                .entry(instance)
                .or_default()
                .push((*t, row.value));
        }
    }
    Some(Metric {
        is_share: ["cpu", "memory"].contains(&name.as_str()),
        name,
        average,
        threshold: decisions
            .iter()
            .filter_map(|(t, row)| Some((*t, row.threshold?)))
            .collect(),
        by_instance: by_instance.into_values().collect(),
    })
}
