//! What happens to the nodes, one thing after the other, and how long each change of hands takes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::sys::signal::Signal;

use crate::cluster::{Cluster, NODES, TENANTS, address};
use crate::evidence::{Containers, violations};
use crate::trickle::{Manner, Trickle};

/// On a machine that is busy with other things everything takes longer; the bars themselves are told in the table.
const BUSY: u32 = 10;
/// Longer than the watch of any lease, and than what anybody remembers of a connection.
const SLEEP: Duration = Duration::from_mins(1);
const QUORUM_LOST: Duration = Duration::from_secs(15);

/// A request of any tenant's client that is not answered within the limit has failed.
const MANNER: Manner = Manner {
    pace: Duration::from_millis(100),
    limit: Duration::from_secs(10),
};

pub(crate) struct Story {
    cluster: Cluster,
    containers: Containers,
    /// One for each tenant.
    clients: Vec<Trickle>,
    table: Vec<Row>,
    began: Instant,
}

/// One kind of change of hands: how long each took, and within what it should.
struct Row {
    what: &'static str,
    bar: Duration,
    took: Vec<Duration>,
}

fn now() -> (Instant, Timestamp) {
    (Instant::now(), Timestamp::now())
}

impl Story {
    /// All run, and every tenant serves, each applied through another node.
    pub(crate) fn begin() -> Option<Self> {
        let began = Instant::now();
        let cluster = Cluster::start()?;
        let containers = Containers::watch(&cluster.mark, &TENANTS);
        for (number, tenant) in TENANTS.iter().enumerate() {
            cluster.apply(number % NODES.len(), tenant, 1);
        }
        cluster.settled(0);
        let edge = cluster.edge();
        let client = |tenant| Trickle::new(&edge, address(tenant), MANNER);
        let clients: Vec<_> = (0..TENANTS.len()).map(client).collect();
        for client in &clients {
            client.set(true);
        }
        Some(Self {
            cluster,
            containers,
            clients,
            table: Vec::new(),
            began,
        })
    }

    fn note(&mut self, what: &'static str, bar: Duration, took: Duration) {
        match self.table.iter_mut().find(|row| row.what == what) {
            Some(row) => row.took.push(took),
            None => self.table.push(Row {
                what,
                bar,
                took: vec![took],
            }),
        }
    }

    /// Every node has its share before long, and every one tells the same of all.
    pub(crate) fn spread(&mut self) {
        let took = self.cluster.wait("every node has tenants", |cluster| {
            let owners = cluster.owners(0);
            NODES
                .iter()
                .all(|node| owners.values().any(|owner| owner == node))
        });
        self.note(
            "each of three nodes has its share",
            Duration::from_secs(30),
            took,
        );
        self.cluster.settled(1);
        for node in 0..NODES.len() {
            let told = self.cluster.nodes[node].asaas(&["tenants", "--json"]);
            assert_eq!(told.code, Some(0), "{told:?}");
            for tenant in TENANTS {
                let status = self.cluster.nodes[node].asaas(&["status", tenant]);
                assert!(status.out.contains("looked after by node"), "{status:?}");
            }
        }
        let nodes = self.cluster.nodes[2].asaas(&["nodes"]);
        assert_eq!(nodes.out.lines().count(), 1 + NODES.len(), "{nodes:?}");
    }

    /// `kill -9` of the node that owns the most. L6
    pub(crate) fn deaths(&mut self, times: usize) {
        for _ in 0..times {
            let (node, tenants) = self.cluster.busiest();
            let since = now();
            self.cluster.nodes[node].kill();
            let took = self.cluster.followed(node, &tenants, since);
            self.note("a node is killed", Duration::from_secs(6), took);
            self.back(node);
        }
    }

    /// The same, and etcd's leader with it. L6
    pub(crate) fn deaths_with_the_leader(&mut self, times: usize) {
        for _ in 0..times {
            let leader = self.cluster.runtime.block_on(self.cluster.etcd.leader());
            let leader = leader.expect("one leads");
            let (node, tenants) = self.cluster.busiest();
            let since = now();
            self.cluster.nodes[node].kill();
            self.cluster.etcd.kill(leader);
            let took = self.cluster.followed(node, &tenants, since);
            self.note(
                "a node and etcd's leader are killed",
                Duration::from_secs(12),
                took,
            );
            self.cluster.etcd.restart(leader);
            self.cluster
                .runtime
                .block_on(self.cluster.etcd.wait(leader));
            self.back(node);
        }
    }

    /// SIGTERM.
    pub(crate) fn departures(&mut self, times: usize) {
        for _ in 0..times {
            let (node, tenants) = self.cluster.busiest();
            let since = now();
            self.cluster.nodes[node].signal(Signal::SIGTERM);
            let took = self.cluster.followed(node, &tenants, since);
            self.note("a node is told to stop", Duration::from_secs(1), took);
            self.cluster.nodes[node].ended();
            self.back(node);
        }
    }

    /// A node is stopped in its tracks, and wakes up when all it had is another's. I9
    pub(crate) fn sleep(&mut self) {
        let (node, tenants) = self.cluster.busiest();
        let since = now();
        self.cluster.nodes[node].signal(Signal::SIGSTOP);
        let took = self.cluster.followed(node, &tenants, since);
        self.note("a node is stopped (SIGSTOP)", Duration::from_secs(6), took);
        std::thread::sleep(SLEEP.saturating_sub(since.0.elapsed()));
        let woken = Timestamp::now();
        self.cluster.nodes[node].signal(Signal::SIGCONT);
        self.joined(node);

        let name = NODES[node];
        let passages = self.cluster.passages().into_iter();
        let late: Vec<_> = passages
            .filter(|one| one.node == name && one.at >= woken)
            .collect();
        let others = self.cluster.passages();
        for passage in &late {
            let is_followed = others.iter().any(|other| {
                other.tenant == passage.tenant
                    && other.epoch > passage.epoch
                    && other.at < passage.at
            });
            assert!(
                !is_followed,
                "it has slept, and acted for a tenant that was another's: {passage:?}"
            );
        }
    }

