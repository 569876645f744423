//! The store's promises, on a real file.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "given/world.rs"]
mod world;

use controller::amount::Amount;
use controller::id::{Epoch, Generation};
use controller::instance::{Instance, Phase};
use controller::journal::{Event, Loads};
use controller::load::{Metric, Sample};
use controller::ports::{Footing, Store, StoreErrorKind};
use controller::spec::TenantSpec;
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};
use northbound::store::{Applied, Change, Order, Refusal, Registrar, SqliteStore, StateDir};

use world::{
    SmallDisk, alarm, fill, footing, footing_on, instance, later, moved, name, now, open, spec,
};

async fn apply(store: &SqliteStore, spec: &TenantSpec) -> Applied {
    store
        .apply(spec, "text", None, now(), "a test")
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_spec_applied_twice_is_one_generation() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let spec = spec("demo", "45.45.45.45");

    let first = apply(&store, &spec).await;
    let second = apply(&store, &spec).await;

    assert_eq!(
        first,
        Applied {
            generation: Generation(1),
            change: Change::Created
        }
    );
    assert_eq!(
        second,
        Applied {
            generation: Generation(1),
            change: Change::Same
        }
    );
}

// I13
#[tokio::test]
async fn an_apply_against_an_older_generation_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let mut changed = spec("demo", "45.45.45.45");
    apply(&store, &changed).await;
    changed.instances.max = 9;

    let stale = store
        .apply(&changed, "", Some(Generation(0)), now(), "a test")
        .await
        .unwrap();
    let fresh = store
        .apply(&changed, "", Some(Generation(1)), now(), "a test")
        .await
        .unwrap();

    assert!(
        matches!(
            stale,
            Err(Refusal::Generation {
                actual: Generation(1),
                ..
            })
        ),
        "{stale:?}"
    );
    assert_eq!(
        fresh,
        Ok(Applied {
            generation: Generation(2),
            change: Change::Updated
        })
    );
}

#[tokio::test]
async fn a_subnet_with_instances_keeps_its_range_its_gateway_and_their_addresses() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let in_force = spec("demo", "45.45.45.45");
    apply(&store, &in_force).await;
    let lives = [instance(1, Phase::InService)];
    store
        .record(&name("demo"), footing(&store), now(), &lives, &[])
        .await
        .unwrap();
    let changed = |change: fn(&mut controller::spec::Subnet)| {
        let mut changed = in_force.clone();
        change(&mut changed.network.subnets[0]);
        changed
    };
    let gateway = changed(|subnet| subnet.gateway = "19.0.0.254".parse().unwrap());
    let cidr = changed(|subnet| subnet.cidr = "19.0.0.0/25".parse().unwrap());
    let range = changed(|subnet| subnet.dhcp_start = "19.0.0.3".parse().unwrap());
    let wider = changed(|subnet| subnet.dhcp_end = "19.0.0.100".parse().unwrap());

    for spec in [&gateway, &cidr] {
        let refused = store.apply(spec, "", None, now(), "a test").await.unwrap();
        assert!(
            matches!(refused, Err(Refusal::SubnetInUse { instances: 1, .. })),
            "{refused:?}"
        );
    }
    let refused = store
        .apply(&range, "", None, now(), "a test")
        .await
        .unwrap();
    assert!(
        matches!(refused, Err(Refusal::RangeInUse { .. })),
        "{refused:?}"
    );
    let wish = store.wish(&name("demo")).await.unwrap().unwrap();
    assert_eq!((wish.generation, wish.spec), (Generation(1), in_force));
    apply(&store, &wider).await;
}

#[tokio::test]
async fn a_subnet_without_instances_may_change() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let mut changed = spec("demo", "45.45.45.45");
    apply(&store, &changed).await;
    changed.network.subnets[0].cidr = "19.0.1.0/24".parse().unwrap();

    assert_eq!(apply(&store, &changed).await.change, Change::Updated);
}

// I13
#[tokio::test]
async fn of_many_applies_at_once_against_one_generation_one_wins() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    apply(&store, &spec("demo", "45.45.45.45")).await;

    let applies = (6..16).map(|max| {
        let store = store.clone();
        let mut spec = spec("demo", "45.45.45.45");
        spec.instances.max = max;
        tokio::spawn(async move {
            store
                .apply(&spec, "", Some(Generation(1)), now(), "a test")
                .await
                .unwrap()
                .is_ok()
        })
    });
    let mut won = 0;
    for apply in applies.collect::<Vec<_>>() {
        won += usize::from(apply.await.unwrap());
    }

    assert_eq!(won, 1);
    let wish = store.wish(&name("demo")).await.unwrap().unwrap();
    assert_eq!(wish.generation, Generation(2));
}

