//! What is really so: the clouds, the kernel, the clients, what is durable, who lives. Everything that judges looks here, and
//! nothing here was told by a controller but what it has done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use controller::amount::Amount;
use controller::drive::Wake;
use controller::id::{Epoch, InstanceId, TenantName};
use controller::load::Metric;
use controller::pace::Pace;
use controller::ports::Wish;
use controller::spec::TenantSpec;
use fastrand::Rng;

use crate::clients::Clients;
use crate::cloud::Cloud;
use crate::coverage::Coverage;
use crate::draw::{Drawn, stream};
use crate::fault::Faults;
use crate::kernel::Network;
use crate::log::Log;
use crate::moment::{At, Span, shown};
use crate::mood::Moods;
use crate::oracle::Oracle;
use crate::real::Real;
use crate::store::lease::Lease;
use crate::store::{Kept, Store};

/// Streams of chance for one tenant, one for each purpose, so that no tenant's luck depends on another's.
#[derive(Debug)]
pub(crate) struct Chances {
    pub(crate) cloud: Rng,
    pub(crate) wire: Rng,
    pub(crate) kernel: Rng,
    pub(crate) store: Rng,
    pub(crate) client: Rng,
    pub(crate) brink: Rng,
}

/// By so little, in microseconds, a steady clock may leap without any rule minding.
const LEAP: i64 = 2_000_000;

/// What rules remember of what a tenant's controllers have done.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    /// By how much signals changed the number, and when.
    pub(crate) changes: Vec<(At, i64)>,
    /// Instances in each cloud that were given up before they were healthy, since the last that was.
    pub(crate) duds: BTreeMap<usize, Vec<At>>,
    /// How many instances each intent has made.
    pub(crate) made: BTreeMap<InstanceId, u32>,
    /// Whose record is over.
    pub(crate) over: BTreeSet<InstanceId>,
    /// Whose removal we have asked for and got.
    pub(crate) removed: BTreeSet<InstanceId>,
    /// The number in force.
    pub(crate) desired: u32,
    /// One of its instances is silent while it heals.
    pub(crate) is_one_silent: bool,
}

/// One tenant as it really is.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) name: TenantName,
    /// What the kernel's probes go by: the spec in force.
    pub(crate) spec: Option<TenantSpec>,
    /// The spec that it was drawn with.
    pub(crate) first: Option<TenantSpec>,
    pub(crate) kept: Kept,
    pub(crate) network: Network,
    pub(crate) clients: Clients,
    pub(crate) chances: Chances,
    /// How its meters are.
    pub(crate) moods: Moods,
    /// The place of the instance that is silent when one is.
    pub(crate) silent: Option<usize>,
    /// What a stuck meter repeats.
    pub(crate) stuck: Option<f64>,
    /// Which metric is silent when one is.
    pub(crate) silent_metric: Option<Metric>,
    /// The least that any instance was last said to use of its processor.
    pub(crate) said: Amount,
    /// When the meters were first heard to read zero, and what they had said before.
    pub(crate) zeroed: Option<(At, Amount)>,
    pub(crate) deeds: Deeds,
    /// When a node last took it up.
    pub(crate) taken_up: At,
    /// By how much the steady clock that it goes by is wrong, in microseconds.
    pub(crate) steady_wrong: i64,
    /// When that last became more: its next one began ahead, since a wall clock stood there.
    pub(crate) leapt: At,
}

impl Tenant {
    /// The metrics that its policy follows now.
    pub(crate) fn followed(&self) -> Vec<Metric> {
        let metrics = |wish: &Wish| wish.spec.policy.metrics().into_keys().collect();
        self.kept.wish.as_ref().map(metrics).unwrap_or_default()
    }
}

/// A machine that runs controllers.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) is_up: bool,
    pub(crate) is_stopped: bool,
    pub(crate) life: u64,
    pub(crate) woke: At,
    /// By how much its clocks are wrong, in microseconds.
    pub(crate) wall_wrong: i64,
    pub(crate) steady_wrong: i64,
    pub(crate) moods: Moods,
    pub(crate) lease: Option<Lease>,
    /// Under which epoch and lease it has taken each tenant up.
    pub(crate) epochs: BTreeMap<usize, (Epoch, u64)>,
    /// What it heard last of what is wanted, where the store is shared.
    pub(crate) wishes: BTreeMap<usize, Option<Wish>>,
    pub(crate) wakes: BTreeMap<usize, Arc<Wake>>,
    /// Launches that wait for an answer.
    pub(crate) under_way: BTreeMap<InstanceId, u32>,
    pub(crate) chance: Rng,
}

impl Node {
    /// One that has not been started yet.
    fn down(seed: u64, index: usize) -> Self {
        Self {
            is_up: false,
            is_stopped: false,
            life: 0,
            woke: 0,
            wall_wrong: 0,
            steady_wrong: 0,
            moods: Moods::default(),
            lease: None,
            epochs: BTreeMap::new(),
            wishes: BTreeMap::new(),
            wakes: BTreeMap::new(),
            under_way: BTreeMap::new(),
            chance: stream(seed, &format!("node {index}")),
        }
    }
}

