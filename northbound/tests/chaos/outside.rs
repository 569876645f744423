//! What is true on this machine, read from the kernel, the disk and the store's file, and never from the service.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use controller::id::InstanceId;
use rusqlite::{Connection, OpenFlags};

use crate::host::{Host, wait};
use crate::remains::CLIENT;
use crate::tools::tool;
use crate::workflow::TENANT;

/// What a namespace is, by the last part of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Transit,
    Site,
    Instance,
    Edge,
    Client,
}

/// Every namespace of the deployment.
pub(crate) fn namespaces(host: &Host) -> Vec<(Kind, PathBuf)> {
    let tenants = [TENANT.parse().unwrap()];
    let deployment = host.mark.deployment.as_deref().unwrap();
    let found = netsetup::remains(deployment, &tenants, &[CLIENT]).unwrap();
    let found = found.iter().map(|name| {
        let what = name.as_str().splitn(3, '-').nth(2).unwrap();
        let kind = match what.split('-').next().unwrap() {
            "t" => Kind::Transit,
            "s" => Kind::Site,
            "i" => Kind::Instance,
            "e" => Kind::Edge,
            "c" => Kind::Client,
            other => panic!("{name} is a namespace of an unknown kind, {other}"),
        };
        (kind, Path::new("/run/netns").join(name.as_str()))
    });
    found.collect()
}

/// The tenant's routers.
fn routers(host: &Host) -> Vec<(Kind, PathBuf)> {
    let mut all = namespaces(host);
    all.retain(|(kind, _)| matches!(kind, Kind::Transit | Kind::Site));
    all
}

/// What is not ours: it must be the same before and after.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// By namespace, the rules that somebody else has made.
    rules: BTreeMap<PathBuf, Vec<String>>,
    /// The machine's own rules.
    machine: Vec<String>,
    /// The machine's own switches.
    switches: BTreeMap<PathBuf, String>,
}

impl Foreign {
    /// As it is now; in the tenant's namespaces somebody else has made rules.
    pub(crate) fn plant(host: &Host) -> Self {
        for (_, path) in routers(host) {
            let rules = tool(&path, "iptables-save", &["-t", "filter"]);
            if !rules.contains(":FOREIGN ") {
                tool(&path, "iptables", &["-N", "FOREIGN"]);
                let rule = ["-A", "FOREIGN", "-p", "tcp", "--dport", "9", "-j", "RETURN"];
                tool(&path, "iptables", &rule);
                tool(&path, "iptables", &["-A", "FORWARD", "-j", "FOREIGN"]);
            }
        }
        Self::look(host)
    }

    fn look(host: &Host) -> Self {
        Self {
            rules: routers(host)
                .into_iter()
                .map(|(_, path)| (path.clone(), foreign_rules(&path)))
                .collect(),
            machine: foreign_rules(Path::new("/proc/self/ns/net")),
            switches: switches(),
        }
    }

    /// Fails where anything has changed that is not ours (I12). A namespace that has gone took what was in it along.
    #[track_caller]
    pub(crate) fn assert_untouched(&self, host: &Host) {
        let now = Self::look(host);
        assert_eq!(self.machine, now.machine, "the machine's own rules");
        assert_eq!(self.switches, now.switches, "the machine's own switches");
        for (path, rules) in &self.rules {
            if let Some(after) = now.rules.get(path) {
                assert_eq!(rules, after, "foreign rules in {}", path.display());
            }
        }
    }
}

/// The rules of a namespace that do not name ours, without counters.
fn foreign_rules(namespace: &Path) -> Vec<String> {
    let all = tool(namespace, "iptables-save", &[]);
    let theirs = all
        .lines()
        .filter(|line| line.starts_with("-A") && !line.contains("ASAAS-"));
    theirs.map(str::to_owned).collect()
}

