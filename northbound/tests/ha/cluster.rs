//! Three nodes, three members of etcd, and ways between them that can be cut, all on this machine and in a directory of their
//! own; nothing of it is left when it is dropped.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use netsetup::EdgeClient;
use northbound::api::{NodeReport, ServiceReport, TenantReport, TenantSummary};
use northbound::client::{Client, ClientError};
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use crate::etcd::Etcd;
use crate::evidence::{Passage, passages};
use crate::exec::Node;
use crate::proxy::Proxy;
use crate::remains::{self, Mark};

pub(crate) const NODES: [&str; 3] = ["a", "b", "c"];
/// Each of the nodes is the first in line for two of them.
pub(crate) const TENANTS: [&str; 6] = ["one", "two", "three", "five", "eight", "blue"];
/// No wait takes longer, however busy the machine is.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    /// From each node to each member.
    ways: Vec<Vec<Proxy>>,
    pub(crate) etcd: Etcd,
    pub(crate) mark: Mark,
    client: Option<EdgeClient>,
    pub(crate) runtime: Runtime,
    _directory: tempfile::TempDir,
}

impl Cluster {
    /// All run. `None`, and said so, where there is no etcd on this machine.
    pub(crate) fn start() -> Option<Self> {
        let runtime = Runtime::new().unwrap();
        let etcd = runtime.block_on(Etcd::start_as_shipped())?;
        let directory = tempfile::tempdir().unwrap();
        let mark = Mark::new(directory.path());
        let ways: Vec<Vec<Proxy>> = NODES
            .iter()
            .map(|_| {
                let members = etcd.endpoints();
                let members = members
                    .into_iter()
                    .map(|member| member.replace("http://", ""));
                members
                    .map(|member| runtime.block_on(Proxy::to(member)))
                    .collect()
            })
            .collect();
        let nodes = NODES.iter().zip(&ways).map(|(name, ways)| {
            let place = directory.path().join(name);
            fs::create_dir_all(&place).unwrap();
            let endpoints: Vec<String> = ways.iter().map(Proxy::endpoint).collect();
            let text = configuration(name, directory.path(), &endpoints, &mark);
            fs::write(place.join("asaas.yml"), text).unwrap();
            Node::new(name, &place)
        });
        let mut cluster = Self {
            nodes: nodes.collect(),
            ways,
            etcd,
            mark,
            client: None,
            runtime,
            _directory: directory,
        };
        for node in &mut cluster.nodes {
            node.serve();
        }
        let service: ServiceReport = cluster.get(0, "/v1/service").unwrap();
        cluster.mark.deployment = Some(service.deployment.clone());
        let client = EdgeClient::join(&service.deployment, remains::CLIENT);
        cluster.client = Some(cluster.runtime.block_on(client).unwrap());
        Some(cluster)
    }

