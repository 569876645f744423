//! What ticks write down, as every store gives it back.

use controller::amount::Amount;
use controller::instance::{Instance, Phase};
use controller::journal::{Event, Loads};
use controller::load::{Metric, Sample};
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};

use crate::bed::Bed;
use crate::world::{alarm, instance, later, moved, name, now, spec};

// I22
pub(crate) async fn what_was_recorded_is_loaded_after_a_restart_and_what_is_over_is_not(
    bed: &dyn Bed,
) {
    let opened = bed.open().await;
    let demo = name("demo");
    opened.apply(&spec("demo", "45.45.45.45")).await;
    let (stays, goes) = (instance(1, Phase::Booting), instance(2, Phase::Booting));
    let footing = opened.footing(&demo, 1).await;
    let both = [stays.clone(), goes.clone()];
    let first = opened
        .store
        .record(&demo, footing, now(), &both, &[moved(&stays)])
        .await;
    first.unwrap();
    let gone = Instance {
        phase: Phase::Gone,
        ..goes
    };
    let sample = Sample {
        instance: Some(stays.id),
        metric: Metric::Cpu,
        value: Amount::ONE,
        at: now().steady,
    };
    let measured = Event::Measured {
        samples: vec![sample],
    };
    let events = [measured, alarm("x")];
    let second = opened
        .store
        .record(&demo, footing, later(5), &[gone], &events)
        .await;
    let entries = second.unwrap();
    drop(opened);

    let opened = bed.open().await;
    let state = opened.load(&demo, SignedDuration::from_secs(4)).await;

    assert_eq!(state.instances, [stays]);
    assert_eq!(
        state.journal, entries,
        "what is older than four seconds is not in it"
    );
    let numbers: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, [3, 4]);
}

pub(crate) async fn loads_are_found_for_four_weeks_and_everything_else_for_as_long_as_was_asked(
    bed: &dyn Bed,
) {
    let opened = bed.open().await;
    let demo = name("demo");
    opened.apply(&spec("demo", "45.45.45.45")).await;
    let footing = opened.footing(&demo, 1).await;
    let load = |from| {
        Event::Load(Loads {
            metric: Metric::Cpu,
            from,
            bin: 60,
            values: vec![Some(Amount::ONE), None],
        })
    };
    let day = |day: i64| later(day * 86_400);
    for (number, event) in [
        (0, load(0)),
        (3, load(3)),
        (20, alarm("x")),
        (29, load(29)),
        (30, alarm("y")),
    ] {
        let written = opened
            .store
            .record(&demo, footing, day(number), &[], &[event])
            .await;
        written.unwrap();
    }

    let state = opened.load(&demo, SignedDuration::from_secs(60)).await;

    let found: Vec<Event> = state.journal.into_iter().map(|entry| entry.event).collect();
    assert_eq!(found, [load(3), load(29), alarm("y")]);
}

pub(crate) async fn the_spec_of_an_entry_is_the_one_that_was_in_force_then(bed: &dyn Bed) {
    let opened = bed.open().await;
    let demo = name("demo");
    let first = spec("demo", "45.45.45.45");
    let mut second = first.clone();
    second.logs.metrics = false;
    opened.apply(&first).await;
    let footing = opened.footing(&demo, 1).await;
    let written = opened
        .store
        .record(&demo, footing, now(), &[], &[alarm("x")])
        .await;
    written.unwrap();
    opened.apply(&second).await;

    let at = |seq| opened.read.spec_at(&demo, seq);
    assert_eq!(at(2).await.unwrap(), Some(first));
    assert_eq!(at(3).await.unwrap(), Some(second));
}

pub(crate) async fn the_deployment_and_the_steady_clock_are_the_same_after_a_restart(
    bed: &dyn Bed,
) {
    let opened = bed.open().await;
    let deployment = opened.read.deployment().to_owned();
    let demo = name("demo");
    opened.apply(&spec("demo", "45.45.45.45")).await;
    let footing = opened.footing(&demo, 1).await;
    let written = opened
        .store
        .record(&demo, footing, later(60), &[], &[alarm("x")])
        .await;
    written.unwrap();
    drop(opened);

    let opened = bed.open().await;

    assert_eq!(opened.read.deployment(), deployment);
    assert_eq!(opened.steady, later(60).steady);
}

pub(crate) async fn times_before_the_service_began_are_kept_as_they_are(bed: &dyn Bed) {
    let early: Timestamp = "1999-12-31T23:59:59.123456789Z".parse().unwrap();
    let opened = bed.open().await;
    let demo = name("demo");
    opened.apply(&spec("demo", "45.45.45.45")).await;
    let footing = opened.footing(&demo, 1).await;

    let written = opened
        .store
        .record(&demo, footing, Now::at(early), &[], &[alarm("x")])
        .await;
    written.unwrap();

    let page = opened.read.journal_after(&demo, 1).await.unwrap();
    assert_eq!(page.entries[0].at, early);
}

/// As many as a tenant may have, in one record, and then one of them alone.
pub(crate) async fn a_thousand_instances_are_one_record(bed: &dyn Bed) {
    let opened = bed.open().await;
    let (store, demo) = (&opened.store, name("demo"));
    opened.apply(&spec("demo", "45.45.45.45")).await;
    let footing = opened.footing(&demo, 1).await;
    let all: Vec<Instance> = (0..1_000)
        .map(|number| instance(number, Phase::Booting))
        .collect();
    let events: Vec<Event> = all.iter().map(moved).collect();

    let entries = store.record(&demo, footing, now(), &all, &events).await;
    assert_eq!(entries.unwrap().len(), 1_000);
    let gone = Instance {
        phase: Phase::Gone,
        ..all[0].clone()
    };
    let one = store.record(&demo, footing, later(1), &[gone], &[]).await;
    assert_eq!(one.unwrap(), []);

    let state = opened.load(&demo, SignedDuration::from_hours(1)).await;
    assert_eq!(state.instances, all[1..]);
    assert_eq!(state.journal.len(), 1_001);
}

pub(crate) async fn an_alarm_is_written_down_of_whoever_is_known(bed: &dyn Bed) {
    let opened = bed.open().await;
    let (store, demo) = (&opened.store, name("demo"));
    opened.apply(&spec("demo", "45.45.45.45")).await;

    store.alarm(&demo, now(), "smoke").await.unwrap();

    assert!(store.alarm(&name("other"), now(), "smoke").await.is_err());
    let page = opened.read.journal_after(&demo, 1).await.unwrap();
    assert_eq!(page.entries[0].event, alarm("smoke"));
}
