//! A tick of 300 tenants with two instances each: simulated clouds, network and meter; the real store, which makes every
//! tick's record durable, and beside it a store in memory, which shows what the disk costs.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

use criterion::{Criterion, criterion_group, criterion_main};
use northbound::store::{SqliteStore, StateDir};

use many::{Stepped, TENANTS, TICK, round, settled};

#[path = "../tests/given/many.rs"]
mod many;

fn tick_all(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(StateDir::take(directory.path()).unwrap()).unwrap();
    for (name, store) in [("store in memory", None), ("store on disk", Some(&store))] {
        let clock = Stepped::new();
        let mut controllers = runtime.block_on(settled(&clock, store));
        criterion.bench_function(&format!("a tick of {TENANTS} tenants, {name}"), |bencher| {
            bencher.iter(|| {
                clock.step(TICK);
                runtime.block_on(round(&mut controllers));
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = tick_all
}
criterion_main!(benches);