// I27
#[tokio::test]
async fn a_public_address_has_one_owner_until_it_is_given_up() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let (mut first, second) = (spec("first", "45.45.45.45"), spec("second", "45.45.45.45"));
    apply(&store, &first).await;

    let refused = store
        .apply(&second, "", None, now(), "a test")
        .await
        .unwrap();
    first.network.public_ip = "45.45.45.46".parse().unwrap();
    apply(&store, &first).await;
    let too_early = store
        .apply(&second, "", None, now(), "a test")
        .await
        .unwrap();
    let (owner, generation) = (name("first"), Generation(2));
    store.release_addresses(&owner, generation).await.unwrap();
    let taken = store
        .apply(&second, "", None, now(), "a test")
        .await
        .unwrap();

    for refused in [refused, too_early] {
        let is_owned = matches!(refused, Err(Refusal::AddressOwned { .. }));
        assert!(is_owned, "{refused:?}");
    }
    assert!(taken.is_ok(), "{taken:?}");
}

// I26
#[tokio::test]
async fn a_pause_survives_a_restart_and_an_apply() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let mut spec = spec("demo", "45.45.45.45");
    apply(&store, &spec).await;
    store
        .order(&name("demo"), Order::Pause, None, now(), "a test")
        .await
        .unwrap()
        .unwrap();
    drop(store);

    let store = open(place.path());
    spec.instances.max = 7;
    apply(&store, &spec).await;

    let wish = store.wish(&name("demo")).await.unwrap().unwrap();
    assert!(wish.orders.is_paused);
    assert_eq!(wish.generation, Generation(2));
}

#[tokio::test]
async fn a_number_outside_the_bounds_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    apply(&store, &spec("demo", "45.45.45.45")).await;

    let six = store
        .order(&name("demo"), Order::Scale(Some(6)), None, now(), "a test")
        .await
        .unwrap();
    let five = store
        .order(&name("demo"), Order::Scale(Some(5)), None, now(), "a test")
        .await
        .unwrap();

    assert!(matches!(six, Err(Refusal::OutOfBounds { .. })), "{six:?}");
    assert_eq!(five, Ok(Generation(1)));
}

// I14
#[tokio::test]
async fn a_destroy_of_another_generation_or_of_nobody_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    apply(&store, &spec("demo", "45.45.45.45")).await;

    let stale = store
        .order(
            &name("demo"),
            Order::Destroy,
            Some(Generation(9)),
            now(),
            "a test",
        )
        .await
        .unwrap();
    let nobody = store
        .order(&name("other"), Order::Destroy, None, now(), "a test")
        .await
        .unwrap();

    assert!(
        matches!(stale, Err(Refusal::Generation { .. })),
        "{stale:?}"
    );
    assert!(matches!(nobody, Err(Refusal::Unknown { .. })), "{nobody:?}");
    assert!(
        !store
            .wish(&name("demo"))
            .await
            .unwrap()
            .unwrap()
            .orders
            .is_destroyed
    );
}

#[tokio::test]
async fn a_tenant_that_comes_back_counts_on() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let demo = name("demo");
    let spec = spec("demo", "45.45.45.45");
    apply(&store, &spec).await;
    store
        .order(&demo, Order::Destroy, None, now(), "a test")
        .await
        .unwrap()
        .unwrap();
    store.close(&demo, footing(&store), now()).await.unwrap();
    assert_eq!(store.wish(&demo).await.unwrap(), None);

    let again = apply(&store, &spec).await;

    assert_eq!(
        again,
        Applied {
            generation: Generation(2),
            change: Change::Created
        }
    );
    let journal = store.journal_after(&demo, 0).await.unwrap();
    let numbers: Vec<u64> = journal.entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "apply, destroy, destroyed, apply");
}

#[tokio::test]
async fn a_tenant_that_still_has_an_instance_cannot_be_closed() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let demo = name("demo");
    apply(&store, &spec("demo", "45.45.45.45")).await;
    store
        .record(
            &demo,
            footing(&store),
            now(),
            &[instance(1, Phase::Booting)],
            &[],
        )
        .await
        .unwrap();

    let closed = store.close(&demo, footing(&store), now()).await;

    assert!(closed.is_err());
    assert!(store.wish(&demo).await.unwrap().is_some());
}

