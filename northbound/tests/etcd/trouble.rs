//! Members that are killed, paused and cut off; nodes that were away; an owner who was deposed.

use std::path::Path;
use std::time::{Duration, Instant};

use controller::id::Generation;
use controller::instance::Phase;
use controller::journal::Event;
use controller::ports::{Footing, Orders, Store, StoreErrorKind};
use etcd_client::CompactionOptions;
use jiff::SignedDuration;
use northbound::store::etcd::keys::Key;
use northbound::store::{EtcdSettings, Registrar, StateDir};

use crate::bed::Ownership;
use crate::given::{self, Etcd};
use crate::node::Node;
use crate::world::{alarm, instance, later, moved, name, now, spec};

/// Ten times what a store waits for an answer, and for another leader.
const HEALED_LIMIT: Duration = Duration::from_mins(1);

async fn node(settings: &EtcdSettings) -> (Node, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (Node::open(settings, directory.path()).await, directory)
}

/// Has a node look after the tenant `demo`.
async fn give_demo(node: &Node) -> Footing {
    let spec = spec("demo", "45.45.45.45");
    let applied = node.store.apply(&spec, "", None, now(), "a test").await;
    applied.unwrap().unwrap();
    Footing {
        epoch: node.owner.own(&name("demo")).await,
        generation: Generation(1),
        orders: Orders::default(),
    }
}

/// Two nodes, of which one is about to be away.
struct Two {
    /// Looks after the tenant `demo`.
    stays: Node,
    footing: Footing,
    goes: Node,
    /// Of the one that goes, to come back to.
    directory: tempfile::TempDir,
    _other: tempfile::TempDir,
}

impl Two {
    async fn open(settings: &EtcdSettings) -> Self {
        let (stays, other) = node(settings).await;
        let (goes, directory) = node(settings).await;
        let footing = give_demo(&stays).await;
        Self {
            stays,
            footing,
            goes,
            directory,
            _other: other,
        }
    }
}

/// Asks until it is answered: how long that took.
async fn until_written(node: &Node, footing: Footing) -> Duration {
    let (began, demo) = (Instant::now(), name("demo"));
    loop {
        let written = node
            .store
            .record(&demo, footing, now(), &[], &[alarm("x")])
            .await;
        match written {
            Ok(_) => return began.elapsed(),
            Err(error) => assert!(began.elapsed() < HEALED_LIMIT, "{error}"),
        }
    }
}

// I9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_lost_a_tenant_writes_nothing_and_the_next_knows_all_that_was_answered() {
    let Some(etcd) = Etcd::start().await else {
        return;
    };
    let (first, _one) = node(&etcd.settings_from("main", 0)).await;
    let (second, _two) = node(&etcd.settings_from("main", 1)).await;
    let demo = name("demo");
    let old = give_demo(&first).await;
    let booting = [instance(1, Phase::Booting)];
    let events = [moved(&booting[0])];
    let written = first.store.record(&demo, old, now(), &booting, &events);
    written.await.unwrap();

    let epoch = second.owner.seize(&demo).await;
    let state = second
        .store
        .load(&demo, SignedDuration::from_hours(1))
        .await;
    let late = first.store.record(&demo, old, later(1), &[], &events).await;

    let state = state.unwrap().unwrap();
    assert!(epoch > old.epoch);
    assert_eq!((state.epoch, state.instances), (epoch, booting.to_vec()));
    assert_eq!(state.journal.len(), 2);
    assert_eq!(late.unwrap_err().kind, StoreErrorKind::Deposed);
    let new = Footing { epoch, ..old };
    let next = second
        .store
        .record(&demo, new, later(2), &[], &events)
        .await;
    assert_eq!(next.unwrap()[0].seq, 3);
    let other = name("other");
    let nobody = first.store.load(&other, SignedDuration::ZERO).await;
    assert_eq!(nobody.unwrap_err().kind, StoreErrorKind::Deposed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_go_on_when_a_member_is_killed_or_paused_and_again_after_a_majority_was() {
    let Some(mut etcd) = Etcd::start().await else {
        return;
    };
    let (node, _directory) = node(&etcd.settings("main")).await;
    let footing = give_demo(&node).await;

    let leader = etcd.leader().await.unwrap();
    etcd.kill(leader);
    let killed = until_written(&node, footing).await;
    etcd.restart(leader);
    etcd.wait(leader).await;
    let leader = etcd.leader().await.unwrap();
    etcd.pause(leader);
    let paused = until_written(&node, footing).await;
    etcd.resume(leader);
    etcd.wait(leader).await;
    // The member that this node follows and asks.
    etcd.pause(0);
    let follower = until_written(&node, footing).await;
    etcd.resume(0);
    println!(
        "written again after {killed:?} (leader killed), {paused:?} (leader paused), {follower:?} (member paused)"
    );

    etcd.pause(0);
    etcd.pause(1);
    let refused = node
        .store
        .record(&name("demo"), footing, now(), &[], &[alarm("lost")])
        .await;
    let wish = node.store.wish(&name("demo")).await.unwrap();
    etcd.resume(0);
    etcd.resume(1);
    until_written(&node, footing).await;

    let refused = refused.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Failed);
    assert!(
        refused.to_string().contains("see that most of"),
        "{refused}"
    );
    assert!(wish.is_some(), "what is known is still known");
    // Whatever became of the one without an answer: it is there once at most, and the numbers have no gap (I22).
    let demo = name("demo");
    let state = node.store.load(&demo, SignedDuration::from_hours(1)).await;
    let journal = state.unwrap().unwrap().journal;
    let lost = journal.iter().filter(|entry| entry.event == alarm("lost"));
    assert!(lost.count() <= 1);
    let numbers: Vec<u64> = journal.iter().map(|entry| entry.seq).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
}

