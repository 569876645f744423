//! The test of the judges: each rule is shown what it forbids, and complains; and the same without the offence, and does not.

use controller::amount::Amount;
use controller::decision::{Decision, Guard, Step};
use controller::example;
use controller::id::{Epoch, InstanceId, ProviderId};
use controller::instance::{Cause, Drain, Instance, Phase};
use controller::journal::{Event, Move};
use controller::load::Metric;
use controller::market::CloudOffer;
use controller::network::{Endpoint, NetworkPlan};
use controller::offering::Offering;
use controller::policy::{PerDirection, Rate};
use jiff::SignedDuration;

use super::{launching, reaching, recording, removing, routing};
use crate::draw::draw;
use crate::fault::Fault;
use crate::kernel;
use crate::moment::{At, HOUR, MINUTE, SECOND, shown};
use crate::operator;
use crate::real::{NEVER, Real};
use crate::truth::Truth;

/// An hour into a world in which nothing has happened but one tenant, of one to three instances.
fn quiet() -> Truth {
    let mut drawn = draw(1, &[]);
    drawn.tenants.truncate(1);
    let mut spec = drawn.tenants[0].spec.clone();
    (spec.instances.min, spec.instances.max, spec.instances.surge) = (1, 3, 0);
    let mut truth = Truth::new(1, drawn, false);
    operator::create(&mut truth, 0, spec);
    truth.now = HOUR;
    truth
}

fn record(truth: &Truth, slot: u32, phase: Phase) -> Instance {
    Instance {
        cloud: truth.clouds[0].drawn.name.clone(),
        phase,
        ..example::instance(slot)
    }
}

/// An instance that has served for half an hour.
fn real(record: &Instance) -> Real {
    Real {
        offering: record.offering.clone(),
        tenant: Some(0),
        id: record.id,
        provider: ProviderId(record.id.to_string()),
        address: record.address,
        made: 30 * MINUTE,
        is_half_made: false,
        is_to_fail: false,
        running_from: 30 * MINUTE,
        well_from: 30 * MINUTE,
        ill: (NEVER, NEVER),
        stopped_from: NEVER,
        leaves_from: NEVER,
        gone_from: NEVER,
        shown: (0, 0),
    }
}

/// Has so many instances recorded as in `phase` that really serve.
fn with(truth: &mut Truth, count: u32, phase: Phase) -> Vec<Instance> {
    let records: Vec<Instance> = (0..count).map(|slot| record(truth, slot, phase)).collect();
    for one in &records {
        truth.clouds[0].reals.insert(one.id, real(one));
        truth.tenants[0].kept.records.insert(one.id, one.clone());
        truth.tenants[0].kept.wished.insert(one.id, 30 * MINUTE);
    }
    records
}

fn plan(truth: &Truth, backends: &[InstanceId]) -> NetworkPlan {
    let spec = truth.tenants[0].spec.clone().unwrap();
    let records = truth.tenants[0].kept.records.values();
    NetworkPlan {
        tenant: spec.tenant,
        public_ip: spec.network.public_ip,
        is_open: true,
        listen: spec.service.listen,
        split: spec.network.split,
        subnets: spec.network.subnets,
        sites: Vec::new(),
        endpoints: records
            .map(|one| Endpoint {
                instance: one.id,
                cloud: one.cloud.clone(),
                address: one.address,
                mac: one.mac(),
                is_backend: backends.contains(&one.id),
                is_probed: true,
            })
            .collect(),
        health: spec.service.health,
    }
}

/// Rules that lead to these have been in force for long.
fn lead(truth: &mut Truth, backends: &[InstanceId]) {
    let plan = plan(truth, backends);
    kernel::apply(truth, 0, 0, Epoch(1), &plan).unwrap();
    truth.now += 10 * MINUTE;
    truth.oracle.violations.clear();
}

fn change(truth: &Truth, backends: &[InstanceId]) -> routing::Change {
    routing::Change::of(truth, 0, 0, &plan(truth, backends))
}

fn moved(one: &Instance, from: Option<Phase>, to: Phase, cause: Option<Cause>) -> Event {
    Event::Moved(Move {
        instance: one.id,
        cloud: one.cloud.clone(),
        address: one.address,
        from,
        to,
        why: String::new(),
        drain: cause.map(drain),
    })
}

