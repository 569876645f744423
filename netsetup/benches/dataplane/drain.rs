//! A hundred instances leave under load, in the right order and in the wrong one.

use std::time::{Duration, Instant};

use controller::ports::Dataplane;

use crate::load::Load;
use crate::traffic::LIMIT;
use crate::world::{EPOCH, Tenant, World};
use crate::{Bar, report};

const CYCLES: usize = 100;
const CLIENTS: usize = 4;

pub(crate) async fn run() -> bool {
    let right = cycles(CYCLES, true).await;
    let wrong = cycles(2, false).await;
    println!(
        "       connections: {} in the right order, {} in the wrong one",
        right.1, wrong.1
    );
    let is_met = report(
        "broken by 100 drains",
        f64::from(right.0),
        "",
        Bar::AtMost(0.0),
    );
    is_met
        & report(
            "broken by 2 removals in the wrong order",
            f64::from(wrong.0),
            "",
            Bar::AtLeast(1.0),
        )
}

/// So many instances come and go; returns how many connections were broken, and made.
async fn cycles(cycles: usize, is_drained: bool) -> (u32, usize) {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1, 1]).await;
    let loads: Vec<_> = (0..CLIENTS)
        .map(|_| Load::start(world.client(), tenant.public()))
        .collect();
    for cycle in 0..cycles {
        world.add(&mut tenant, cycle % 2).await;
        world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
        if is_drained {
            tenant.plan.endpoints[0].is_backend = false;
            world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
            let id = tenant.id(0);
            let is_idle =
                |seen: &controller::network::NetworkSeen| seen.endpoints[&id].flows == Some(0);
            world.until(&tenant, "the instance is idle", is_idle).await;
        }
        let before = broken(&loads);
        end(&world, &mut tenant).await;
        // The rules still lead to the one that is gone, until somebody has met it.
        let limit = Instant::now() + 2 * LIMIT;
        while !is_drained && broken(&loads) == before && Instant::now() < limit {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
        if cycle % 25 == 24 {
            eprintln!("{} of {cycles} instances have left", cycle + 1);
        }
    }
    let tallies: Vec<_> = loads.into_iter().map(Load::stop).collect();
    let broken = tallies.iter().map(|tally| tally.broken).sum::<usize>();
    let made = tallies
        .iter()
        .flat_map(|tally| tally.answered.values())
        .sum();
    (u32::try_from(broken).unwrap(), made)
}

fn broken(loads: &[Load]) -> usize {
    loads.iter().map(Load::broken).sum()
}

/// Ends the oldest instance: server, cable and all.
async fn end(world: &World, tenant: &mut Tenant) {
    let gone = tenant.plan.endpoints.remove(0);
    drop(tenant.instances.remove(0));
    let plane = &world.plane;
    plane
        .unplug(&tenant.plan.tenant, &gone.cloud, gone.instance)
        .await
        .unwrap();
    plane
        .forget(EPOCH, &tenant.plan.tenant, &gone.cloud, gone.address)
        .await
        .unwrap();
}
