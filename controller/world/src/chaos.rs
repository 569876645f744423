//! When faults strike that are not drawn call by call: each kind that is in this world comes again and again, at its own rate,
//! and lasts for as long as chance has it.

use controller::offering::Offering;

use crate::clients::exponential;
use crate::draw::stream;
use crate::executor::WORLD;
use crate::fault::Fault;
use crate::moment::{HOUR, MINUTE, SECOND, Span};
use crate::mood::Moods;
use crate::node;
use crate::real::{NEVER, Real};
use crate::seat::{Seat, World};
use crate::truth::Truth;

/// A fault that comes about every so often, and lasts between so long and so long.
struct Spell(Fault, Span, Span, Span);

const OF_CLOUDS: [Spell; 8] = [
    Spell(Fault::ServerErrors, 40 * MINUTE, 10 * SECOND, 5 * MINUTE),
    Spell(Fault::Denied, 2 * HOUR, 30 * SECOND, 10 * MINUTE),
    Spell(Fault::DeleteDenied, HOUR, 30 * SECOND, 15 * MINUTE),
    Spell(Fault::NoCapacity, HOUR, 30 * SECOND, 20 * MINUTE),
    Spell(Fault::EmptyListing, 40 * MINUTE, 5 * SECOND, 4 * MINUTE),
    Spell(Fault::PartialListing, 40 * MINUTE, 5 * SECOND, 5 * MINUTE),
    Spell(Fault::NeverHealthy, 2 * HOUR, 5 * MINUTE, 40 * MINUTE),
    Spell(Fault::WrongTags, HOUR, 5 * SECOND, 10 * MINUTE),
];

const OF_METERS: [Spell; 9] = [
    Spell(Fault::SilentOne, 30 * MINUTE, 10 * SECOND, 15 * MINUTE),
    Spell(Fault::SilentAll, 40 * MINUTE, 10 * SECOND, 10 * MINUTE),
    Spell(Fault::SilentMetric, 20 * MINUTE, MINUTE, 15 * MINUTE),
    Spell(Fault::NotANumber, 40 * MINUTE, 10 * SECOND, 10 * MINUTE),
    Spell(Fault::LiteralZero, 40 * MINUTE, 10 * SECOND, 5 * MINUTE),
    Spell(Fault::Stuck, 40 * MINUTE, 10 * SECOND, 10 * MINUTE),
    Spell(Fault::Late, 40 * MINUTE, 10 * SECOND, 10 * MINUTE),
    Spell(Fault::Absurd, HOUR, 5 * SECOND, 2 * MINUTE),
    Spell(Fault::MeterFails, 40 * MINUTE, 10 * SECOND, 10 * MINUTE),
];

const OF_NETWORKS: [Spell; 3] = [
    Spell(Fault::LockHeld, 30 * MINUTE, SECOND, MINUTE),
    Spell(Fault::ObserveFails, 40 * MINUTE, SECOND, 40 * SECOND),
    Spell(Fault::ProbesBlind, HOUR, 2 * SECOND, MINUTE),
];

const OF_STORES: [Spell; 2] = [
    Spell(Fault::DiskFull, HOUR, 5 * SECOND, 10 * MINUTE),
    Spell(Fault::ReadFails, HOUR, SECOND, 30 * SECOND),
];

const OF_NODES: [Spell; 2] = [
    Spell(Fault::StorePartition, 40 * MINUTE, SECOND, 2 * MINUTE),
    Spell(Fault::CloudPartition, 40 * MINUTE, 5 * SECOND, 5 * MINUTE),
];

/// What is done to instances and rules in a moment, about so often.
const STROKES: [(Fault, Span); 6] = [
    (Fault::Stranger, 2 * HOUR),
    (Fault::Broken, HOUR),
    (Fault::Hiccup, 30 * MINUTE),
    (Fault::SpotKill, 40 * MINUTE),
    (Fault::Flush, 40 * MINUTE),
    (Fault::ForeignRule, HOUR),
];

/// What is done to nodes, about so often.
const TO_NODES: [(Fault, Span); 5] = [
    (Fault::Kill, 20 * MINUTE),
    (Fault::Upgrade, HOUR),
    (Fault::Stop, 30 * MINUTE),
    (Fault::WallSecond, 20 * MINUTE),
    (Fault::WallDay, 2 * HOUR),
];

/// Where the moods are that a spell sets.
type Where = for<'a> fn(&'a mut Truth, usize) -> &'a mut Moods;

