//! What people want, as every store keeps it: specs, addresses, orders, and the end of a tenant.

use controller::id::Generation;
use controller::instance::Phase;
use controller::spec::Subnet;
use northbound::store::{Applied, Change, Order, Refusal};

use crate::bed::Bed;
use crate::world::{instance, name, now, spec};

pub(crate) async fn a_spec_applied_twice_is_one_generation(bed: &dyn Bed) {
    let opened = bed.open().await;
    let spec = spec("demo", "45.45.45.45");

    let first = opened.apply(&spec).await;
    let second = opened.apply(&spec).await;

    let applied = |change| Applied {
        generation: Generation(1),
        change,
    };
    assert_eq!(first, applied(Change::Created));
    assert_eq!(second, applied(Change::Same));
    let text = opened.read.spec_text(&name("demo")).await.unwrap();
    assert_eq!(text.as_deref(), Some("text"));
}

// I13
pub(crate) async fn an_apply_against_an_older_generation_changes_nothing(bed: &dyn Bed) {
    let opened = bed.open().await;
    let mut changed = spec("demo", "45.45.45.45");
    opened.apply(&changed).await;
    changed.instances.max = 9;

    let against = |generation| {
        let expected = Some(Generation(generation));
        opened.store.apply(&changed, "", expected, now(), "a test")
    };
    let stale = against(0).await.unwrap();
    let fresh = against(1).await.unwrap();

    let refused = Refusal::Generation {
        tenant: name("demo"),
        expected: Generation(0),
        actual: Generation(1),
    };
    assert_eq!(stale, Err(refused));
    assert_eq!(
        fresh,
        Ok(Applied {
            generation: Generation(2),
            change: Change::Updated
        })
    );
}

pub(crate) async fn a_subnet_with_instances_keeps_its_range_its_gateway_and_their_addresses(
    bed: &dyn Bed,
) {
    let opened = bed.open().await;
    let (store, demo) = (&opened.store, name("demo"));
    let in_force = spec("demo", "45.45.45.45");
    opened.apply(&in_force).await;
    let lives = [instance(1, Phase::InService)];
    let footing = opened.footing(&demo, 1).await;
    let written = store.record(&demo, footing, now(), &lives, &[]).await;
    written.unwrap();
    let changed = |change: fn(&mut Subnet)| {
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
        let is_in_use = matches!(refused, Err(Refusal::SubnetInUse { instances: 1, .. }));
        assert!(is_in_use, "{refused:?}");
    }
    let refused = store
        .apply(&range, "", None, now(), "a test")
        .await
        .unwrap();
    let is_in_use = matches!(refused, Err(Refusal::RangeInUse { .. }));
    assert!(is_in_use, "{refused:?}");
    let wish = store.wish(&demo).await.unwrap().unwrap();
    assert_eq!((wish.generation, wish.spec), (Generation(1), in_force));
    opened.apply(&wider).await;
}

pub(crate) async fn a_subnet_without_instances_may_change(bed: &dyn Bed) {
    let opened = bed.open().await;
    let mut changed = spec("demo", "45.45.45.45");
    opened.apply(&changed).await;
    changed.network.subnets[0].cidr = "19.0.1.0/24".parse().unwrap();

    assert_eq!(opened.apply(&changed).await.change, Change::Updated);
}

// I13
pub(crate) async fn of_many_applies_at_once_against_one_generation_one_wins(bed: &dyn Bed) {
    let opened = bed.open().await;
    opened.apply(&spec("demo", "45.45.45.45")).await;

    let applies = (6..16).map(|max| {
        let store = opened.store.clone();
        let mut spec = spec("demo", "45.45.45.45");
        spec.instances.max = max;
        tokio::spawn(async move {
            let expected = Some(Generation(1));
            let applied = store.apply(&spec, "", expected, now(), "a test").await;
            applied.unwrap().is_ok()
        })
    });
    let mut won = 0;
    for apply in applies.collect::<Vec<_>>() {
        won += usize::from(apply.await.unwrap());
    }

    assert_eq!(won, 1);
    let wish = opened.store.wish(&name("demo")).await.unwrap().unwrap();
    assert_eq!(wish.generation, Generation(2));
}

// I27
pub(crate) async fn a_public_address_has_one_owner_until_it_is_given_up(bed: &dyn Bed) {
    let opened = bed.open().await;
    let (mut first, second) = (spec("first", "45.45.45.45"), spec("second", "45.45.45.45"));
    opened.apply(&first).await;
    let ask = || opened.store.apply(&second, "", None, now(), "a test");

    let refused = ask().await.unwrap();
    first.network.public_ip = "45.45.45.46".parse().unwrap();
    opened.apply(&first).await;
    let too_early = ask().await.unwrap();
    let released = opened
        .store
        .release_addresses(&name("first"), Generation(2))
        .await;
    released.unwrap();
    let taken = ask().await.unwrap();

    for refused in [refused, too_early] {
        let is_owned = matches!(refused, Err(Refusal::AddressOwned { .. }));
        assert!(is_owned, "{refused:?}");
    }
    assert!(taken.is_ok(), "{taken:?}");
    let owner = opened.read.owner_of("45.45.45.45".parse().unwrap()).await;
    assert_eq!(owner.unwrap(), Some(name("second")));
}

