//! Connections are counted where they are shared out.

use controller::amount::Amount;
use controller::id::TenantName;
use controller::instance::{Instance, Phase};
use controller::load::Metric;
use controller::ports::{Dataplane, Measurement, Meter};
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};

use crate::traffic::{connect, count_tcp};
use crate::world::{EPOCH, Tenant, World};

fn instances(tenant: &Tenant) -> Vec<Instance> {
    let made = |endpoint: &controller::network::Endpoint| Instance {
        id: endpoint.instance,
        slot: 0,
        cloud: endpoint.cloud.clone(),
        template: "web".parse().unwrap(),
        offering: controller::offering::Offering::default(),
        fingerprint: None,
        address: endpoint.address,
        phase: Phase::InService,
        is_pooled: false,
        since: Timestamp::UNIX_EPOCH,
        created: Timestamp::UNIX_EPOCH,
        provider: None,
        in_service: None,
        drain: None,
        missing: None,
    };
    tenant.plan.endpoints.iter().map(made).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_connections_are_counted_through_a_change_of_the_rules() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1, 1]).await;
    let meter = world.plane.meter();
    let start = Now::at(Timestamp::UNIX_EPOCH);
    let name = tenant.plan.tenant.clone();
    let first = meter
        .sample(&asked(&name, &instances(&tenant), start))
        .await
        .unwrap();
    let rates = |samples: &[controller::load::Sample]| -> Vec<Amount> {
        let rates = samples
            .iter()
            .filter(|s| s.metric == Metric::ConnectionsPerSecond);
        rates.map(|sample| sample.value).collect()
    };
    assert!(rates(&first).is_empty(), "a rate needs two readings");

    count_tcp(&world.client(), tenant.public(), 20);
    world.add(&mut tenant, 0).await;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    count_tcp(&world.client(), tenant.public(), 20);
    let later = start.after(SignedDuration::from_secs(10));
    let old_ones = &instances(&tenant)[..2];
    let second = meter.sample(&asked(&name, old_ones, later)).await.unwrap();

    let sum: Amount = rates(&second).into_iter().sum();
    assert_eq!(rates(&second).len(), 2);
    // Forty in ten seconds, less what the third instance got of the last twenty.
    assert!(sum > Amount::whole(2) && sum <= Amount::whole(4), "{sum}");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_are_read_and_one_out_of_rotation_is_left_out() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[2]).await;
    tenant.plan.endpoints[1].is_backend = false;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    let open: Vec<_> = (0..3)
        .map(|_| connect(&world.client(), tenant.public()).unwrap())
        .collect();

    let now = Now::at(Timestamp::UNIX_EPOCH);
    let name = &tenant.plan.tenant;
    let meter = world.plane.meter();
    let samples = meter
        .sample(&asked(name, &instances(&tenant), now))
        .await
        .unwrap();

    assert_eq!(samples.len(), 1, "{samples:?}");
    assert_eq!(samples[0].instance, Some(tenant.id(0)));
    assert_eq!(samples[0].metric, Metric::Connections);
    assert_eq!(samples[0].value, Amount::whole(3));
    drop(open);
}

fn asked<'a>(tenant: &'a TenantName, instances: &'a [Instance], now: Now) -> Measurement<'a> {
    Measurement {
        tenant,
        instances,
        metrics: &[],
        now,
    }
}