// I22
#[tokio::test]
async fn what_was_recorded_is_loaded_after_a_restart_and_what_is_over_is_not() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let demo = name("demo");
    apply(&store, &spec("demo", "45.45.45.45")).await;
    let (stays, goes) = (instance(1, Phase::Booting), instance(2, Phase::Booting));
    store
        .record(
            &demo,
            footing(&store),
            now(),
            &[stays.clone(), goes.clone()],
            &[moved(&stays)],
        )
        .await
        .unwrap();
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
    let entries = store
        .record(
            &demo,
            footing(&store),
            later(5),
            &[gone],
            &[measured, alarm("x")],
        )
        .await
        .unwrap();
    drop(store);

    let state = open(place.path())
        .load(&demo, SignedDuration::from_secs(4))
        .await
        .unwrap()
        .unwrap();

    assert_eq!(state.instances, [stays]);
    assert_eq!(
        state.journal, entries,
        "what is older than four seconds is not in it"
    );
    assert_eq!(
        entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
        [3, 4]
    );
}

#[tokio::test]
async fn loads_are_found_for_four_weeks_and_everything_else_for_as_long_as_was_asked() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let demo = name("demo");
    apply(&store, &spec("demo", "45.45.45.45")).await;
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
        store
            .record(&demo, footing(&store), day(number), &[], &[event])
            .await
            .unwrap();
    }

    let state = store
        .load(&demo, SignedDuration::from_secs(60))
        .await
        .unwrap()
        .unwrap();

    let found: Vec<Event> = state.journal.into_iter().map(|entry| entry.event).collect();
    assert_eq!(found, [load(3), load(29), alarm("y")]);
}

#[tokio::test]
async fn pruning_leaves_no_gap_and_keeps_what_is_not_in_the_log_files_yet() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let demo = name("demo");
    apply(&store, &spec("demo", "45.45.45.45")).await;
    for second in 1..10 {
        store
            .record(&demo, footing(&store), later(second), &[], &[alarm("x")])
            .await
            .unwrap();
    }

    let not_written = store.prune(&demo, later(5).wall, 2).await.unwrap();
    let old = store.prune(&demo, later(5).wall, 100).await.unwrap();
    let all = store.prune(&demo, later(500).wall, 100).await.unwrap();

    assert_eq!((not_written, old, all), (2, 3, 5));
    let next = store
        .record(&demo, footing(&store), later(20), &[], &[alarm("x")])
        .await
        .unwrap();
    assert_eq!(
        next[0].seq, 11,
        "numbers go on where everything was dropped"
    );
    let spec_now = store.spec_at(&demo, 11).await.unwrap();
    assert_eq!(
        spec_now,
        Some(spec("demo", "45.45.45.45")),
        "the spec in force stays"
    );
}

#[tokio::test]
async fn the_spec_of_an_entry_is_the_one_that_was_in_force_then() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let demo = name("demo");
    let first = spec("demo", "45.45.45.45");
    let mut second = first.clone();
    second.logs.metrics = false;
    apply(&store, &first).await;
    store
        .record(&demo, footing(&store), now(), &[], &[alarm("x")])
        .await
        .unwrap();
    apply(&store, &second).await;

    assert_eq!(store.spec_at(&demo, 2).await.unwrap(), Some(first));
    assert_eq!(store.spec_at(&demo, 3).await.unwrap(), Some(second));
}

#[tokio::test]
async fn the_deployment_and_the_steady_clock_are_the_same_after_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let deployment = store.deployment().to_owned();
    apply(&store, &spec("demo", "45.45.45.45")).await;
    store
        .record(
            &name("demo"),
            footing(&store),
            later(60),
            &[],
            &[alarm("x")],
        )
        .await
        .unwrap();
    drop(store);

    let store = open(place.path());

    assert_eq!(store.deployment(), deployment);
    assert_eq!(store.last_steady(), later(60).steady);
}