// I22
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_hears_what_it_has_missed_also_after_a_compaction() {
    let Some(etcd) = Etcd::start().await else {
        return;
    };
    let settings = etcd.settings("main");
    let two = Two::open(&settings).await;
    let demo = name("demo");
    drop(two.goes);
    for second in 1..=5 {
        let event = [alarm(&format!("{second}"))];
        let written = two
            .stays
            .store
            .record(&demo, two.footing, later(second), &[], &event);
        written.await.unwrap();
    }
    let connection = given::connection(&etcd, "main", 0).await;
    let (mut client, _) = connection.member();
    let head = client.get("x", None).await.unwrap();
    let head = head.header().unwrap().revision();
    let physical = CompactionOptions::new().with_physical();
    client.compact(head, Some(physical)).await.unwrap();

    let back = Node::open(&settings, two.directory.path()).await;

    let journal = |node: &Node| {
        let copy = node.store.mirror().clone();
        let demo = demo.clone();
        async move { copy.journal_after(&demo, 0).await.unwrap().entries }
    };
    assert_eq!(journal(&back).await, journal(&two.stays).await);
    assert_eq!(journal(&back).await.len(), 6);
}

// I22
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_in_a_node_s_journal_is_marked_and_the_tail_is_as_long_as_decisions_look_back() {
    let Some(etcd) = Etcd::start().await else {
        return;
    };
    let settings = etcd.settings("main");
    let two = Two::open(&settings).await;
    let demo = name("demo");
    let first = two
        .stays
        .store
        .record(&demo, two.footing, now(), &[], &[alarm("seen")])
        .await;
    first.unwrap();
    let hour = |hours: i64| later(hours * 3_600);
    let connection = given::connection(&etcd, "main", 0).await;
    let (mut client, _) = connection.member();
    // It has heard of the first, and goes.
    let wish = two.goes.store.current_wish(&demo).await.unwrap();
    assert!(wish.is_some());
    drop(two.goes);
    drop(two.stays);

    // A tail is cut when a tenant is taken up, and every few minutes: once more for each of these.
    for hours in [1, 4, 5] {
        let (owner, _place) = node(&settings).await;
        let epoch = owner.owner.seize(&demo).await;
        let footing = Footing {
            epoch,
            ..two.footing
        };
        let event = [alarm(&format!("after {hours} hours"))];
        let written = owner.store.record(&demo, footing, hour(hours), &[], &event);
        written.await.unwrap();
    }
    let keys = connection.keys();
    let left = client
        .get(
            keys.write(&Key::Journal(demo.clone(), 0)),
            Some(
                etcd_client::GetOptions::new()
                    .with_range(keys.write(&Key::Journal(demo.clone(), u64::MAX))),
            ),
        )
        .await
        .unwrap();
    assert_eq!(left.kvs().len(), 2, "what came within the last hours");
    let head = left.header().unwrap().revision();
    client.compact(head, None).await.unwrap();

    let back = Node::open(&settings, two.directory.path()).await;

    let journal = back.store.mirror().journal_after(&demo, 0).await.unwrap();
    let told: Vec<(u64, String)> = journal
        .entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Alarm { what } => Some((entry.seq, what.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(told[0], (2, "seen".to_owned()));
    assert!(
        told[1].0 == 3 && told[1].1.contains("entries 3 to 3"),
        "{told:?}"
    );
    assert_eq!(told.last().unwrap(), &(5, "after 5 hours".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_another_deployment_is_left_alone() {
    let Some(etcd) = Etcd::start().await else {
        return;
    };
    let (node, directory) = node(&etcd.settings("main")).await;
    give_demo(&node).await;
    drop(node);

    let refused = refusal(&etcd.settings("other"), directory.path()).await;

    assert!(refused.contains("Nothing is touched"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_has_seen_more_than_etcd_holds_is_not_gone_on_from() {
    let Some(etcd) = Etcd::start().await else {
        return;
    };
    let settings = etcd.settings("main");
    let (node, directory) = node(&settings).await;
    give_demo(&node).await;
    drop(node);
    let file = directory.path().join("asaas.db");
    let copy = rusqlite::Connection::open(&file).unwrap();
    let ahead = "UPDATE meta SET value = '999999999' WHERE key = 'revision'";
    assert_eq!(copy.execute(ahead, []).unwrap(), 1);
    drop(copy);

    let refused = refusal(&settings, directory.path()).await;

    assert!(refused.contains("remove that file"), "{refused}");
    std::fs::remove_file(file).unwrap();
    let again = Node::open(&settings, directory.path()).await;
    let wish = again.store.wish(&name("demo")).await;
    assert!(wish.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_before_etcd_does_waits_for_it() {
    let Some(mut etcd) = Etcd::start().await else {
        return;
    };
    let settings = etcd.settings("main");
    (0..3).for_each(|member| etcd.kill(member));
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_owned();
    let mut opening = tokio::spawn(async move { Node::open(&settings, &place).await });
    // Each of the three has refused it by then, more than once.
    let early = tokio::time::timeout(Duration::from_secs(1), &mut opening).await;
    assert!(early.is_err(), "nobody has answered it");

    (0..3).for_each(|member| etcd.restart(member));

    let opened = tokio::time::timeout(HEALED_LIMIT, opening).await;
    give_demo(&opened.unwrap().unwrap()).await;
}

/// Why a store is not opened in this directory.
async fn refusal(settings: &EtcdSettings, directory: &Path) -> String {
    let state = StateDir::take(directory).unwrap();
    let tenure = northbound::node::Tenure::new(Duration::from_secs(5));
    let clock = northbound::clock::SystemClock::starting_after(jiff::Timestamp::MIN);
    let opened = northbound::store::EtcdStore::open(settings, state, tenure, clock).await;
    opened.unwrap_err().to_string()
}

/// How long a record takes, for the documents: told, not held against anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_s_latency_is_told() {
    let Some(etcd) = Etcd::start().await else {
        return;
    };
    let (node, _directory) = node(&etcd.settings("main")).await;
    let footing = give_demo(&node).await;
    let mut took = Vec::new();
    for second in 0..200 {
        let began = Instant::now();
        let written = node
            .store
            .record(&name("demo"), footing, later(second), &[], &[alarm("x")])
            .await;
        written.unwrap();
        took.push(began.elapsed());
    }
    took.sort();
    println!(
        "200 records: median {:?}, 99th {:?}, longest {:?}",
        took[100], took[198], took[199]
    );
    assert!(took[100] < Duration::from_secs(5));
}
