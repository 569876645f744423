//! The warm pool: nobody is sent to it, and it serves at once.

use std::collections::BTreeSet;

use controller::instance::Phase;

use crate::host::{Host, is_serving, public, wait};
use crate::traffic::{ask, get};

const URL: &str = "http://45.45.45.45/whoami";

/// One serves, two stand by, and there is room for one more.
const TENANT: &str = "version: 1\ntenant: demo\n\
    network: { public_ip: 45.45.45.45, subnets: [{ cidr: 19.0.0.0/24 }] }\n\
    instances: { min: 1, max: 4 }\n\
    clouds: [{ name: local-a, max: 2 }, { name: local-b }]\n\
    service: { health: { http: /health, every: 1s, timeout: 1s, unhealthy_after: 5 } }\n\
    policy: { buffer: 1s, stabilization: 1s, warm_up: 1s, drain: 30s, warm_pool: 2 }\n";

// S4-15, C-15
#[test]
fn who_stands_by_gets_no_connection_and_then_serves_with_one_change_of_the_rules() {
    let host = Host::new();
    host.write_bytes("demo", TENANT.as_bytes());
    host.apply("demo");
    let report = host.until("demo", "two stand by", |report| report.status.is_settled);
    let (serving, standing_by): (Vec<_>, Vec<_>) = report
        .status
        .instances
        .iter()
        .partition(|seen| is_serving(seen));
    let name = |seen: &&controller::status::InstanceStatus| seen.instance.id.to_string();
    let mut known: BTreeSet<String> = serving.iter().map(name).collect();
    let pool: BTreeSet<String> = standing_by.iter().map(name).collect();
    assert_eq!((known.len(), pool.len()), (1, 2));
    assert!(standing_by.iter().all(|seen| !seen.is_routed));
    assert_eq!(host.containers("demo").len(), 3);
    let said = host.asaas(&["status", "demo"]).ok();
    assert!(
        said.contains("1 of 1 instance in service, 2 standing by, settled"),
        "{said}"
    );

    let answering = || {
        let answer = ask(&host.client(), (public(45), 80), &get("/whoami"));
        answer.unwrap().instance
    };
    for _ in 0..40 {
        assert!(
            known.contains(&answering()),
            "somebody who stands by was asked"
        );
    }

    let load = host.load(URL, "20/s:10m");
    host.asaas(&["scale", "demo", "3"]).ok();
    known.extend(pool.iter().cloned());
    let mut answered = BTreeSet::new();
    wait(
        || {
            answered.insert(answering());
            answered == known
        },
        || "all three answer".to_owned(),
    );
    let rows = host.actions_until("demo", "the pool is filled again", |row| {
        let id = row.instance.map(|id| id.to_string());
        row.to == Some(Phase::Standby) && id.is_some_and(|id| !pool.contains(&id))
    });
    let promoted: Vec<_> = rows
        .iter()
        .filter(|row| row.from == Some(Phase::Standby) && row.to == Some(Phase::InService))
        .collect();
    let times: BTreeSet<_> = promoted.iter().map(|row| row.time).collect();
    assert_eq!(
        (promoted.len(), times.len()),
        (2, 1),
        "in one tick: {promoted:?}"
    );
    host.until("demo", "settled again", |report| {
        let instances = &report.status.instances;
        let serving = instances.iter().filter(|seen| is_serving(seen)).count();
        report.status.is_settled && (serving, instances.len()) == (3, 4)
    });
    assert_eq!(host.containers("demo").len(), 4);
    let report = load.end();
    assert!(!report.has_failures(), "{report}");
}