fn switches() -> BTreeMap<PathBuf, String> {
    let folders = ["net/ipv4", "net/ipv4/conf/all", "net/ipv4/conf/default"];
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(Path::new("/proc/sys").join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    files
        .filter_map(|path| Some((path.clone(), fs::read_to_string(path).ok()?)))
        .collect()
}

/// Fails unless exactly these instances exist, with all that belongs to each and nothing more: no double, no leak (I7, I8).
#[track_caller]
pub(crate) fn assert_exactly(host: &Host, instances: &BTreeSet<InstanceId>, sites: usize) {
    let count = instances.len();
    assert_eq!(&records(host), instances, "the records, and what runs");
    assert_eq!(host.directories().len(), count, "directories");
    let found = namespaces(host);
    let of = |kind| found.iter().filter(|(each, _)| *each == kind).count();
    let counts = [Kind::Transit, Kind::Site, Kind::Instance, Kind::Edge].map(of);
    assert_eq!(counts, [1, sites, count, 1], "namespaces: {found:?}");

    let mut routed = BTreeSet::new();
    let mut cables = 0;
    for (kind, path) in &found {
        let links = links(path);
        let begin = |start: &str| links.iter().filter(|name| name.starts_with(start)).count();
        match kind {
            Kind::Transit => {
                assert_eq!((begin("tun-"), begin("und-")), (sites, sites), "{links:?}");
            }
            Kind::Site => {
                cables += begin("i-");
                routed.extend(routed_to(path));
            }
            Kind::Edge => assert_eq!(begin("t-"), 1, "{links:?}"),
            Kind::Instance | Kind::Client => {}
        }
    }
    assert_eq!(cables, count, "cables of instances in the sites");
    assert_eq!(&routed, instances, "whom the rules lead to");
    let left = host.remains(TENANT);
    let of = |what: &str, end: &str| {
        let is_one = |line: &&String| line.starts_with(what) && line.ends_with(end);
        left.iter().filter(is_one).count()
    };
    assert_eq!(
        (of("mount ", "/rootfs"), of("process ", "")),
        (count, count),
        "mounts and processes: {left:?}"
    );
}

/// Fails unless the tenant is gone without a trace; the client, and the edge that it is at, stay.
pub(crate) fn assert_gone(host: &Host) {
    let lasting = |line: &String| line.ends_with("-e") || line.ends_with("-c");
    let left = || -> Vec<String> {
        let left = host.remains(TENANT).into_iter();
        left.filter(|line| !lasting(line)).collect()
    };
    wait(|| left().is_empty(), || format!("{:?}", left()));
    assert_eq!(records(host), BTreeSet::new());
    for (kind, path) in namespaces(host) {
        let links = links(&path);
        let is_cabled = kind == Kind::Edge && links.iter().any(|name| name.starts_with("t-"));
        assert!(!is_cabled, "the tenant's cable is still at the edge");
    }
}

/// Fails where a flow is still known to an address that no instance has.
#[track_caller]
pub(crate) fn assert_no_dead_flow(host: &Host) {
    let living: BTreeSet<String> = store(host)
        .prepare("SELECT json_extract(record, '$.address') FROM instance WHERE tenant = ?1")
        .unwrap()
        .query_map([TENANT], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (_, path) in routers(host) {
        let flows = tool(&path, "conntrack", &["-L"]);
        for flow in flows.lines() {
            let ends = flow
                .split_whitespace()
                .filter_map(|word| word.split_once('='));
            let dead = ends
                .filter(|(_, end)| end.starts_with("19.0.0.") && *end != "19.0.0.1")
                .find(|(_, end)| !living.contains(*end));
            assert!(dead.is_none(), "{}: {flow}", path.display());
        }
    }
}

/// Fails where the journal has a gap, or the log files are not whole and level with it (I22).
pub(crate) fn assert_written_down(host: &Host) {
    let journal: Vec<(u64, String)> = {
        let store = store(host);
        let mut query = store
            .prepare("SELECT seq, kind FROM journal WHERE tenant = ?1 ORDER BY seq")
            .unwrap();
        let rows = query.query_map([TENANT], |row| {
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))
        });
        rows.unwrap().map(Result::unwrap).collect()
    };
    for pair in journal.windows(2) {
        assert_eq!(pair[0].0 + 1, pair[1].0, "the journal has a gap");
    }
    for (kind, file) in [("moved", "actions"), ("decided", "decisions")] {
        let entries = journal.iter().filter(|(_, each)| each == kind);
        let wanted: BTreeSet<u64> = entries.map(|(seq, _)| *seq).collect();
        wait(
            || wanted.is_subset(&rows(host, file).into_iter().collect()),
            || format!("every entry of the journal that {kind} has its row in {file}"),
        );
        let rows = rows(host, file);
        assert!(rows.is_sorted(), "{file}: rows in order");
    }
}

/// The numbers of the rows of one kind of log file, which must be whole.
#[track_caller]
fn rows(host: &Host, kind: &str) -> Vec<u64> {
    let folder = host.path("logs").join(TENANT);
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.display().to_string().contains(kind));
    files.sort();
    let mut numbers = Vec::new();
    for file in files {
        // A row may be in the middle of being written: only whole ones are read here, and they must be right.
        let text = fs::read_to_string(&file).unwrap();
        let whole = text.rfind("\r\n").map_or("", |end| &text[..end + 2]);
        let mut reader = csv::Reader::from_reader(whole.as_bytes());
        let column = reader
            .headers()
            .unwrap()
            .iter()
            .position(|name| name == "seq");
        for row in reader.records() {
            let row = row.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            numbers.push(row[column.unwrap()].parse().unwrap());
        }
    }
    numbers
}

/// The version of the spec that is in force.
pub(crate) fn generation(host: &Host) -> u64 {
    let generation: i64 = store(host)
        .query_row(
            "SELECT generation FROM tenant WHERE name = ?1",
            [TENANT],
            |row| row.get(0),
        )
        .unwrap();
    generation.unsigned_abs()
}

/// The instances that have a record.
fn records(host: &Host) -> BTreeSet<InstanceId> {
    let store = store(host);
    let mut query = store
        .prepare("SELECT id FROM instance WHERE tenant = ?1")
        .unwrap();
    let ids = query.query_map([TENANT], |row| row.get::<_, String>(0));
    ids.unwrap()
        .map(|id| id.unwrap().parse().unwrap())
        .collect()
}

fn store(host: &Host) -> Connection {
    let file = host.path("state/asaas.db");
    let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    store.busy_timeout(crate::host::LIMIT).unwrap();
    store
}

/// The names of a namespace's links.
fn links(namespace: &Path) -> Vec<String> {
    let told = tool(namespace, "ip", &["-o", "link"]);
    let names = told.lines().filter_map(|line| line.split(": ").nth(1));
    names
        .map(|name| name.split('@').next().unwrap_or(name).to_owned())
        .collect()
}

/// The instances that a site has chains for.
fn routed_to(site: &Path) -> Vec<InstanceId> {
    let rules = tool(site, "iptables-save", &["-t", "nat"]);
    let chains = rules
        .lines()
        .filter_map(|line| line.strip_prefix(":ASAAS-i-"));
    chains
        .filter_map(|rest| format!("i-{}", rest.split(' ').next()?).parse().ok())
        .collect()
}