/// Lets chance loose.
pub(crate) fn unleash(world: &World, seed: u64) {
    let (clouds, tenants, nodes) = {
        let truth = &*world.truth();
        (truth.clouds.len(), truth.tenants.len(), truth.nodes.len())
    };
    let spells = |index: usize, spells: &[Spell], place: Where| {
        for Spell(kind, every, least, most) in spells {
            let spell = Spell(*kind, *every, *least, *most);
            let own = world.clone();
            world
                .handle
                .spawn(WORLD, move || come_and_go(own, seed, index, spell, place));
        }
    };
    for index in 0..clouds {
        spells(index, &OF_CLOUDS, |truth, index| {
            &mut truth.clouds[index].moods
        });
    }
    for index in 0..tenants {
        spells(index, &OF_METERS, |truth, index| {
            &mut truth.tenants[index].moods
        });
        spells(index, &OF_NETWORKS, |truth, index| {
            &mut truth.tenants[index].network.moods
        });
        for (kind, every) in STROKES {
            let own = world.clone();
            world
                .handle
                .spawn(WORLD, move || strike(own, seed, index, kind, every));
        }
    }
    spells(0, &OF_STORES, |truth, _| &mut truth.store.moods);
    for index in 0..nodes {
        spells(index, &OF_NODES, |truth, index| {
            &mut truth.nodes[index].moods
        });
        for (kind, every) in TO_NODES {
            let own = world.clone();
            world
                .handle
                .spawn(WORLD, move || befall(own, seed, index, kind, every));
        }
    }
}

/// Waits until a kind strikes next; `None` where it is not in this world.
async fn next(world: &World, kind: Fault, every: Span, chance: &mut fastrand::Rng) -> Option<()> {
    let rate = world.truth().faults.rate(kind);
    if rate <= 0.0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hours")]
    let mean = every as f64 / rate;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and a few hours"
    )]
    let mean = mean as Span;
    world.sleep(exponential(mean, chance).max(SECOND)).await;
    let mut truth = world.truth();
    if truth.faults.are_over() {
        return None;
    }
    truth.faults.has_struck(kind);
    Some(())
}

async fn come_and_go(world: World, seed: u64, index: usize, spell: Spell, place: Where) {
    let Spell(kind, every, least, most) = spell;
    let mut chance = stream(seed, &format!("{} {index}", kind.name()));
    while next(&world, kind, every, &mut chance).await.is_some() {
        let lasts = exponential((least + most) / 3, &mut chance).clamp(least, most);
        let drawn = chance.usize(..4);
        let truth = &mut *world.truth();
        let now = truth.now;
        match kind {
            Fault::SilentOne => truth.tenants[index].silent = Some(drawn),
            // While one is silent, it stays that one.
            Fault::SilentMetric if !truth.tenants[index].moods.is_on(kind, now) => {
                let here = &mut truth.tenants[index];
                let followed = here.followed();
                here.silent_metric = followed.get(drawn % followed.len().max(1)).cloned();
            }
            _ => {}
        }
        place(truth, index).set(kind, now, now + lasts);
        truth.log.world(now, kind.name(), index);
    }
}

async fn strike(world: World, seed: u64, tenant: usize, kind: Fault, every: Span) {
    let mut chance = stream(seed, &format!("{} {tenant}", kind.name()));
    while next(&world, kind, every, &mut chance).await.is_some() {
        let truth = &mut *world.truth();
        let now = truth.now;
        match kind {
            Fault::Flush => truth.tenants[tenant].network.flush(now),
            Fault::Stranger => appear(truth, tenant, &mut chance),
            Fault::ForeignRule => truth.tenants[tenant].network.foreign += 1,
            _ => hit(truth, tenant, kind, &mut chance),
        }
        truth.log.world(now, kind.name(), tenant);
    }
}

/// Somebody else makes an instance like one of the tenant's.
fn appear(truth: &mut Truth, tenant: usize, chance: &mut fastrand::Rng) {
    let id = controller::id::InstanceId::new(chance.u32(..), chance.u32(..));
    let cloud = chance.usize(..truth.clouds.len());
    let like = truth.reals(tenant).next().cloned();
    let Some(like) = like else { return };
    let stranger = Real {
        offering: Offering::default(),
        tenant: None,
        id,
        provider: controller::id::ProviderId(format!("stranger/{id}")),
        made: truth.now,
        leaves_from: NEVER,
        gone_from: NEVER,
        ..like
    };
    truth.clouds[cloud].reals.insert(id, stranger);
}