fn drain(cause: Cause) -> Drain {
    Drain {
        cause,
        started: shown(HOUR, 0),
        limit: SignedDuration::from_secs(60),
        flows_at_start: None,
        flows_at_end: None,
    }
}

/// The signals' decision to go from one number to another.
fn decided(before: u32, desired: u32) -> Decision {
    Decision {
        before,
        desired,
        steps: vec![Step {
            guard: Guard::Target,
            number: desired,
            note: String::new(),
        }],
        ..Decision::default()
    }
}

#[test]
fn i1_a_fourth_of_three() {
    let mut truth = quiet();
    let three = with(&mut truth, 3, Phase::InService);
    let fourth = record(&truth, 3, Phase::Intent);
    truth.tenants[0]
        .kept
        .records
        .insert(fourth.id, fourth.clone());
    assert!(launching::ceiling(&truth, 0, &real(&fourth)).is_some());
    assert!(recording::ceiling(&truth, 0, &[record(&truth, 4, Phase::Intent)]).is_some());

    truth.clouds[0].reals.remove(&three[0].id);
    assert_eq!(launching::ceiling(&truth, 0, &real(&fourth)), None);
    assert_eq!(recording::ceiling(&truth, 0, &three), None);
}

#[test]
fn i2_the_last_that_serves_is_taken_out() {
    let mut truth = quiet();
    let one = with(&mut truth, 1, Phase::InService)[0].id;
    lead(&mut truth, &[one]);
    assert!(routing::floor(&truth, &change(&truth, &[])).is_some());
    assert_eq!(routing::floor(&truth, &change(&truth, &[one])), None);
}

#[test]
fn i2_one_of_those_that_drain_makes_room_where_there_is_none() {
    let mut truth = quiet();
    let three = with(&mut truth, 3, Phase::Draining);
    lead(&mut truth, &[three[0].id, three[1].id]);
    let records = &mut truth.tenants[0].kept.records;
    records.get_mut(&three[0].id).unwrap().phase = Phase::Terminating;
    records.get_mut(&three[1].id).unwrap().phase = Phase::Terminating;
    assert_eq!(routing::floor(&truth, &change(&truth, &[])), None);

    truth.tenants[0].kept.records.remove(&three[2].id);
    assert!(routing::floor(&truth, &change(&truth, &[])).is_some());
}

#[test]
fn i3_fewer_are_wanted_in_silence_and_after_a_fall_to_zero() {
    let mut truth = quiet();
    let now = truth.now;
    assert_eq!(recording::silence(&truth, 0, &decided(3, 2)), None);
    truth.tenants[0]
        .moods
        .set(Fault::SilentAll, now - 5 * MINUTE, now + MINUTE);
    assert!(recording::silence(&truth, 0, &decided(3, 2)).is_some());
    assert_eq!(recording::silence(&truth, 0, &decided(3, 4)), None);
    truth.tenants[0].moods.end(now);
    let policy = &mut truth.tenants[0].kept.wish.as_mut().unwrap().spec.policy;
    policy.signals = example::spec().policy.signals;
    for (metric, is_followed) in [(Metric::Memory, false), (Metric::Cpu, true)] {
        truth.tenants[0].silent_metric = Some(metric);
        let silent = &mut truth.tenants[0].moods;
        silent.set(Fault::SilentMetric, now - 5 * MINUTE, now + MINUTE);
        let found = recording::silence(&truth, 0, &decided(3, 2));
        assert_eq!(found.is_some(), is_followed);
    }

    truth.pace.tick = SignedDuration::from_secs(30);
    assert_eq!(recording::zero(&truth, 0, &decided(3, 2)), None);
    truth.tenants[0].zeroed = Some((now - 55 * SECOND, Amount::ONE));
    assert!(recording::zero(&truth, 0, &decided(3, 2)).is_some());
    truth.tenants[0].leapt = now;
    assert_eq!(recording::zero(&truth, 0, &decided(3, 2)), None);
}

