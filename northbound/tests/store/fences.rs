//! What keeps a tick from writing what it may not write any more.

use controller::id::{Epoch, Generation};
use controller::instance::Phase;
use controller::ports::{Footing, Orders, StoreErrorKind};
use jiff::SignedDuration;
use northbound::store::Order;

use crate::bed::Bed;
use crate::world::{instance, name, now, spec};

// I26
pub(crate) async fn a_tick_that_thought_about_replaced_orders_writes_nothing(bed: &dyn Bed) {
    let opened = bed.open().await;
    let (store, demo) = (&opened.store, name("demo"));
    opened.apply(&spec("demo", "45.45.45.45")).await;
    let before = opened.footing(&demo, 1).await;
    let paused = store.order(&demo, Order::Pause, None, now(), "a test");
    paused.await.unwrap().unwrap();

    let booting = [instance(1, Phase::Booting)];
    let outdated = store.record(&demo, before, now(), &booting, &[]).await;

    assert_eq!(outdated.unwrap_err().kind, StoreErrorKind::Outdated);
    assert_eq!(opened.load(&demo, SignedDuration::ZERO).await.instances, []);
    let is_paused = Orders {
        is_paused: true,
        ..Orders::default()
    };
    let current = Footing {
        orders: is_paused,
        ..before
    };
    let written = store.record(&demo, current, now(), &booting, &[]).await;
    assert!(written.is_ok());
}

// I9
pub(crate) async fn a_tick_that_thought_about_a_replaced_spec_or_lost_its_tenant_writes_nothing(
    bed: &dyn Bed,
) {
    let opened = bed.open().await;
    let (store, demo) = (&opened.store, name("demo"));
    opened.apply(&spec("demo", "45.45.45.45")).await;
    let before = opened.footing(&demo, 1).await;
    let mut changed = spec("demo", "45.45.45.45");
    changed.instances.max = 4;
    opened.apply(&changed).await;

    let booting = [instance(1, Phase::Booting)];
    let outdated = store.record(&demo, before, now(), &booting, &[]).await;
    let outdated = outdated.unwrap_err();
    let current = Footing {
        generation: Generation(2),
        ..before
    };
    let older = Footing {
        epoch: Epoch(current.epoch.0 - 1),
        ..current
    };
    let deposed = store.record(&demo, older, now(), &booting, &[]).await;
    let deposed = deposed.unwrap_err();
    let closed = store.close(&demo, before, now()).await.unwrap_err();

    assert_eq!(outdated.kind, StoreErrorKind::Outdated);
    assert_eq!(deposed.kind, StoreErrorKind::Deposed);
    assert_eq!(closed.kind, StoreErrorKind::Outdated);
    let state = store.load(&demo, SignedDuration::ZERO).await;
    let state = state.unwrap().unwrap();
    assert_eq!(state.epoch, current.epoch);
    assert_eq!(state.instances, []);
    assert!(store.holds(&demo, current.epoch));
    assert!(!store.holds(&demo, older.epoch));
    let written = store.record(&demo, current, now(), &booting, &[]).await;
    assert!(written.is_ok());
}
