//! Instances that die, and those that never live.

use controller::instance::Cause;

use crate::host::{Host, launches};

// I20
#[test]
fn after_three_instances_that_never_answer_their_cloud_is_left_alone_and_others_do_not_notice() {
    let host = Host::new();
    host.write("demo", "45.45.45.45", "min: 1, max: 2", "");
    host.apply("demo");
    let before = host.until_exactly("demo", 1);
    let load = host.load("http://45.45.45.45/whoami", "20/s:10m");
    let clouds = "clouds: [{ name: local-a }]\n";
    let silent = "min: 1, max: 1, template: silent, boot_timeout: 1s";
    host.write("mute", "45.45.45.46", silent, clouds);

    host.asaas(&["apply", "mute"]).ok();
    let why = "3 instances in a row never became healthy";
    let rested = host.until("mute", why, |report| {
        let refuses = report.status.clouds[0].refuses.as_deref();
        refuses.is_some_and(|text| text.contains(why)) && report.status.instances.is_empty()
    });
    let later = rested.status.at.as_second() + 3;
    host.until("mute", "three more looks", |report| {
        report.status.at.as_second() > later
    });

    assert_eq!(host.containers("mute"), []);
    assert!(host.asaas(&["status", "mute"]).ok().contains(why));
    let rows = host.actions_until("mute", "the third is given up", |row| {
        row.cause == Some(Cause::NeverHealthy)
    });
    assert_eq!(launches(&rows), 3);
    let report = load.end();
    assert!(!report.has_failures(), "{report}");
    assert_eq!(host.until_exactly("demo", 1), before);
}

// S2-30, S2-31, S2-32, S2-04
#[test]
fn a_killed_instance_is_replaced_by_another_in_its_slot_at_its_address() {
    let host = Host::new();
    host.write("demo", "45.45.45.45", "min: 2, max: 3", "");
    host.apply("demo");
    let before = host.until_exactly("demo", 2);
    let place = |index: usize| {
        let id = before[index].id;
        let report = host.report("demo");
        let mut instances = report.status.instances.into_iter();
        let seen = instances.find(|seen| seen.instance.id == id).unwrap();
        (seen.instance.slot, seen.instance.address)
    };
    let killed = place(0);

    before[0].kill();
    host.until("demo", "the killed one is replaced", |report| {
        let instances = &report.status.instances;
        report.status.is_settled
            && instances
                .iter()
                .all(|seen| seen.instance.id != before[0].id)
    });

    let after = host.until_exactly("demo", 2);
    assert!(after.contains(&before[1]), "{after:?}");
    let new = after.iter().find(|one| **one != before[1]).unwrap();
    let report = host.report("demo");
    let mut instances = report.status.instances.iter().map(|seen| &seen.instance);
    let replacement = instances.find(|one| one.id == new.id).unwrap();
    assert_eq!((replacement.slot, replacement.address), killed);
    assert_eq!(host.directories().len(), 2);
}