/// The world.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) now: At,
    pub(crate) faults: Faults,
    pub(crate) clouds: Vec<Cloud>,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) store: Store,
    pub(crate) oracle: Oracle,
    pub(crate) coverage: Coverage,
    pub(crate) log: Log,
    pub(crate) pace: Pace,
    pub(crate) ttl: Span,
    /// Whose launch was asked for.
    pub(crate) asked: BTreeSet<InstanceId>,
    /// Whose launch was answered.
    pub(crate) answered: BTreeSet<InstanceId>,
    /// Who was made when the record was over already, by a call that took too long.
    pub(crate) late: BTreeSet<InstanceId>,
    pub(crate) launches: u64,
    /// Whether nodes may be felled right between a thought and its effect.
    pub(crate) has_brinks: bool,
}

impl Truth {
    pub(crate) fn new(seed: u64, drawn: Drawn, is_told: bool) -> Self {
        let Drawn {
            nodes,
            clouds,
            tenants,
            pace,
            ttl,
            faults,
            chaos: _,
        } = drawn;
        let tenants: Vec<Tenant> = tenants
            .into_iter()
            .enumerate()
            .map(|(index, drawn)| {
                let chance = |purpose| stream(seed, &format!("{purpose} {index}"));
                Tenant {
                    name: drawn.spec.tenant.clone(),
                    spec: Some(drawn.spec.clone()),
                    first: Some(drawn.spec),
                    kept: Kept::default(),
                    network: Network::default(),
                    clients: Clients::new(drawn.curve, &mut chance("clients")),
                    chances: Chances {
                        cloud: chance("cloud"),
                        wire: chance("wire"),
                        kernel: chance("kernel"),
                        store: chance("store"),
                        client: chance("client"),
                        brink: chance("brink"),
                    },
                    moods: Moods::default(),
                    silent: None,
                    stuck: None,
                    silent_metric: None,
                    said: Amount::ZERO,
                    zeroed: None,
                    deeds: Deeds::default(),
                    taken_up: 0,
                    steady_wrong: 0,
                    leapt: 0,
                }
            })
            .collect();
        Self {
            now: 0,
            faults,
            clouds: clouds.into_iter().map(Cloud::new).collect(),
            log: Log::new(tenants.len(), is_told),
            tenants,
            nodes: (0..nodes).map(|index| Node::down(seed, index)).collect(),
            store: Store::default(),
            oracle: Oracle::default(),
            coverage: Coverage::default(),
            pace,
            ttl,
            asked: BTreeSet::new(),
            answered: BTreeSet::new(),
            late: BTreeSet::new(),
            launches: 0,
            has_brinks: true,
        }
    }

    /// Which tenant has this name.
    pub(crate) fn tenant(&self, name: &TenantName) -> usize {
        let place = self.tenants.iter().position(|tenant| tenant.name == *name);
        place.expect("controllers are asked for the world's tenants only")
    }

    /// An instance of a tenant, wherever it is, as long as a cloud knows of it.
    pub(crate) fn real(&self, tenant: usize, id: InstanceId) -> Option<&Real> {
        let found = self.clouds.iter().find_map(|cloud| cloud.reals.get(&id));
        found.filter(|real| real.tenant == Some(tenant))
    }

    /// Every instance of a tenant that takes room.
    pub(crate) fn reals(&self, tenant: usize) -> impl Iterator<Item = &Real> {
        self.clouds
            .iter()
            .flat_map(move |cloud| cloud.of(tenant, self.now))
    }

    /// Whether nodes share the store, and so hold leases that end.
    pub(crate) fn is_shared(&self) -> bool {
        self.nodes.len() > 1
    }

    /// The connections of an instance end, and what the kernel tracks of them stays until it is forgotten.
    pub(crate) fn cut(&mut self, tenant: usize, id: InstanceId) {
        let here = &mut self.tenants[tenant];
        here.clients.cut(id);
        let live = here.network.live.remove(&id).unwrap_or(0);
        let record = here.kept.records.get(&id);
        if let Some(record) = record.filter(|_| live > 0) {
            let address = (record.cloud.clone(), record.address);
            *here.network.rows.entry(address).or_default() += live;
        }
    }

    /// A node's steady clock begins where its wall clock stands, but never before what the store last saw.
    pub(crate) fn set_steady(&mut self, node: usize) {
        let Some(last) = self.store.last_steady else {
            return;
        };
        let here = &mut self.nodes[node];
        let behind = last.duration_since(shown(self.now, here.steady_wrong));
        if behind.is_positive() {
            here.steady_wrong += i64::try_from(behind.as_micros()).unwrap_or(0);
            let taken: Vec<_> = here.epochs.iter().map(|(t, (e, _))| (*t, *e)).collect();
            for (tenant, epoch) in taken {
                if self.tenants[tenant].kept.epoch == epoch {
                    self.go_by(node, tenant);
                }
            }
        }
    }

    /// A tenant goes by this node's steady clock from now on.
    pub(crate) fn go_by(&mut self, node: usize, tenant: usize) {
        let wrong = self.nodes[node].steady_wrong;
        let here = &mut self.tenants[tenant];
        if wrong - here.steady_wrong > LEAP {
            here.leapt = self.now;
        }
        here.steady_wrong = wrong;
    }

    /// Wakes whoever looks after a tenant.
    pub(crate) fn ring(&self, tenant: usize) {
        for node in &self.nodes {
            if let Some(wake) = node.wakes.get(&tenant) {
                wake.wake();
            }
        }
    }
}