// I27
pub(crate) async fn of_many_tenants_that_want_one_address_one_gets_it(bed: &dyn Bed) {
    let opened = bed.open().await;

    let applies = (0..8).map(|number| {
        let store = opened.store.clone();
        let spec = spec(&format!("tenant{number}"), "45.45.45.45");
        tokio::spawn(async move {
            let applied = store.apply(&spec, "", None, now(), "a test").await;
            applied.unwrap()
        })
    });
    let (mut won, mut refused) = (0, 0);
    for apply in applies.collect::<Vec<_>>() {
        match apply.await.unwrap() {
            Ok(_) => won += 1,
            Err(Refusal::AddressOwned { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }

    assert_eq!((won, refused), (1, 7));
    assert_eq!(opened.read.tenants().await.unwrap().len(), 1);
}

// I26
pub(crate) async fn a_pause_survives_a_restart_and_an_apply(bed: &dyn Bed) {
    let opened = bed.open().await;
    let mut spec = spec("demo", "45.45.45.45");
    opened.apply(&spec).await;
    let paused = opened
        .store
        .order(&name("demo"), Order::Pause, None, now(), "a test")
        .await;
    paused.unwrap().unwrap();
    drop(opened);

    let opened = bed.open().await;
    spec.instances.max = 7;
    opened.apply(&spec).await;

    let wish = opened.store.wish(&name("demo")).await.unwrap().unwrap();
    assert!(wish.orders.is_paused);
    assert_eq!(wish.generation, Generation(2));
}

pub(crate) async fn a_number_outside_the_bounds_is_refused(bed: &dyn Bed) {
    let opened = bed.open().await;
    let demo = name("demo");
    opened.apply(&spec("demo", "45.45.45.45")).await;
    let scale = |number| {
        let order = Order::Scale(Some(number));
        opened.store.order(&demo, order, None, now(), "a test")
    };

    let six = scale(6).await.unwrap();
    let five = scale(5).await.unwrap();

    assert!(matches!(six, Err(Refusal::OutOfBounds { .. })), "{six:?}");
    assert_eq!(five, Ok(Generation(1)));
    let wish = opened.store.wish(&demo).await.unwrap().unwrap();
    assert_eq!(wish.orders.desired, Some(5));
}

// I14
pub(crate) async fn a_destroy_of_another_generation_or_of_nobody_is_refused(bed: &dyn Bed) {
    let opened = bed.open().await;
    let (demo, other) = (name("demo"), name("other"));
    opened.apply(&spec("demo", "45.45.45.45")).await;
    let destroy = |tenant, expected| {
        opened
            .store
            .order(tenant, Order::Destroy, expected, now(), "a test")
    };

    let stale = destroy(&demo, Some(Generation(9))).await.unwrap();
    let nobody = destroy(&other, None).await.unwrap();

    let is_stale = matches!(stale, Err(Refusal::Generation { .. }));
    assert!(is_stale, "{stale:?}");
    assert!(matches!(nobody, Err(Refusal::Unknown { .. })), "{nobody:?}");
    let wish = opened.store.wish(&demo).await.unwrap().unwrap();
    assert!(!wish.orders.is_destroyed);
}

pub(crate) async fn a_tenant_that_comes_back_counts_on(bed: &dyn Bed) {
    let opened = bed.open().await;
    let (store, demo) = (&opened.store, name("demo"));
    let spec = spec("demo", "45.45.45.45");
    opened.apply(&spec).await;
    let destroyed = store
        .order(&demo, Order::Destroy, None, now(), "a test")
        .await;
    destroyed.unwrap().unwrap();
    let footing = opened.footing(&demo, 1).await;
    store.close(&demo, footing, now()).await.unwrap();
    assert_eq!(store.wish(&demo).await.unwrap(), None);

    let again = opened.apply(&spec).await;

    assert_eq!(
        again,
        Applied {
            generation: Generation(2),
            change: Change::Created
        }
    );
    let wish = store.wish(&demo).await.unwrap().unwrap();
    assert!(!wish.orders.is_destroyed);
    let journal = opened.read.journal_after(&demo, 0).await.unwrap();
    let numbers: Vec<u64> = journal.entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "apply, destroy, destroyed, apply");
}

pub(crate) async fn a_tenant_that_still_has_an_instance_cannot_be_closed(bed: &dyn Bed) {
    let opened = bed.open().await;
    let (store, demo) = (&opened.store, name("demo"));
    opened.apply(&spec("demo", "45.45.45.45")).await;
    let footing = opened.footing(&demo, 1).await;
    let booting = [instance(1, Phase::Booting)];
    let written = store.record(&demo, footing, now(), &booting, &[]).await;
    written.unwrap();

    let closed = store.close(&demo, footing, now()).await;

    assert!(closed.is_err());
    assert!(store.wish(&demo).await.unwrap().is_some());
}
