//! How long one tenant's rule change takes on a host with many tenants.

use std::time::Instant;

use controller::ports::Dataplane;

use crate::world::{EPOCH, Tenant, World, endpoint, plane};
use crate::{Bar, median, report};

const TENANTS: usize = 100;
const CHANGES: usize = 60;

pub(crate) async fn run() -> bool {
    let mut world = World::new().await;
    let started = Instant::now();
    for number in 1..TENANTS {
        // Without servers: only rules and links are looked at.
        bare_tenant(&mut world, &format!("t{number}")).await;
        if number % 25 == 0 {
            eprintln!("{number} tenants after {:.1?}", started.elapsed());
        }
    }
    let mut tenant = bare_tenant(&mut world, "measured").await;
    let mut taken = Vec::new();
    for change in 0..CHANGES {
        let endpoint = &mut tenant.plan.endpoints[change % 5];
        endpoint.is_backend = !endpoint.is_backend;
        let before = Instant::now();
        world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
        taken.push(before.elapsed().as_secs_f64() * 1e3);
    }
    let (mut plugged, mut unchanged, mut looked) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..10 {
        let before = Instant::now();
        world.add(&mut tenant, 0).await;
        plugged.push(before.elapsed().as_secs_f64() * 1e3);
        world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
        let before = Instant::now();
        world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
        unchanged.push(before.elapsed().as_secs_f64() * 1e6);
        let before = Instant::now();
        plane(&world.settings, &world.woken)
            .apply(EPOCH, &tenant.plan)
            .await
            .unwrap();
        looked.push(before.elapsed().as_secs_f64() * 1e3);
    }
    println!("       joining an instance took {:.1} ms", median(plugged));
    println!(
        "       applying a plan that is in force took {:.1} us",
        median(unchanged)
    );
    println!(
        "       looking at everything once took {:.1} ms",
        median(looked)
    );
    let mut sorted = taken.clone();
    sorted.sort_by(f64::total_cmp);
    println!(
        "       rule changes took {:.1} to {:.1} ms",
        sorted[0],
        sorted[CHANGES - 1]
    );
    report(
        "rule change of one tenant among 100, read back",
        median(taken),
        " ms",
        Bar::AtMost(25.0),
    )
}

/// A tenant whose instances, three in one site and two in the other, are only in its plan: rules and links without anybody
/// behind them.
async fn bare_tenant(world: &mut World, name: &str) -> Tenant {
    let mut tenant = world.tenant(name, &[0, 0]).await;
    for site in [0, 0, 0, 1, 1] {
        let endpoint = endpoint(&tenant, site);
        tenant.plan.endpoints.push(endpoint);
    }
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    tenant
}