#[test]
fn i4_a_step_too_far_and_a_rate_too_high() {
    let mut truth = quiet();
    let policy = &mut truth.tenants[0].kept.wish.as_mut().unwrap().spec.policy;
    policy.max_step = PerDirection::both(Some(2));
    policy.max_rate = PerDirection::both(Some(Rate {
        instances: 3,
        per: SignedDuration::from_mins(5),
    }));
    assert!(recording::step(&truth, 0, &decided(1, 4)).is_some());
    assert_eq!(recording::step(&truth, 0, &decided(1, 3)), None);

    let now = truth.now;
    truth.tenants[0].deeds.changes.push((now - MINUTE, 2));
    assert!(recording::rate(&truth, 0, &decided(1, 3)).is_some());
    assert_eq!(recording::rate(&truth, 0, &decided(1, 2)), None);
}

#[test]
fn i5_two_of_three_are_replaced_at_once() {
    let mut truth = quiet();
    let three = with(&mut truth, 3, Phase::InService);
    let leave = |one| {
        moved(
            one,
            Some(Phase::InService),
            Phase::Draining,
            Some(Cause::Unhealthy),
        )
    };
    let two = [leave(&three[0]), leave(&three[1])];
    assert!(recording::one_at_a_time(&truth, 0, &two).is_some());
    assert_eq!(recording::one_at_a_time(&truth, 0, &two[..1]), None);
}

#[test]
fn i6_what_exists_is_over() {
    let mut truth = quiet();
    let one = with(&mut truth, 1, Phase::Terminating)[0].clone();
    let gone = Instance {
        phase: Phase::Gone,
        ..one.clone()
    };
    assert!(recording::dead(&truth, 0, std::slice::from_ref(&gone)).is_some());
    truth.clouds[0].reals.get_mut(&one.id).unwrap().leaves_from = HOUR - 1;
    assert_eq!(recording::dead(&truth, 0, &[gone]), None);
}

#[test]
fn i6_one_that_runs_is_said_to_have_died() {
    let mut truth = quiet();
    let one = with(&mut truth, 1, Phase::InService)[0].clone();
    let dead = moved(
        &one,
        Some(Phase::InService),
        Phase::Terminating,
        Some(Cause::Died),
    );
    assert!(recording::buried(&truth, 0, std::slice::from_ref(&dead)).is_some());
    truth.clouds[0].reals.get_mut(&one.id).unwrap().stopped_from = HOUR - 1;
    assert_eq!(recording::buried(&truth, 0, &[dead]), None);
}

#[test]
fn i7_somebody_who_serves_or_is_a_stranger_is_removed() {
    let mut truth = quiet();
    let one = with(&mut truth, 1, Phase::InService)[0].clone();
    assert!(removing::recorded(&truth, 0, &real(&one)).is_some());
    let stranger = Real {
        tenant: None,
        ..real(&one)
    };
    assert!(removing::recorded(&truth, 0, &stranger).is_some());
    let young: At = truth.now - SECOND;
    let stray = record(&truth, 2, Phase::Intent);
    let too_soon = Real {
        made: young,
        ..real(&stray)
    };
    assert!(removing::recorded(&truth, 0, &too_soon).is_some());
    assert_eq!(removing::recorded(&truth, 0, &real(&stray)), None);
}

#[test]
fn i8_an_intent_makes_two() {
    let mut truth = quiet();
    let one = real(&with(&mut truth, 1, Phase::Launching)[0]);
    truth.tenants[0].deeds.made.insert(one.id, 1);
    assert_eq!(launching::once(&truth, 0, &one), None);
    truth.tenants[0].deeds.made.insert(one.id, 2);
    assert!(launching::once(&truth, 0, &one).is_some());
}

#[test]
fn i9_a_lower_epoch_changes_nothing() {
    let mut truth = quiet();
    let plan = plan(&truth, &[]);
    assert!(kernel::apply(&mut truth, 0, 0, Epoch(2), &plan).is_ok());
    assert!(kernel::apply(&mut truth, 0, 0, Epoch(1), &plan).is_err());
}