// I15
#[tokio::test]
async fn a_damaged_file_is_refused_and_left_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    drop(open(place.path()));
    let file = place.path().join("asaas.db");
    std::fs::write(
        &file,
        b"this was never a database, and is long enough to be read as one",
    )
    .unwrap();
    let before = std::fs::read(&file).unwrap();

    let refused = SqliteStore::open(StateDir::take(place.path()).unwrap());

    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("Nothing is touched")
    );
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_leaves_no_gap() {
    let place = tempfile::tempdir().unwrap();
    let demo = name("demo");
    let store = open(place.path());
    apply(&store, &spec("demo", "45.45.45.45")).await;
    store
        .record(
            &demo,
            footing(&store),
            now(),
            &[],
            &[alarm("a"), alarm("b")],
        )
        .await
        .unwrap();
    let other = rusqlite::Connection::open(place.path().join("asaas.db")).unwrap();
    other
        .execute(
            "UPDATE journal SET event = '{\"kind\":\"x\"}' WHERE seq = 2",
            [],
        )
        .unwrap();

    let state = store
        .load(&demo, SignedDuration::from_hours(1))
        .await
        .unwrap();

    let journal = state.unwrap().journal;
    let numbers: Vec<u64> = journal.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(matches!(&journal[1].event, Event::Alarm { what } if what.contains("cannot be read")));
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let place = tempfile::tempdir().unwrap();
    drop(open(place.path()));
    let newer = rusqlite::Connection::open(place.path().join("asaas.db")).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);

    let refused = SqliteStore::open(StateDir::take(place.path()).unwrap());

    assert!(refused.unwrap_err().to_string().contains("newer asaas"));
}

// I22: on a full disk nothing is half written, and the service goes on when there is room.
#[tokio::test]
async fn a_full_disk_refuses_the_record_whole_and_takes_it_when_there_is_room() {
    let place = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(place.path(), "size=1m");
    let store = open(disk.path());
    let demo = name("demo");
    apply(&store, &spec("demo", "45.45.45.45")).await;
    let ballast = disk.path().join("ballast");
    fill(&ballast);

    let mut written = 1;
    let refused = loop {
        assert!(written < 10_000, "the disk never filled");
        let record = instance(u32::try_from(written).unwrap(), Phase::Booting);
        match store
            .record(
                &demo,
                footing(&store),
                now(),
                std::slice::from_ref(&record),
                &[moved(&record)],
            )
            .await
        {
            Ok(_) => written += 1,
            Err(refused) => break refused,
        }
    };
    std::fs::remove_file(&ballast).unwrap();

    assert!(refused.to_string().contains("full"), "{refused}");
    let state = store
        .load(&demo, SignedDuration::from_hours(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        state.instances.len() + 1,
        written,
        "no instance without its event, no event alone"
    );
    assert_eq!(state.journal.len(), written);
    let next = store
        .record(&demo, footing(&store), now(), &[], &[alarm("x")])
        .await
        .unwrap();
    assert_eq!(next[0].seq, written as u64 + 1);
}

#[test]
fn times_before_the_service_began_are_kept_as_they_are() {
    let early: Timestamp = "1999-12-31T23:59:59.123456789Z".parse().unwrap();

    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let entries = runtime.block_on(async {
        apply(&store, &spec("demo", "45.45.45.45")).await;
        store
            .record(
                &name("demo"),
                footing(&store),
                Now::at(early),
                &[],
                &[alarm("x")],
            )
            .await
            .unwrap();
        store.journal_after(&name("demo"), 1).await.unwrap().entries
    });

    assert_eq!(entries[0].at, early);
}

// I9
#[tokio::test]
async fn a_tick_that_thought_about_a_replaced_spec_or_lost_its_tenant_writes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let demo = name("demo");
    apply(&store, &spec("demo", "45.45.45.45")).await;
    let before = footing(&store);
    let mut changed = spec("demo", "45.45.45.45");
    changed.instances.max = 4;
    apply(&store, &changed).await;

    let booting = [instance(1, Phase::Booting)];
    let outdated = store.record(&demo, before, now(), &booting, &[]);
    let outdated = outdated.await.unwrap_err();
    let current = footing_on(&store, 2);
    let older = Footing {
        epoch: Epoch(current.epoch.0 - 1),
        ..current
    };
    let deposed = store.record(&demo, older, now(), &booting, &[]);
    let deposed = deposed.await.unwrap_err();
    let closed = store.close(&demo, before, now()).await.unwrap_err();

    assert_eq!(outdated.kind, StoreErrorKind::Outdated);
    assert_eq!(deposed.kind, StoreErrorKind::Deposed);
    assert_eq!(closed.kind, StoreErrorKind::Outdated);
    let state = store
        .load(&demo, SignedDuration::ZERO)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(state.instances, []);
    let written = store.record(&demo, current, now(), &booting, &[]);
    assert!(written.await.is_ok());
}

// I9
#[test]
fn a_store_that_is_opened_again_is_a_new_epoch() {
    let place = tempfile::tempdir().unwrap();
    let first = open(place.path()).epoch();

    assert!(first < open(place.path()).epoch());
}