/// Something befalls one of a tenant's instances.
fn hit(truth: &mut Truth, tenant: usize, kind: Fault, chance: &mut fastrand::Rng) {
    let now = truth.now;
    let there: Vec<_> = truth
        .reals(tenant)
        .filter(|real| real.serves(now))
        .collect();
    if there.is_empty() {
        return;
    }
    let id = there[chance.usize(..there.len())].id;
    let lasts = chance.u64(SECOND..MINUTE);
    let mut clouds = truth.clouds.iter_mut();
    let found = clouds.find_map(|cloud| cloud.reals.get_mut(&id));
    let Some(Real {
        ill,
        stopped_from,
        gone_from,
        ..
    }) = found
    else {
        return;
    };
    match kind {
        Fault::Broken => *ill = (now, NEVER),
        Fault::Hiccup => *ill = (now, now + lasts),
        // Some clouds show what they have stopped, some show nothing any more.
        _ if chance.bool() => *stopped_from = now,
        _ => *gone_from = now,
    }
    truth.cut(tenant, id);
}

async fn befall(world: World, seed: u64, index: usize, kind: Fault, every: Span) {
    let mut chance = stream(seed, &format!("{} {index}", kind.name()));
    while next(&world, kind, every, &mut chance).await.is_some() {
        let (is_up, is_stopped) = {
            let here = &world.truth().nodes[index];
            (here.is_up, here.is_stopped)
        };
        match kind {
            Fault::WallSecond => set_wall(&world, index, 1_000_000, &mut chance),
            Fault::WallDay => set_wall(&world, index, 86_400_000_000, &mut chance),
            Fault::Stop if is_up && !is_stopped => {
                hold(&world, index, chance.u64(SECOND..90 * SECOND)).await;
            }
            Fault::Upgrade if is_up && !is_stopped => {
                node::end(&world, index).await;
                world.sleep(chance.u64(SECOND..10 * SECOND)).await;
                revive(&world, seed, index);
            }
            Fault::Kill if is_up => {
                let lasts = chance.u64(SECOND / 10..40 * SECOND);
                fell(&world, seed, index, lasts).await;
            }
            _ => {}
        }
    }
}

/// Stops a node, and has it go on after this long, if it is still the same.
async fn hold(world: &World, index: usize, lasts: Span) {
    let life = world.truth().nodes[index].life;
    node::stop(world, index);
    world.sleep(lasts).await;
    let is_same = {
        let here = &world.truth().nodes[index];
        here.is_stopped && here.life == life
    };
    if is_same {
        node::wake(world, index);
    }
}

/// Kills a node, and starts it again after this long.
async fn fell(world: &World, seed: u64, index: usize, lasts: Span) {
    node::kill(world, index);
    world.sleep(lasts).await;
    revive(world, seed, index);
}

/// A brink: right between a thought and its effect, or an effect and its record, where being killed or stopped hurts most.
pub(crate) async fn brink(seat: &Seat, tenant: usize) {
    let (blow, lasts) = {
        let truth = &mut *seat.truth();
        if !truth.has_brinks || truth.nodes[seat.node].is_stopped {
            return;
        }
        let chance = &mut truth.tenants[tenant].chances.brink;
        let lasts = chance.u64(SECOND..90 * SECOND);
        if truth.faults.strikes(Fault::Kill, 0.002, chance) {
            (Fault::Kill, lasts / 3)
        } else if truth.faults.strikes(Fault::Stop, 0.002, chance) {
            (Fault::Stop, lasts)
        } else {
            return;
        }
    };
    let (world, node) = (seat.world.clone(), seat.node);
    seat.world.handle.spawn(WORLD, move || async move {
        if blow == Fault::Kill {
            fell(&world, world.seed, node, lasts).await;
        } else {
            hold(&world, node, lasts).await;
        }
    });
    // The blow falls before this is over.
    seat.sleep(1).await;
}

fn set_wall(world: &World, index: usize, by: i64, chance: &mut fastrand::Rng) {
    let truth = &mut *world.truth();
    truth.nodes[index].wall_wrong += if chance.bool() { by } else { -by };
}

/// Starts a node that is down.
pub(crate) fn revive(world: &World, seed: u64, index: usize) {
    let is_down = !world.truth().nodes[index].is_up;
    if is_down {
        node::start(world, seed, index);
    }
}