#[test]
fn i10_out_of_the_rules_first_then_the_limit_then_away() {
    let mut truth = quiet();
    let one = with(&mut truth, 1, Phase::InService)[0].clone();
    lead(&mut truth, &[one.id]);
    assert!(removing::steered(&truth, 0, &real(&one)).is_some());
    *truth.tenants[0].network.live.entry(one.id).or_default() = 1;
    let record = truth.tenants[0].kept.records.get_mut(&one.id).unwrap();
    record.drain = Some(drain(Cause::ScaleIn));
    lead(&mut truth, &[]);
    assert_eq!(removing::steered(&truth, 0, &real(&one)), None);

    truth.now -= 10 * MINUTE - 30 * SECOND;
    assert!(removing::drained(&truth, 0, &real(&one)).is_some());
    for (ahead, is_excused) in [(1_000_000, false), (50_000_000, true)] {
        truth.nodes[0].steady_wrong += ahead;
        truth.go_by(0, 0);
        let found = removing::drained(&truth, 0, &real(&one));
        assert_eq!(found.is_none(), is_excused, "a clock ahead by {ahead} µs");
    }
    truth.tenants[0].leapt = 0;
    truth.now += 30 * SECOND;
    assert_eq!(removing::drained(&truth, 0, &real(&one)), None);
}

#[test]
fn i10_an_address_that_is_not_free() {
    let mut truth = quiet();
    let old = with(&mut truth, 1, Phase::InService)[0].clone();
    let new = Instance {
        address: old.address,
        ..record(&truth, 1, Phase::Intent)
    };
    truth.tenants[0].kept.records.insert(new.id, new.clone());
    assert!(launching::address(&truth, 0, 0, &real(&new)).is_some());
    let one = truth.clouds[0].reals.get_mut(&old.id).unwrap();
    (one.leaves_from, one.shown.0) = (HOUR - MINUTE, HOUR + MINUTE);
    assert!(launching::address(&truth, 0, 0, &real(&new)).is_some());
    truth.tenants[0].leapt = HOUR - SECOND;
    assert_eq!(launching::address(&truth, 0, 0, &real(&new)), None);
    truth.clouds[0].reals.clear();
    assert_eq!(launching::address(&truth, 0, 0, &real(&new)), None);
    truth.tenants[0]
        .network
        .rows
        .insert((old.cloud, old.address), 1);
    assert!(launching::address(&truth, 0, 0, &real(&new)).is_some());
}

#[test]
fn i10_a_client_is_led_to_who_was_never_well_or_was_removed() {
    let mut truth = quiet();
    let id = with(&mut truth, 1, Phase::InService)[0].id;
    assert_eq!(reaching::serving(&truth, 0, id), None);
    let one = truth.clouds[0].reals.get_mut(&id).unwrap();
    one.well_from = NEVER;
    assert!(reaching::serving(&truth, 0, id).is_some());
    let one = truth.clouds[0].reals.get_mut(&id).unwrap();
    (one.well_from, one.leaves_from) = (0, HOUR - 1);
    assert!(reaching::serving(&truth, 0, id).is_some());
    truth.clouds[0].reals.get_mut(&id).unwrap().stopped_from = HOUR - 2;
    assert_eq!(
        reaching::serving(&truth, 0, id),
        None,
        "it was stopped by others before"
    );
}

#[test]
fn i10_i12_i15_rules_that_lead_to_the_wrong_ones() {
    let mut truth = quiet();
    let two = with(&mut truth, 2, Phase::InService);
    lead(&mut truth, &[two[0].id, two[1].id]);
    assert!(routing::kept(&truth, &change(&truth, &[two[0].id])).is_some());
    assert_eq!(
        routing::kept(&truth, &change(&truth, &[two[0].id, two[1].id])),
        None
    );

    assert_eq!(
        routing::steered(&truth, &change(&truth, &[two[1].id])),
        None
    );
    let both = change(&truth, &[two[1].id]);
    truth.tenants[0]
        .kept
        .records
        .get_mut(&two[1].id)
        .unwrap()
        .phase = Phase::Booting;
    assert!(routing::steered(&truth, &both).is_some());
    assert_eq!(routing::own(&truth, &both), None);
    truth.tenants[0].kept.records.remove(&two[0].id);
    assert!(routing::own(&truth, &both).is_some());
}

