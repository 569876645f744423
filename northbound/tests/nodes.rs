//! Several nodes that share a store: who looks after whom, and that never two do. The store is in memory; `ha` has a real one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use controller::id::{Epoch, TenantName};
use controller::ports::StoreError;
use northbound::node::{Card, Duty, Member, NodeName, Registry, Tenure, Uptime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[path = "given/registry.rs"]
mod registry;

use registry::{Shelf, Way};

const TTL: Duration = Duration::from_secs(2);
/// No wait takes longer, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(30);

/// The loops of a node: which tenants it is looking after now.
#[derive(Default)]
struct Loops {
    all: BTreeSet<TenantName>,
    running: Mutex<BTreeSet<TenantName>>,
}

#[async_trait]
impl Duty for Loops {
    async fn tenants(&self) -> Result<BTreeSet<TenantName>, StoreError> {
        Ok(self.all.clone())
    }

    async fn begin(&self, tenant: &TenantName) {
        self.running.lock().unwrap().insert(tenant.clone());
    }

    async fn end(&self, tenant: &TenantName) {
        // The tick that goes on ends first.
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.running.lock().unwrap().remove(tenant);
    }
}

struct Node {
    name: NodeName,
    way: Way,
    loops: Arc<Loops>,
    tenure: Tenure,
    stop: watch::Sender<bool>,
    life: JoinHandle<()>,
}

impl Node {
    fn start(shelf: &Shelf, name: &str, tenants: usize) -> Self {
        Self::start_at(shelf, name, name, tenants)
    }

    fn start_at(shelf: &Shelf, name: &str, state: &str, tenants: usize) -> Self {
        let name: NodeName = name.parse().unwrap();
        let (way, tenure) = (shelf.way(), Tenure::new(TTL));
        let loops = Arc::new(Loops {
            all: (0..tenants).map(tenant).collect(),
            ..Loops::default()
        });
        let card = Card {
            name: name.clone(),
            host: "here".to_owned(),
            socket: PathBuf::from("asaas.sock"),
            state: PathBuf::from(state),
            process: 1,
        };
        let duty: Arc<dyn Duty> = Arc::clone(&loops) as Arc<dyn Duty>;
        let member = Member::new(Arc::new(way.clone()), duty, card, tenure.clone());
        let stop = watch::Sender::new(false);
        let life = member.run(watch::Sender::new(0).subscribe(), stop.subscribe());
        Self {
            name,
            way,
            loops,
            tenure,
            life: tokio::spawn(life),
            stop,
        }
    }

    fn running(&self) -> BTreeSet<TenantName> {
        self.loops.running.lock().unwrap().clone()
    }

    /// The tenants that it may act for at this moment, and since when it owns them.
    fn held(&self) -> BTreeMap<TenantName, Epoch> {
        let now = Uptime::now();
        let mut owned = self.tenure.owned();
        owned.retain(|tenant, epoch| self.tenure.holds(tenant, *epoch, now));
        owned
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.life.abort();
    }
}

fn tenant(number: usize) -> TenantName {
    format!("tenant-{number}").parse().unwrap()
}

/// Waits until it is so, and sees meanwhile that no tenant is held by two.
async fn until(what: &str, nodes: &[&Node], is_so: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        alone(nodes);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

// I9, I24
fn alone(nodes: &[&Node]) {
    let mut holders: BTreeMap<TenantName, &NodeName> = BTreeMap::new();
    for node in nodes {
        for tenant in node.held().into_keys() {
            let other = holders.insert(tenant.clone(), &node.name);
            assert_eq!(other, None, "{tenant} is held by two, one is {}", node.name);
        }
    }
}

/// Every tenant is looked after, each by its owner only.
fn all_run(nodes: &[&Node], tenants: usize) -> bool {
    let running: Vec<TenantName> = nodes.iter().flat_map(|node| node.running()).collect();
    let distinct: BTreeSet<&TenantName> = running.iter().collect();
    let is_held =
        |node: &&&Node| node.held().into_keys().collect::<BTreeSet<_>>() == node.running();
    running.len() == tenants
        && distinct.len() == tenants
        && nodes.iter().filter(is_held).count() == nodes.len()
}

#[tokio::test]
async fn a_node_that_dies_is_followed_once_its_lease_is_over_and_one_that_leaves_before() {
    let shelf = Shelf::new(TTL);
    let (a, b) = (Node::start(&shelf, "a", 20), Node::start(&shelf, "b", 20));
    until("all are taken", &[&a, &b], || all_run(&[&a, &b], 20)).await;
    assert!(!a.running().is_empty());

    // L6
    a.life.abort();
    let died = until("b follows a", &[&a, &b], || b.running().len() == 20).await;
    assert!(died > TTL / 2, "{died:?}: a's lease was not over");

    let c = Node::start(&shelf, "c", 20);
    until("c is there", &[&b, &c], || shelf.seen().nodes.len() == 2).await;
    b.stop.send_replace(true);
    until("c follows b", &[&b, &c], || c.running().len() == 20).await;
    until("b's life ends", &[&c], || b.life.is_finished()).await;
    assert_eq!(shelf.seen().nodes.len(), 1);
}

// I9
#[tokio::test]
async fn a_node_that_is_cut_off_stops_acting_before_another_begins_and_gives_everything_up() {
    let shelf = Shelf::new(TTL);
    let (a, b) = (Node::start(&shelf, "a", 12), Node::start(&shelf, "b", 12));
    until("all are taken", &[&a, &b], || all_run(&[&a, &b], 12)).await;
    let before = a.held();

    a.way.cut(true);
    until("b follows a", &[&a, &b], || b.held().len() == 12).await;
    assert_eq!(a.held(), BTreeMap::new());
    // It does not know yet that others have followed it, and looks on without acting.
    a.way.cut(false);
    until("a is back", &[&a, &b], || {
        a.running().is_empty() && shelf.seen().nodes.len() == 2
    })
    .await;

    let since = |tenant: &TenantName| b.held().get(tenant).copied();
    assert!(
        before
            .iter()
            .all(|(tenant, epoch)| since(tenant) > Some(*epoch)),
        "epochs grow"
    );
}

#[tokio::test]
async fn while_nobody_reaches_the_store_nothing_moves_and_after_a_short_while_all_go_on() {
    let shelf = Shelf::new(TTL);
    let (a, b) = (Node::start(&shelf, "a", 12), Node::start(&shelf, "b", 12));
    until("all are taken", &[&a, &b], || all_run(&[&a, &b], 12)).await;
    let before = (a.held(), b.held());

    a.way.cut(true);
    b.way.cut(true);
    tokio::time::sleep(TTL / 5).await;
    assert_eq!(
        (a.running().len(), b.running().len()),
        (before.0.len(), before.1.len())
    );
    a.way.cut(false);
    b.way.cut(false);
    until("both hold again", &[&a, &b], || {
        (a.held(), b.held()) == before
    })
    .await;
}

#[tokio::test]
async fn a_service_that_starts_again_does_not_wait_for_its_own_lease() {
    let shelf = Shelf::new(LIMIT);
    let first = Node::start(&shelf, "a", 5);
    until("all are taken", &[&first], || first.running().len() == 5).await;

    first.life.abort();
    let second = Node::start(&shelf, "a", 5);

    until("it takes up what was its own", &[&second], || {
        second.running().len() == 5
    })
    .await;
}

#[tokio::test]
async fn a_second_node_of_the_same_name_elsewhere_takes_nothing() {
    let shelf = Shelf::new(TTL);
    let first = Node::start(&shelf, "a", 5);
    until("all are taken", &[&first], || first.running().len() == 5).await;

    let second = Node::start_at(&shelf, "a", "elsewhere", 5);
    tokio::time::sleep(2 * TTL).await;

    assert_eq!(second.running().len(), 0);
    assert!(all_run(&[&first], 5));
}

#[tokio::test]
async fn a_node_whose_card_somebody_removes_shows_it_again_and_goes_on() {
    let shelf = Shelf::new(TTL);
    let a = Node::start(&shelf, "a", 3);
    until("a runs all", &[&a], || all_run(&[&a], 3)).await;
    let owned = a.held();
    let is_shown = || shelf.way().seen().borrow().nodes.contains_key(&a.name);
    assert!(is_shown());

    a.way.part(&a.name).await.unwrap();
    assert!(!is_shown());
    until("a is shown again", &[&a], is_shown).await;

    assert_eq!(a.held(), owned, "it owns them as before");
}