    /// A node is cut off from etcd; it runs on, and does nothing. I9
    pub(crate) fn partition(&mut self) {
        let (node, tenants) = self.cluster.busiest();
        let since = now();
        self.cluster.cut(node, true);
        let took = self.cluster.followed(node, &tenants, since);
        self.note("a node is cut off from etcd", Duration::from_secs(6), took);
        std::thread::sleep(Duration::from_secs(5));
        self.cluster.cut(node, false);
        self.joined(node);
    }

    /// Two of three members stand still: nothing moves, nothing is written, and all goes on when they are back. I15
    pub(crate) fn lost_quorum(&mut self) {
        let before = self.cluster.owners(0);
        for member in [0, 1] {
            self.cluster.etcd.pause(member);
        }
        std::thread::sleep(QUORUM_LOST);
        let refused = self.cluster.nodes[0].asaas(&["pause", TENANTS[0]]);
        assert_ne!(refused.code, Some(0), "{refused:?}");
        for node in 0..NODES.len() {
            assert_eq!(self.cluster.owners(node), before, "nothing moves");
        }
        for member in [0, 1] {
            self.cluster.etcd.resume(member);
        }
        let back = now();
        self.cluster.wait("orders are taken again", |cluster| {
            let ordered = cluster.nodes[0].asaas(&["pause", TENANTS[0]]);
            ordered.code == Some(0)
                && cluster.nodes[1].asaas(&["resume", TENANTS[0]]).code == Some(0)
        });
        self.note(
            "etcd has its quorum again",
            Duration::from_secs(12),
            back.0.elapsed(),
        );
        self.cluster.settled(0);
    }

    fn back(&mut self, node: usize) {
        self.cluster.nodes[node].serve();
        self.joined(node);
    }

    /// The node is one of three, and everybody is looked after and well.
    fn joined(&self, node: usize) {
        self.cluster.wait("it is among the others", |cluster| {
            let service = cluster.get::<northbound::api::ServiceReport>(node, "/v1/service");
            service.is_ok_and(|service| {
                let is_owned = |tenant: &str| {
                    let mut nodes = service.nodes.iter();
                    nodes.any(|node| node.tenants.iter().any(|one| one.as_str() == tenant))
                };
                service.nodes.len() == NODES.len() && TENANTS.iter().all(|tenant| is_owned(tenant))
            })
        });
        self.cluster.settled(node);
    }

    /// What it has come to: the table, the evidence, and nothing left behind.
    pub(crate) fn end(self) {
        let Self {
            cluster,
            containers,
            clients,
            table,
            began,
        } = self;
        let flows: Vec<_> = clients.iter().map(|client| client.since(began)).collect();
        drop(clients);
        let sent: usize = flows.iter().map(|flow| flow.sent).sum();
        let failed: Vec<_> = flows.into_iter().flat_map(|flow| flow.lost).collect();
        let answered = sent - failed.len();
        let ever = containers.end();
        let passages = cluster.passages();
        let violations = violations(passages.clone());
        tell(&table, answered, &failed, passages.len(), began.elapsed());

        assert_eq!(violations, [], "two have acted for a tenant");
        assert!(
            passages.len() >= 30,
            "{} changes are no evidence",
            passages.len()
        );
        let twice: Vec<_> = ever
            .processes
            .iter()
            .filter(|(_, first)| first.len() > 1)
            .collect();
        assert!(twice.is_empty(), "made twice: {twice:?}");
        assert!(ever.most.values().all(|most| *most <= 2), "{:?}", ever.most);
        assert_eq!(failed, Vec::<String>::new(), "of {answered} requests");
        assert!(answered > 100, "{answered}");
        for row in table {
            let worst = row.took.iter().max().copied().unwrap_or_default();
            assert!(worst < row.bar * BUSY, "{}: {worst:?}", row.what);
        }
        for tenant in TENANTS {
            let said =
                cluster.nodes[0].asaas(&["destroy", tenant, "--yes", "--wait", "--timeout", "60s"]);
            assert_eq!(said.code, Some(0), "{said:?}\n{}", cluster.told());
        }
    }
}

/// Past the capture of the test's output: these figures are what it is run for.
fn tell(table: &[Row], answered: usize, failed: &[String], changes: usize, took: Duration) {
    let mut text = format!(
        "\n{:<40} {:>5} {:>8} {:>8} {:>8}  bar\n",
        "", "times", "best", "mean", "worst"
    );
    for Row { what, bar, took } in table {
        let seconds = |duration: &Duration| duration.as_secs_f64();
        let sum: f64 = took.iter().map(seconds).sum();
        let times = took.len();
        let mean = sum / f64::from(u32::try_from(times).unwrap());
        let best = took.iter().min().map_or(0.0, seconds);
        let worst = took.iter().max().map_or(0.0, seconds);
        let verdict = if worst <= bar.as_secs_f64() {
            ""
        } else {
            "  over"
        };
        let _ = writeln!(
            text,
            "{what:<40} {times:>5} {best:>7.2}s {mean:>7.2}s {worst:>7.2}s  {}s{verdict}",
            bar.as_secs()
        );
    }
    let _ = writeln!(
        text,
        "{answered} requests answered, {} failed; {changes} changes of networks, 0 by whoever was deposed; {:.0} s in all",
        failed.len(),
        took.as_secs_f64()
    );
    let _ = write!(std::io::stderr(), "{text}");
}
