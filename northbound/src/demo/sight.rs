//! What can be seen of the demo while it goes on: the service's own word, and the last second of the load.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use controller::id::{CloudName, InstanceId, TenantName};
use controller::instance::Phase;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::watch;

use super::screen::Screen;
use crate::api::TenantReport;
use crate::client::Client;

/// From one look to the next.
const LOOK: Duration = Duration::from_millis(200);

/// What can be seen at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sight {
    /// `None` until the service has been asked.
    pub(super) tenant: Option<Tenant>,
    /// `None` until there is load.
    pub(super) load: Option<Load>,
}

/// The tenant, as the service shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tenant {
    pub(super) desired: u32,
    pub(super) is_settled: bool,
    pub(super) clouds: Vec<CloudName>,
    pub(super) instances: BTreeMap<InstanceId, (CloudName, Phase)>,
    /// The metric's average and threshold, in words.
    pub(super) metric: String,
}

/// The load, second by second.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Load {
    pub(super) seconds: Vec<Second>,
}

/// One second of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Second {
    pub(super) time: Timestamp,
    pub(super) segment: String,
    pub(super) sent: u64,
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) retried: u64,
    pub(super) p99_ms: f64,
}

impl Tenant {
    pub(super) fn in_service(&self) -> usize {
        self.instances
            .values()
            .filter(|(_, phase)| *phase == Phase::InService)
            .count()
    }

    /// Exactly so many exist, and all of them serve.
    pub(super) fn is_exactly(&self, count: usize) -> bool {
        self.instances.len() == count && self.in_service() == count
    }

    fn of(report: &TenantReport) -> Self {
        let status = &report.status;
        let metric = status.metric.as_ref().map_or_else(String::new, |metric| {
            let average = metric.average.map_or_else(
                || "not known yet".to_owned(),
                |value| percent(value.millionths()),
            );
            let threshold = metric.threshold.map_or_else(String::new, |threshold| {
                format!(" of {}", percent(threshold.millionths()))
            });
            format!("{} {average}{threshold}", metric.metric)
        });
        Self {
            desired: status
                .decision
                .as_ref()
                .map_or(0, |decision| decision.desired),
            is_settled: status.is_settled,
            clouds: status
                .clouds
                .iter()
                .map(|cloud| cloud.name.clone())
                .collect(),
            instances: status
                .instances
                .iter()
                .map(|seen| {
                    let instance = &seen.instance;
                    (instance.id, (instance.cloud.clone(), instance.phase))
                })
                .collect(),
            metric,
        }
    }
}

fn percent(millionths: u64) -> String {
    format!("{} %", (millionths + 5_000) / 10_000)
}

impl Load {
    /// What the generator has written so far. A row that is just being written is not one yet.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let whole = &text[..=text.rfind('\n')?];
        let mut reader = csv::Reader::from_reader(whole.as_bytes());
        let seconds = reader.deserialize().map_while(Result::ok).collect();
        Some(Self { seconds })
    }

    pub(super) fn sum(&self, count: fn(&Second) -> u64) -> u64 {
        self.seconds.iter().map(count).sum()
    }
}

/// Looks again and again, tells the screen what has changed, and hands on what it has seen. Ends only when it is dropped.
pub(super) async fn look(
    client: Client,
    name: TenantName,
    load: std::path::PathBuf,
    screen: Arc<Screen>,
    to: watch::Sender<Sight>,
) {
    let path = format!("/v1/tenants/{name}");
    loop {
        let report = client.get::<TenantReport>(&path).await;
        let now = Sight {
            tenant: report.ok().map(|report| Tenant::of(&report)),
            load: Load::read(&load),
        };
        for change in changes(&to.borrow(), &now) {
            screen.say(&change);
        }
        screen.show(&now);
        to.send_modify(|sight| {
            sight.load = now.load.or(sight.load.take());
            // A service that does not answer for a moment has not forgotten anything.
            sight.tenant = now.tenant.or(sight.tenant.take());
        });
        tokio::time::sleep(LOOK).await;
    }
}

/// What has changed from one sight to the next, for people.
fn changes(before: &Sight, now: &Sight) -> Vec<String> {
    let Some(tenant) = &now.tenant else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    let nothing = BTreeMap::new();
    let known = before
        .tenant
        .as_ref()
        .map_or(&nothing, |tenant| &tenant.instances);
    let wanted = before.tenant.as_ref().map_or(0, |tenant| tenant.desired);
    if wanted != tenant.desired {
        changes.push(format!(
            "wanted: {wanted} → {} ({})",
            tenant.desired, tenant.metric
        ));
    }
    for (id, (cloud, phase)) in &tenant.instances {
        if known.get(id).is_none_or(|(_, before)| before != phase) {
            let mut line = format!("{id} in {cloud}: {}", phase.name().replace('_', " "));
            if *phase == Phase::InService {
                let _ = write!(line, " ({} now)", tenant.in_service());
            }
            changes.push(line);
        }
    }
    for (id, (cloud, _)) in known {
        if !tenant.instances.contains_key(id) {
            changes.push(format!("{id} in {cloud}: gone"));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(desired: u32, instances: &[(u32, &str, Phase)]) -> Sight {
        let tenant = Tenant {
            desired,
            is_settled: true,
            clouds: Vec::new(),
            instances: instances
                .iter()
                .map(|(number, cloud, phase)| {
                    (
                        InstanceId::new(1, *number),
                        (cloud.parse().unwrap(), *phase),
                    )
                })
                .collect(),
            metric: "cpu 90 % of 60 %".to_owned(),
        };
        Sight {
            tenant: Some(tenant),
            load: None,
        }
    }

    #[test]
    fn every_step_of_an_instance_is_told_once() {
        let id = |number| InstanceId::new(1, number);
        let before = tenant(
            2,
            &[
                (1, "local-a", Phase::InService),
                (2, "local-b", Phase::Draining),
            ],
        );
        let now = tenant(
            3,
            &[
                (1, "local-a", Phase::InService),
                (3, "local-b", Phase::Launching),
            ],
        );

        let told = changes(&before, &now);

        assert_eq!(
            told,
            [
                "wanted: 2 → 3 (cpu 90 % of 60 %)".to_owned(),
                format!("{} in local-b: launching", id(3)),
                format!("{} in local-b: gone", id(2)),
            ]
        );
        assert_eq!(changes(&now, &now), [""; 0]);
        assert_eq!(
            changes(&now, &Sight::default()),
            [""; 0],
            "silence is no end"
        );
    }

    #[test]
    fn a_row_that_is_just_being_written_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("load.csv");
        let row = "2026-01-15T08:00:00Z,low,10,9,0,1,2.5";
        let text = format!(
            "time,segment,sent,ok,failed,retried,p99_ms\n{row}\n{}",
            &row[..30]
        );
        std::fs::write(&path, text).unwrap();

        let load = Load::read(&path).unwrap();

        assert_eq!(load.seconds.len(), 1);
        assert_eq!(load.sum(|second| second.retried), 1);
        assert_eq!(Load::read(&folder.path().join("none")), None);
    }
}
