//! Nodes: processes that run the shipped loop for every tenant they can take up. They are started, killed, stopped and told to
//! end; what they leave behind is what they had done by then.

use std::collections::BTreeMap;
use std::sync::Arc;

use controller::drive::{self, Wake};
use controller::id::CloudName;
use controller::market::Market;
use controller::ports::{Ports, Southbound};

use crate::cloud::port::CloudPort;
use crate::draw::{market, stream};
use crate::executor::Group;
use crate::moment::{MILLI, SECOND, Span};
use crate::seat::{Seat, World};
use crate::store::lease;

/// Who found a tenant taken looks again after about so long.
const LOOK_AGAIN: Span = SECOND;

/// A node's process.
pub(crate) fn group(node: usize) -> Group {
    node + 1
}

/// Starts a node that is down.
pub(crate) fn start(world: &World, seed: u64, node: usize) {
    let (life, tenants) = {
        let truth = &mut *world.truth();
        let now = truth.now;
        let here = &mut truth.nodes[node];
        here.is_up = true;
        here.is_stopped = false;
        here.life += 1;
        here.steady_wrong = here.wall_wrong;
        here.lease = None;
        here.epochs.clear();
        here.wishes.clear();
        here.wakes.clear();
        here.under_way.clear();
        let life = here.life;
        truth.set_steady(node);
        if !truth.is_shared() {
            // The lock of a store of its own is free when its process has ended.
            truth.store.leases.clear();
        }
        truth.log.world(now, "node starts", node);
        (life, truth.tenants.len())
    };
    let seat = Seat {
        world: world.clone(),
        node,
        life,
    };
    let keeper = seat.clone();
    world.handle.spawn(group(node), move || lease::keep(keeper));
    for tenant in 0..tenants {
        let seat = seat.clone();
        world
            .handle
            .spawn(group(node), move || look_after(seat, seed, tenant));
    }
}

/// Runs the shipped loop for a tenant whenever nobody else does.
async fn look_after(seat: Seat, seed: u64, tenant: usize) {
    let mut chance = stream(seed, &format!("node {} {} {tenant}", seat.node, seat.life));
    let (name, pace) = {
        let truth = &*seat.truth();
        (truth.tenants[tenant].name.clone(), truth.pace)
    };
    seat.sleep(chance.u64(40 * MILLI..SECOND)).await;
    loop {
        let wake = Arc::new(Wake::default());
        let known = wake.clone();
        seat.truth().nodes[seat.node].wakes.insert(tenant, known);
        let ports = ports(&seat);
        let own = chance.u64(..);
        let ended = drive::run(name.clone(), ports, pace, own, wake, |_| {}).await;
        if matches!(ended, Ok(drive::Ended::Stopped)) {
            return;
        }
        let pause = chance.u64(LOOK_AGAIN / 2..LOOK_AGAIN * 2);
        seat.sleep(pause).await;
    }
}

fn ports(seat: &Seat) -> Ports {
    let (names, market): (Vec<CloudName>, Market) = {
        let truth = &*seat.truth();
        let drawn = || truth.clouds.iter().map(|cloud| &cloud.drawn);
        let names = drawn().map(|cloud| cloud.name.clone());
        (names.collect(), market(drawn()))
    };
    let cloud = |(cloud, name): (usize, CloudName)| {
        let port: Arc<dyn Southbound> = Arc::new(CloudPort {
            seat: seat.clone(),
            cloud,
            name: name.clone(),
        });
        (name, port)
    };
    let clouds: BTreeMap<_, _> = names.into_iter().enumerate().map(cloud).collect();
    let seat = Arc::new(seat.clone());
    Ports {
        clouds,
        market: Arc::new(market),
        dataplane: seat.clone(),
        meter: seat.clone(),
        store: seat.clone(),
        clock: seat,
    }
}

/// Ends a node at whatever it is at.
pub(crate) fn kill(world: &World, node: usize) {
    {
        let truth = &mut *world.truth();
        note_half_done(truth, node);
        let now = truth.now;
        truth.nodes[node].is_up = false;
        truth.nodes[node].is_stopped = false;
        truth.nodes[node].wakes.clear();
        truth.log.world(now, "node is killed", node);
    }
    world.handle.kill(group(node));
}

/// Which half-done things the node leaves, for the coverage.
fn note_half_done(truth: &mut crate::truth::Truth, node: usize) {
    use controller::instance::Phase;
    let owned: Vec<usize> = truth.nodes[node].epochs.keys().copied().collect();
    for tenant in owned {
        let records = truth.tenants[tenant].kept.records.values();
        let intents = records.filter(|record| record.phase == Phase::Intent);
        let made: Vec<bool> = intents
            .map(|record| truth.real(tenant, record.id).is_some())
            .collect();
        if made.contains(&false) {
            truth
                .coverage
                .row("a node dies between a record and its effect");
        }
        if made.contains(&true) {
            truth
                .coverage
                .row("a node dies between an effect and its record");
        }
    }
}

/// Has a node poll nothing until it is woken.
pub(crate) fn stop(world: &World, node: usize) {
    let truth = &mut *world.truth();
    let now = truth.now;
    truth.nodes[node].is_stopped = true;
    truth.log.world(now, "node is stopped", node);
    world.handle.stop(group(node));
}

/// Has a stopped node go on.
pub(crate) fn wake(world: &World, node: usize) {
    let truth = &mut *world.truth();
    let now = truth.now;
    let here = &mut truth.nodes[node];
    here.is_stopped = false;
    here.woke = now;
    let taken: Vec<(usize, controller::id::Epoch)> = here
        .epochs
        .iter()
        .map(|(tenant, (epoch, _))| (*tenant, *epoch))
        .collect();
    if taken
        .iter()
        .any(|(tenant, epoch)| truth.tenants[*tenant].kept.epoch != *epoch)
    {
        truth
            .coverage
            .row("a node wakes after another has taken over");
    }
    truth.log.world(now, "node wakes", node);
    world.handle.wake(group(node));
}

/// Tells a node to end, as for an upgrade: its ticks end, and it gives its lease back.
pub(crate) async fn end(world: &World, node: usize) {
    let life = {
        let here = &world.truth().nodes[node];
        for wake in here.wakes.values() {
            wake.stop();
        }
        here.life
    };
    world.sleep(3 * SECOND).await;
    if world.truth().nodes[node].life != life {
        return;
    }
    lease::revoke(&mut world.truth(), node);
    kill(world, node);
}
