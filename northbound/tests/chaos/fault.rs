//! What else goes wrong on a machine, beside the service itself: the disk, the rules, the lock of iptables, the kernel's table of
//! connections. The service goes on, or says what a person has to do, and goes on by itself when that is done.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use controller::instance::Phase;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};

use crate::case::Lane;
use crate::host::{Host, LIMIT, wait};
use crate::outside::{self, Kind};
use crate::tools::tool;
use crate::traffic::{Asked, get};
use crate::workflow::{PUBLIC, State, TENANT, Workflow};

/// Rules that somebody else has flushed are back after this long, and a little for a busy machine (L8).
const FLUSHED_LIMIT: Duration = Duration::from_secs(35);
/// A disk on which the store, and three instances, just fit.
const DISK: &str = "size=48m";
/// Whoever has no connection after this long finds no way, or no room.
const NO_ROOM: Duration = Duration::from_millis(500);
/// Small enough to fill from one thread, large enough for whoever else works on this machine.
const CONNECTIONS: usize = 150;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The disk that the state is on is full (F10, L7).
    DiskFull,
    /// Somebody flushes our rules (L8).
    RulesFlushed,
    /// Another program holds the lock of iptables (F19).
    LockHeld,
    /// The kernel's table of connections is full.
    ConnectionsFull,
}

impl Fault {
    /// Those that may go wrong while other services run.
    pub(crate) const BESIDE: [Self; 3] = [Self::RulesFlushed, Self::DiskFull, Self::LockHeld];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DiskFull => "fault.disk_full",
            Self::RulesFlushed => "fault.rules_flushed",
            Self::LockHeld => "fault.lock_held",
            Self::ConnectionsFull => "fault.connections_full",
        }
    }

    /// Lets it go wrong; panics with what does not hold. What was good to know is told.
    pub(crate) fn run(self) -> String {
        match self {
            Self::DiskFull => disk_full(),
            Self::RulesFlushed => rules_flushed(),
            Self::LockHeld => lock_held(),
            Self::ConnectionsFull => connections_full(),
        }
    }
}

/// What the service says is wrong with the tenant.
fn alarms(host: &Host) -> String {
    host.report(TENANT).status.alarms.join("\n")
}

#[track_caller]
fn says(host: &Host, what: &str) {
    wait(
        || alarms(host).contains(what),
        || format!("an alarm with {what:?}, there is {:?}", alarms(host)),
    );
}

fn disk_full() -> String {
    let mut lane = Lane::on(&[], |directory| {
        let state = directory.join("state");
        fs::create_dir(&state).unwrap();
        let none = None::<&str>;
        mount(none, &state, Some("tmpfs"), MsFlags::empty(), Some(DISK)).unwrap();
    });
    lane.prepare(State::Three);
    let began = Instant::now();
    let slow = || {
        let request = get("/slow?ms=4000");
        Asked::send(&lane.host.client(), (PUBLIC, 80), &request, LIMIT)
    };
    let asked: Vec<Asked> = (0..12).map(|_| slow()).collect();
    lane.host.asaas(&["scale", TENANT, "2"]).ok();
    lane.host.until(TENANT, "one drains", |report| {
        let mut instances = report.status.instances.iter();
        instances.any(|seen| seen.instance.phase == Phase::Draining)
    });
    let ballast = lane.host.path("state/ballast");
    fill(&ballast);
    let before = lane.host.containers(TENANT);

    let refused = lane.host.asaas(&["scale", TENANT, "3"]);
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert!(refused.err.contains("full"), "{refused:?}");
    for asked in asked {
        let answer = asked.answer().unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    says(&lane.host, "is full");
    let after = lane.host.containers(TENANT);
    assert_eq!(before, after, "nothing is done that cannot be written down");

    fs::remove_file(ballast).unwrap();
    lane.state = State::Three;
    lane.settle(Workflow::In);
    lane.prepare(State::Three);
    lane.loses_nothing_since(began)
}

/// Takes all the room that there is.
fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    for size in [1 << 20, 1 << 12] {
        let piece = vec![0; size];
        while file.write_all(&piece).is_ok() {}
    }
}

