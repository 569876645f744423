//! A policy that follows a metric at once, put in force behind the back of a service that is not running.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::path::Path;

use controller::amount::Amount;
use controller::id::TenantName;
use controller::load::Metric;
use controller::policy::{Aggregation, Monitor, PerDirection, Proactive, Response, Signal, Target};
use controller::ports::Store;
use controller::spec::TenantSpec;
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};
use northbound::config::Config;
use northbound::store::{Registrar, SqliteStore, StateDir};
use northbound::tenant_file;

fn store(state: &Path) -> SqliteStore {
    SqliteStore::open(StateDir::take(state).unwrap()).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// So many of it per instance, over a few seconds, with no pause between actions.
fn follow(spec: &mut TenantSpec, metrics: &[(Metric, Amount)]) {
    let signal = |(metric, threshold): &(Metric, Amount)| Signal {
        monitor: Monitor {
            metric: metric.clone(),
            aggregation: Aggregation::Average,
            window: SignedDuration::from_secs(2),
        },
        response: Response::Target(Target {
            threshold: *threshold,
            tolerance: Amount::ZERO,
            reactive: true,
            proactive: Proactive::Off,
        }),
    };
    let policy = &mut spec.policy;
    policy.signals = metrics.iter().map(signal).collect();
    policy.buffer = PerDirection::both(SignedDuration::ZERO);
    policy.stabilization = PerDirection::both(SignedDuration::ZERO);
    policy.warm_up = SignedDuration::ZERO;
    policy.drain = SignedDuration::ZERO;
}

/// A tenant that is there when the service starts. `clouds` is what the configuration says of them.
pub(crate) fn apply(state: &Path, clouds: &str, file: &str, metrics: &[(Metric, Amount)]) {
    let (config, _) = Config::read(clouds, "asaas.yml", Path::new("/")).unwrap();
    let mut spec = tenant_file::read(file, "demo.yml", &config.known())
        .unwrap()
        .spec;
    follow(&mut spec, metrics);
    put(&store(state), &spec, file);
}

/// A tenant that is there already follows these from now on.
pub(crate) fn change(state: &Path, tenant: &str, metrics: &[(Metric, Amount)]) {
    let store = store(state);
    let tenant: TenantName = tenant.parse().unwrap();
    let wish = runtime().block_on(store.wish(&tenant)).unwrap().unwrap();
    let mut spec = wish.spec;
    follow(&mut spec, metrics);
    put(&store, &spec, "");
}

fn put(store: &SqliteStore, spec: &TenantSpec, text: &str) {
    let now = Now::at(Timestamp::now());
    let applied = runtime().block_on(store.apply(spec, text, None, now, "test"));
    applied.unwrap().unwrap();
}