#[test]
fn i11_the_rules_are_emptied() {
    let mut truth = quiet();
    let id = with(&mut truth, 1, Phase::InService)[0].id;
    lead(&mut truth, &[id]);
    assert!(routing::emptied(&truth, &change(&truth, &[])).is_some());
    truth.clouds[0].reals.get_mut(&id).unwrap().ill = (0, NEVER);
    assert_eq!(routing::emptied(&truth, &change(&truth, &[])), None);
}

#[test]
fn i16_made_and_never_recorded() {
    let mut truth = quiet();
    let one = record(&truth, 0, Phase::Intent);
    assert!(launching::recorded(&truth, 0, &real(&one)).is_some());
    truth.tenants[0].kept.records.insert(one.id, one.clone());
    assert_eq!(launching::recorded(&truth, 0, &real(&one)), None);
}

#[test]
fn i28_what_no_cloud_offers_and_an_address_of_another_zone() {
    let mut truth = quiet();
    let plain = real(&record(&truth, 4, Phase::Intent));
    truth.clouds[0].drawn.offer = CloudOffer::default();
    assert_eq!(launching::offered(&truth, 0, 0, &plain), None);
    let mut market = example::market("a", &["z1", "z2"], &["m1"]).clouds;
    let (_, offer) = market.pop_first().unwrap();
    truth.clouds[0].drawn.offer = offer;
    assert!(launching::offered(&truth, 0, 0, &plain).is_some());
    let of = |zone: &str, machine: &str| Real {
        offering: Offering {
            zone: Some(zone.to_owned()),
            machine: Some(machine.to_owned()),
            is_spot: true,
        },
        ..plain.clone()
    };
    assert_eq!(launching::offered(&truth, 0, 0, &of("z1", "m1")), None);
    assert!(launching::offered(&truth, 0, 0, &of("z1", "m2")).is_some());
    assert!(launching::offered(&truth, 0, 0, &of("z2", "m1")).is_some());
}

#[test]
fn i20_a_wish_right_after_the_third_that_was_never_healthy() {
    let mut truth = quiet();
    let now = truth.now;
    let duds = vec![now - 3 * MINUTE, now - 2 * MINUTE, now - MINUTE];
    truth.tenants[0].deeds.duds.insert(0, duds);
    assert!(launching::breaker(&truth, 0, 0).is_some());
    truth.now += 5 * MINUTE;
    assert_eq!(launching::breaker(&truth, 0, 0), None);
}

#[test]
fn i22_a_move_from_where_nobody_was() {
    let mut truth = quiet();
    let one = with(&mut truth, 1, Phase::Booting)[0].clone();
    let up = Instance {
        phase: Phase::InService,
        ..one.clone()
    };
    let told = [moved(&one, Some(Phase::Booting), Phase::InService, None)];
    let wrong = [moved(&one, Some(Phase::Intent), Phase::InService, None)];
    assert_eq!(
        recording::continuous(&truth, 0, std::slice::from_ref(&up), &told),
        None
    );
    assert!(recording::continuous(&truth, 0, std::slice::from_ref(&up), &wrong).is_some());
    assert!(
        recording::continuous(&truth, 0, &[up], &[]).is_some(),
        "nobody says so"
    );
}

#[test]
fn i26_a_launch_during_a_pause() {
    let mut truth = quiet();
    let one = record(&truth, 0, Phase::Intent);
    let wished = [moved(&one, None, Phase::Intent, None)];
    assert_eq!(recording::paused(&truth, 0, &wished), None);
    truth.tenants[0].kept.paused = Some(truth.now - MINUTE);
    assert!(recording::paused(&truth, 0, &wished).is_some());
}

#[test]
fn l1_somebody_is_left_whom_nobody_knows() {
    let mut truth = quiet();
    let id = with(&mut truth, 1, Phase::InService)[0].id;
    truth.tenants[0].deeds.desired = 1;
    lead(&mut truth, &[id]);
    assert_eq!(crate::heal::wrong(&truth, 0), None);
    truth.tenants[0].kept.records.clear();
    assert!(crate::heal::wrong(&truth, 0).is_some());
}
