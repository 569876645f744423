//! `kill -9` of the service: traffic does not notice, and the next service finishes what was half done.

use std::time::Duration;

use controller::instance::{Cause, Phase};
use northbound::logs::Action;

use crate::host::{Host, LIMIT, ids, launches, public};
use crate::remains::Container;
use crate::traffic::{Asked, get};

const URL: &str = "http://45.45.45.45/whoami";

/// Every number of the tenant's journal.
fn journal(host: &Host) -> Vec<u64> {
    let file = host.path("state/asaas.db");
    let store = rusqlite::Connection::open(file).unwrap();
    let mut query = store
        .prepare("SELECT seq FROM journal WHERE tenant = 'demo' ORDER BY seq")
        .unwrap();
    let rows = query.query_map((), |row| row.get::<_, i64>(0)).unwrap();
    rows.map(|seq| u64::try_from(seq.unwrap()).unwrap())
        .collect()
}

#[track_caller]
fn has_no_gap(host: &Host) {
    let journal = journal(host);
    let first = *journal.first().unwrap();
    let expected: Vec<u64> = (first..).take(journal.len()).collect();
    assert_eq!(journal, expected); // I22
}

#[track_caller]
fn holds_all(after: &[Container], before: &[Container]) {
    for container in before {
        assert!(after.contains(container), "{container:?} of {after:?}");
    }
}

// I7, I8, I15, S4-122
#[test]
fn a_service_that_is_killed_while_it_scales_out_makes_after_its_restart_exactly_what_was_ordered() {
    let mut host = Host::new();
    let clouds = "clouds: [{ name: local-a, max: 3 }, { name: local-b }]\n";
    host.write("demo", "45.45.45.45", "min: 1, max: 7", clouds);
    host.apply("demo");
    let load = host.load(URL, "20/s:10m");
    let mut before = host.until_exactly("demo", 1);

    // Right after the order, while intents are written, while launches are made, while the last of them come up.
    for (wanted, moment) in [(2, 0), (4, 60), (6, 130), (7, 400)] {
        host.asaas(&["scale", "demo", &wanted.to_string()]).ok();
        std::thread::sleep(Duration::from_millis(moment));
        host.kill();
        load.flows_on();
        host.serve();

        let after = host.until_exactly("demo", wanted);
        holds_all(&after, &before);
        assert_eq!(host.directories().len(), wanted);
        before = after;
    }
    host.kill();
    load.flows_on();
    assert_eq!(host.containers("demo"), before);
    host.serve();
    assert_eq!(host.until_exactly("demo", 7), before);

    let report = load.end();
    assert!(!report.has_failures(), "{report}");
    let rows = host.actions_until("demo", "seven launches", |row| {
        row.to == Some(Phase::InService) && row.instance == before.last().map(|one| one.id)
    });
    assert_eq!(launches(&rows), 7, "one intent, one instance: {rows:?}");
    has_no_gap(&host);
}

// I10, I15, I22, S4-122
#[test]
fn a_service_that_is_killed_while_it_drains_cuts_no_request_and_still_writes_the_certificate() {
    let mut host = Host::new();
    let clouds = "clouds: [{ name: local-a, max: 1 }, { name: local-b }]\n";
    host.write("demo", "45.45.45.45", "min: 1, max: 2", clouds);
    host.apply("demo");
    let stays = host.until_exactly("demo", 1);
    host.asaas(&["scale", "demo", "2"]).ok();
    let both = host.until_exactly("demo", 2);
    let victim = both.iter().find(|one| !stays.contains(one)).unwrap();
    let load = host.load(URL, "20/s:10m");
    // Chance sends each to one of two: that none goes to the second happens once in a million runs.
    let slow = || {
        Asked::send(
            &host.client(),
            (public(45), 80),
            &get("/slow?ms=5000"),
            LIMIT,
        )
    };
    let asked: Vec<Asked> = (0..20).map(|_| slow()).collect();

    host.asaas(&["scale", "demo", "1"]).ok();
    host.until("demo", "the second drains", |report| {
        let mut instances = report.status.instances.iter().map(|seen| &seen.instance);
        instances.any(|one| one.id == victim.id && one.phase == Phase::Draining)
    });
    host.kill();
    load.flows_on();
    assert_eq!(host.containers("demo"), both);
    host.serve();

    let answers: Vec<_> = asked
        .into_iter()
        .map(|asked| asked.answer().unwrap())
        .collect();
    assert!(
        answers.iter().all(|answer| answer.status == 200),
        "{answers:?}"
    );
    let by_victim = |answer: &&crate::traffic::Answer| answer.instance == victim.id.to_string();
    let slow_ones = answers.iter().filter(by_victim).count();
    assert!(slow_ones > 0, "{answers:?}");
    assert_eq!(host.until_exactly("demo", 1), stays);
    let report = load.end();
    assert!(!report.has_failures(), "{report}");
    let rows = host.actions_until("demo", "the certificate", |row| {
        row.instance == Some(victim.id) && row.to == Some(Phase::Gone)
    });
    let certificate = rows.iter().rfind(|row| row.instance == Some(victim.id));
    let certificate = certificate.unwrap();
    assert_eq!(certificate.action, Action::Remove);
    assert_eq!(certificate.cause, Some(Cause::ScaleIn));
    assert_eq!(certificate.forced, Some(false));
    assert_eq!(certificate.flows_at_end, Some(0));
    assert!(
        certificate.flows_at_start >= u32::try_from(slow_ones).ok(),
        "{certificate:?}"
    );
    assert_eq!(ids(&host.report("demo")), [stays[0].id]);
    has_no_gap(&host);
}