fn rules_flushed() -> String {
    let mut lane = Lane::new();
    lane.prepare(State::Two);
    let mut slowest = Duration::ZERO;
    for kind in [Kind::Transit, Kind::Site] {
        let found = outside::namespaces(&lane.host);
        let router = found.iter().find(|(each, _)| *each == kind).unwrap();
        lane.trickle.set(false);
        tool(&router.1, "iptables", &["-t", "nat", "-F"]);
        let flushed = Instant::now();
        assert!(!is_answered(&lane.host), "without rules nobody is reached");
        while !is_answered(&lane.host) {
            assert!(flushed.elapsed() < FLUSHED_LIMIT, "{kind:?}");
            sleep(Duration::from_millis(100));
        }
        slowest = slowest.max(flushed.elapsed());
    }
    assert!(lane.log().contains("somebody had changed our rules"));
    lane.trickle.set(true);
    format!(", back after {:.1} s at the latest", slowest.as_secs_f64())
}

fn is_answered(host: &Host) -> bool {
    Asked::send(&host.client(), (PUBLIC, 80), &get("/whoami"), NO_ROOM)
        .answer()
        .is_ok()
}

fn lock_held() -> String {
    // The newer flavour of iptables takes no lock.
    let tools = tempfile::tempdir().unwrap();
    for name in ["iptables-restore", "iptables-save"] {
        symlink("/usr/sbin/xtables-legacy-multi", tools.path().join(name)).unwrap();
    }
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.path().display());
    let mut lane = Lane::on(&[("PATH", path.leak())], |_| {});
    let host = &mut lane.host;
    let begun = Workflow::Create.begin(host);
    Workflow::Create.finish(host, begun);
    host.until_exactly(TENANT, 2);
    lane.trickle.set(true);
    let lock = File::create("/run/xtables.lock").unwrap();
    let lock = Flock::lock(lock, FlockArg::LockExclusive).unwrap();
    let since = Instant::now();

    host.asaas(&["scale", TENANT, "3"]).ok();
    says(host, "has held the lock of iptables");
    assert!(!host.report(TENANT).status.is_settled);
    drop(lock);
    host.until_exactly(TENANT, 3);
    lane.loses_nothing_since(since)
}

/// The kernel's own setting, put back when this is dropped.
struct TableSize(String);

const TABLE_SIZE: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

impl TableSize {
    fn set(size: usize) -> Self {
        let before = fs::read_to_string(TABLE_SIZE).unwrap();
        fs::write(TABLE_SIZE, size.to_string()).unwrap();
        Self(before)
    }
}

impl Drop for TableSize {
    fn drop(&mut self) {
        fs::write(TABLE_SIZE, self.0.trim()).expect("the size of the table is put back");
    }
}

fn connections_full() -> String {
    let mut lane = Lane::new();
    lane.prepare(State::Two);
    lane.trickle.set(false);
    let client = lane.host.client();
    let mut established = connect(client.clone(), 1, LIMIT);
    let keep = b"GET /whoami HTTP/1.1\r\nHost: test\r\n\r\n";
    let exchange = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(keep).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    };
    exchange(&mut established[0]);

    let size = TableSize::set(CONNECTIONS);
    let crowd = connect(client, CONNECTIONS + 20, NO_ROOM);
    assert!(crowd.len() <= CONNECTIONS, "{} fit in", crowd.len());
    assert!(!is_answered(&lane.host), "a new one finds no room");
    let mut rest = [0; 4096];
    let _ = established[0].read(&mut rest).unwrap();
    exchange(&mut established[0]);
    says(&lane.host, "table of connections is full");
    drop(size);
    drop(crowd);

    wait(|| is_answered(&lane.host), || "new ones again".to_owned());
    wait(
        || alarms(&lane.host).is_empty(),
        || format!("no alarm, there is {}", alarms(&lane.host)),
    );
    lane.trickle.set(true);
    format!(", {CONNECTIONS} connections at most")
}

/// So many connections from inside a namespace, or as many as there are before one is not had within the limit.
fn connect(netns: PathBuf, count: usize, limit: Duration) -> Vec<TcpStream> {
    let open = move || {
        setns(File::open(netns).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
        let to = SocketAddr::from((PUBLIC, 80));
        let one = |_| TcpStream::connect_timeout(&to, limit).ok();
        (0..count).map_while(one).collect()
    };
    std::thread::spawn(open).join().unwrap()
}