    /// The clients' network namespace.
    pub(crate) fn edge(&self) -> PathBuf {
        self.client.as_ref().unwrap().path()
    }

    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        node: usize,
        path: &str,
    ) -> Result<T, ClientError> {
        let client = Client::new(&self.nodes[node].socket());
        self.runtime.block_on(client.get(path))
    }

    /// Writes a tenant's file and puts it in force through this node.
    #[track_caller]
    pub(crate) fn apply(&self, node: usize, tenant: &str, instances: u32) {
        let number = TENANTS.iter().position(|one| *one == tenant).unwrap();
        let text = format!(
            "version: 1\ntenant: {tenant}\n\
             network: {{ public_ip: {}, subnets: [{{ cidr: 19.0.0.0/24 }}] }}\n\
             instances: {{ min: {instances}, max: {} }}\n\
             service: {{ health: {{ http: /health, every: 1s, timeout: 1s, unhealthy_after: 5 }} }}\n\
             policy: {{ buffer: 1s, stabilization: 1s, warm_up: 1s, drain: 10s }}\n",
            address(number),
            instances + 1,
        );
        let node = &self.nodes[node];
        let place = node.socket().with_file_name("tenants");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(format!("{tenant}.yml")), text).unwrap();
        let said = node.asaas(&["apply", tenant, "--wait", "--timeout", "60s"]);
        assert_eq!(said.code, Some(0), "{said:?}\n{}", self.told());
    }

    /// The first node that runs and answers, but for one.
    pub(crate) fn other_than(&self, but: usize) -> usize {
        let mut all = 0..self.nodes.len();
        all.find(|node| *node != but && self.nodes[*node].is_running())
            .expect("another runs")
    }

    /// Who owns what, as this node sees it.
    pub(crate) fn owners(&self, node: usize) -> BTreeMap<String, String> {
        let nodes = self
            .get::<ServiceReport>(node, "/v1/service")
            .map(|report| report.nodes);
        let nodes: Vec<NodeReport> = nodes.unwrap_or_default();
        let pairs = nodes.iter().flat_map(|node| {
            node.tenants
                .iter()
                .map(|tenant| (tenant.to_string(), node.name.to_string()))
        });
        pairs.collect()
    }

    /// The node that owns the most tenants, and those.
    pub(crate) fn busiest(&self) -> (usize, Vec<String>) {
        let from = self.other_than(usize::MAX);
        let owners = self.owners(from);
        let of = |name: &str| -> Vec<String> {
            let own = owners.iter().filter(|(_, owner)| *owner == name);
            own.map(|(tenant, _)| tenant.clone()).collect()
        };
        let all = NODES
            .iter()
            .enumerate()
            .map(|(number, name)| (number, of(name)));
        all.max_by_key(|(_, own)| own.len()).unwrap()
    }

    /// Until all of these tenants were ticked by another node than this one, since `since`: how long it took from then.
    #[track_caller]
    pub(crate) fn followed(
        &self,
        gone: usize,
        tenants: &[String],
        since: (Instant, Timestamp),
    ) -> Duration {
        let from = self.other_than(gone);
        let mut left: Vec<&String> = tenants.iter().collect();
        while !left.is_empty() {
            assert!(
                since.0.elapsed() < LIMIT,
                "{left:?} are not followed\n{}",
                self.told()
            );
            left.retain(|tenant| {
                let report = self.get::<TenantReport>(from, &format!("/v1/tenants/{tenant}"));
                !report.is_ok_and(|report| {
                    let node = report.node.as_ref().map(ToString::to_string);
                    report.status.at > since.1
                        && node.is_some_and(|node| node != self.nodes[gone].name)
                })
            });
            if !left.is_empty() {
                std::thread::sleep(LOOK);
            }
        }
        since.0.elapsed()
    }

    /// Waits until every tenant is settled, asked of this node.
    #[track_caller]
    pub(crate) fn settled(&self, node: usize) {
        self.wait("all are settled", |cluster| {
            let all = cluster.get::<Vec<TenantSummary>>(node, "/v1/tenants");
            all.is_ok_and(|all| all.len() == TENANTS.len() && all.iter().all(|one| one.is_settled))
        });
    }

    #[track_caller]
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> Duration {
        let began = Instant::now();
        while !is_so(self) {
            assert!(
                began.elapsed() < LIMIT,
                "not within {LIMIT:?}: {what}\n{}",
                self.told()
            );
            std::thread::sleep(LOOK);
        }
        began.elapsed()
    }

    /// Cuts a node off from every member of etcd, or joins it again.
    pub(crate) fn cut(&self, node: usize, is_cut: bool) {
        self.ways[node].iter().for_each(|way| way.cut(is_cut));
    }

    /// What the fences have let pass, of all nodes.
    pub(crate) fn passages(&self) -> Vec<Passage> {
        let of = |node: &Node| passages(&node.log(), &node.name);
        self.nodes.iter().flat_map(of).collect()
    }

    pub(crate) fn told(&self) -> String {
        let told = |node: &Node| format!("--- node {}\n{}\n", node.name, node.told());
        self.nodes.iter().map(told).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.kill();
        }
        if let Some(client) = self.client.take() {
            let _ = self.runtime.block_on(client.leave());
        }
        remains::remove_all(&self.mark, &TENANTS);
    }
}

pub(crate) fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(45, 45, 46, u8::try_from(number + 1).unwrap())
}

fn configuration(name: &str, place: &Path, endpoints: &[String], mark: &Mark) -> String {
    let endpoints = endpoints.join("\", \"");
    format!(
        "state: state\nsocket: asaas.sock\ntenants: tenants\nlogs: {{ directory: logs }}\ntick: 1s\n\
         local: {local}\n\
         store: {{ etcd: {{ endpoints: [\"{endpoints}\"], cluster: test, node: {name}, ttl: 5s }} }}\n\
         clouds:\n\x20 - {{ name: local-a, kind: local, capacity: 20 }}\n\x20 - {{ name: local-b, kind: local, capacity: 20 }}\n\
         templates:\n\x20 web:\n\x20   root: {root}\n\x20   command: [/bin/demo-app]\n\x20   memory: 64MiB\n\
         \x20   env: {{ {variable}: {value} }}\n",
        local = place.join("state/local").display(),
        root = root().display(),
        variable = remains::VARIABLE,
        value = mark.value,
    )
}

/// The demo app's root, beside the program under test.
fn root() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_asaas"));
    let mut roots = program.ancestors().map(|above| above.join("demo-root"));
    roots
        .find(|root| root.join("bin/demo-app").is_file())
        .expect("there is no demo-root; hint: run `make demo-root` first")
}
