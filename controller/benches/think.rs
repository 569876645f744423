//! How long it takes to think: settle, decide, place, plan and check, for one tenant at rest and for one that grows.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

use std::collections::BTreeMap;
use std::hint::black_box;

use controller::amount::Amount;
use controller::example;
use controller::history::History;
use controller::id::{Generation, InstanceId};
use controller::instance::Instance;
use controller::load::{Metric, Sample};
use controller::market::Market;
use controller::network::{EndpointSeen, Health, NetworkSeen};
use controller::observe::Observed;
use controller::plan::{Situation, plan, survey};
use controller::ports::{CloudState, InstanceSeen, Orders, Wish};
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::SignedDuration;

fn think(criterion: &mut Criterion) {
    for (name, count, load) in [
        ("5 at rest", 5, 500_000),
        ("5 that grow", 5, 900_000),
        ("100 at rest", 100, 500_000),
    ] {
        let mut spec = example::spec();
        spec.instances.max = 200;
        let now = example::now().after(SignedDuration::from_mins(10));
        let instances: BTreeMap<InstanceId, Instance> = (0..count)
            .map(example::instance)
            .map(|instance| (instance.id, instance))
            .collect();
        let mut history = History::new(SignedDuration::from_secs(1));
        history.in_force = Some(count);
        let value = Amount::from_millionths(load);
        for id in instances.keys() {
            history.measure(&[Sample {
                instance: Some(*id),
                metric: Metric::Cpu,
                value,
                at: now.steady,
            }]);
        }
        for second in 0..30 {
            let readings = example::readings(Metric::Cpu, value, count);
            let earlier = now.after(SignedDuration::from_secs(second - 30));
            history.read(&spec.policy, &readings, earlier);
        }
        let seen = instances.values().map(|instance| InstanceSeen {
            provider: instance.provider.clone().unwrap(),
            id: instance.id,
            state: CloudState::Running,
        });
        let endpoint = EndpointSeen {
            health: Health::Healthy,
            is_routed: true,
            flows: Some(0),
        };
        let observed = Observed {
            clouds: [
                ("a".parse().unwrap(), Ok(seen.collect())),
                ("b".parse().unwrap(), Ok(Vec::new())),
            ]
            .into(),
            network: Ok(NetworkSeen {
                tunnel: String::new(),
                endpoints: instances.keys().map(|id| (*id, endpoint.clone())).collect(),
            }),
            samples: Ok(Vec::new()),
        };
        let wish = Wish {
            spec,
            generation: Generation(1),
            orders: Orders::default(),
        };
        let market = Market::default();
        let situation = Situation {
            wish: &wish,
            instances: &instances,
            observed: &observed,
            removed: &[],
            now,
            stale: SignedDuration::from_secs(30),
            market: &market,
        };
        let mut chance = fastrand::Rng::with_seed(1);
        criterion.bench_function(&format!("think/{name}"), |bencher| {
            bencher.iter(|| {
                let survey = survey(&situation, &history);
                black_box(plan(&situation, &survey, &history, &mut chance))
            });
        });
    }
}

criterion_group!(benches, think);
criterion_main!(benches);
