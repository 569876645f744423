//! Several services apply specs of the same tenants at the same time, each naming the generation that it has seen, while
//! members of etcd are killed, paused and cut off. What they were answered is one history.

use std::sync::Arc;
use std::time::{Duration, Instant};

use controller::id::{Generation, TenantName};
use northbound::store::{Applied, EtcdStore, Refusal, Registrar};
use tokio::sync::watch;

use crate::given::Etcd;
use crate::node::Node;
use crate::ring::{Became, Call, Event, is_one_history};
use crate::world::{name, now, spec};

const TENANTS: [(&str, &str); 3] = [
    ("first", "45.45.45.1"),
    ("second", "45.45.45.2"),
    ("third", "45.45.45.3"),
];
const ROUNDS: usize = 3;
/// Each trouble lasts for so long, and then nothing is wrong for as long.
const TROUBLE: Duration = Duration::from_millis(1_500);

/// Applies and looks until it is told to stop; what it was answered, tenant by tenant.
async fn writer(store: EtcdStore, number: u32, stop: watch::Receiver<bool>) -> Vec<Vec<Event>> {
    let mut told: Vec<Vec<Event>> = vec![Vec::new(); TENANTS.len()];
    let mut turn = 0;
    while !*stop.borrow() {
        let (tenant, address) = TENANTS[turn % TENANTS.len()];
        let began = Instant::now();
        let seen = get(&store, &name(tenant)).await;
        let Some(found) = seen else { continue };
        let mut events = vec![Event {
            call: Call::Get { found },
            began,
            ended: Some(Instant::now()),
        }];
        turn += 1;
        events.push(apply(&store, tenant, address, found, number, turn).await);
        told[(turn - 1) % TENANTS.len()].append(&mut events);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    told
}

async fn get(store: &EtcdStore, tenant: &TenantName) -> Option<u64> {
    let wish = store.current_wish(tenant).await.ok()?;
    Some(wish.map_or(0, |wish| wish.generation.0))
}

async fn apply(
    store: &EtcdStore,
    tenant: &str,
    address: &str,
    against: u64,
    number: u32,
    turn: usize,
) -> Event {
    let mut spec = spec(tenant, address);
    // Nobody else's, so that it is never the same spec again.
    spec.instances.max = 10 + number * 100_000 + u32::try_from(turn).unwrap();
    let began = Instant::now();
    let expected = Some(Generation(against));
    let answer = store.apply(&spec, "", expected, now(), "a test").await;
    let became = match answer {
        Ok(Ok(Applied { generation, .. })) => Some(Became::Applied {
            generation: generation.0,
        }),
        Ok(Err(Refusal::Generation { actual, .. })) => Some(Became::Refused { actual: actual.0 }),
        Ok(Err(other)) => panic!("{other}"),
        Err(_) => None,
    };
    let ended = became.is_some().then(Instant::now);
    Event {
        call: Call::Apply { against, became },
        began,
        ended,
    }
}

/// Kills, pauses and cuts off members in turn, the leader among them; never two at a time, and once two of three.
async fn chaos(etcd: &mut Etcd) {
    for round in 0..ROUNDS {
        let leader = etcd.leader().await.unwrap_or(round % 3);
        etcd.kill(leader);
        tokio::time::sleep(TROUBLE).await;
        etcd.restart(leader);
        etcd.wait(leader).await;

        let leader = etcd.leader().await.unwrap_or(round % 3);
        etcd.pause(leader);
        tokio::time::sleep(TROUBLE).await;
        etcd.resume(leader);
        tokio::time::sleep(TROUBLE).await;

        // Without a majority nothing is written; what waits is written or given up afterwards.
        let (one, other) = (round % 3, (round + 1) % 3);
        etcd.pause(one);
        etcd.pause(other);
        tokio::time::sleep(TROUBLE).await;
        etcd.resume(one);
        etcd.resume(other);
        tokio::time::sleep(TROUBLE).await;
    }
}

// I13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applies_and_looks_of_several_services_are_one_history_whatever_becomes_of_members() {
    let Some(mut etcd) = Etcd::start().await else {
        return;
    };
    let directories: Vec<tempfile::TempDir> =
        (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let (stop, stopped) = watch::channel(false);
    let mut writers = Vec::new();
    for (number, directory) in (0..).zip(&directories) {
        let settings = etcd.settings_from("history", number);
        let node = Node::open(&settings, directory.path()).await;
        let number = u32::try_from(number).unwrap();
        let work = writer(node.store.clone(), number, stopped.clone());
        writers.push((Arc::new(node), tokio::spawn(work)));
    }

    chaos(&mut etcd).await;
    stop.send(true).unwrap();
    let mut all: Vec<Vec<Event>> = vec![Vec::new(); TENANTS.len()];
    let mut nodes = Vec::new();
    for (node, work) in writers {
        for (all, told) in all.iter_mut().zip(work.await.unwrap()) {
            all.extend(told);
        }
        nodes.push(node);
    }

    let mut applied = 0;
    for ((tenant, _), events) in TENANTS.iter().zip(&mut all) {
        // The end of it, seen by every node: nothing comes to be later, and all see the same.
        for node in &nodes {
            let began = Instant::now();
            let found = get(&node.store, &name(tenant)).await.unwrap();
            events.push(Event {
                call: Call::Get { found },
                began,
                ended: Some(Instant::now()),
            });
        }
        events.sort_by_key(|event| event.began);
        let is_won = |event: &&Event| {
            matches!(
                &event.call,
                Call::Apply {
                    became: Some(Became::Applied { .. }),
                    ..
                }
            )
        };
        applied += events.iter().filter(is_won).count();
        let unheard = events.iter().filter(|event| event.ended.is_none()).count();
        println!(
            "{tenant}: {} calls, {unheard} without an answer",
            events.len()
        );
        assert!(is_one_history(events), "{tenant}: {events:#?}");
    }
    assert!(applied > 30, "{applied} applies say little");
}
