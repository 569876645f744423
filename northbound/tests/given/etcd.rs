//! A real etcd of three members on loopback, in a directory of its own; nothing of it is left when it is dropped. Its members
//! can be killed, paused and started again.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use northbound::store::EtcdSettings;
use northbound::store::etcd::connection::Connection;

#[path = "etcd/exec.rs"]
mod exec;

use exec::{Member, Seat, Timing, program};

const MEMBERS: usize = 3;
/// On a machine that builds beside it.
const START_LIMIT: Duration = Duration::from_mins(1);

/// The members, and where they are.
pub(crate) struct Etcd {
    members: Vec<Member>,
    _directory: tempfile::TempDir,
}

impl Etcd {
    /// Three members that answer, and choose another leader while a test still waits; `None`, and said so, where there is no
    /// etcd on this machine.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(Timing {
            heartbeat: 20,
            election: 200,
        })
        .await
    }

    /// The same, with the times that etcd has where nobody sets them.
    pub(crate) async fn start_as_shipped() -> Option<Self> {
        Self::start_with(Timing {
            heartbeat: 100,
            election: 1_000,
        })
        .await
    }

    async fn start_with(timing: Timing) -> Option<Self> {
        let Some(program) = program() else {
            // Past the capture of the test's output: nobody should take this for a pass.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: there is no etcd on this machine; hint: `make etcd`"
            );
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let seats = seats();
        let members = seats.iter().map(|seat| {
            let place = directory.path().to_owned();
            Member::new(program.clone(), place, seat.clone(), seats.clone(), timing)
        });
        let mut etcd = Self {
            members: members.collect(),
            _directory: directory,
        };
        for number in 0..MEMBERS {
            etcd.members[number].start();
        }
        for number in 0..MEMBERS {
            etcd.wait(number).await;
        }
        Some(etcd)
    }

    /// Where clients find the members.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let seats = self.members.iter().map(Member::seat);
        seats.map(Seat::endpoint).collect()
    }

    /// What a service is told that works with others under this name, over every member.
    pub(crate) fn settings(&self, cluster: &str) -> EtcdSettings {
        EtcdSettings {
            endpoints: self.endpoints(),
            cluster: cluster.parse().unwrap(),
            node: None,
            ttl: SignedDuration::from_secs(5),
            tls: None,
        }
    }

    /// The same, that asks this member first.
    pub(crate) fn settings_from(&self, cluster: &str, member: usize) -> EtcdSettings {
        let mut settings = self.settings(cluster);
        settings.endpoints.rotate_left(member);
        settings
    }

    /// Stops a member where it is, and everything that it was about to say.
    pub(crate) fn pause(&self, member: usize) {
        self.members[member].pause();
    }

    pub(crate) fn resume(&self, member: usize) {
        self.members[member].resume();
    }

    pub(crate) fn kill(&mut self, member: usize) {
        self.members[member].kill();
    }

    /// Starts a member that was killed, with what it knew; it answers before long.
    pub(crate) fn restart(&mut self, member: usize) {
        self.members[member].start();
    }

    /// Which member leads; asked of those that answer.
    pub(crate) async fn leader(&self) -> Option<usize> {
        for member in &self.members {
            let Some(status) = status(&member.seat().endpoint()).await else {
                continue;
            };
            if status.leader() == 0 {
                continue;
            }
            for (number, other) in self.members.iter().enumerate() {
                let header = status_id(&other.seat().endpoint()).await;
                if header == Some(status.leader()) {
                    return Some(number);
                }
            }
        }
        None
    }

    /// Returns once a member knows who leads.
    pub(crate) async fn wait(&self, number: usize) {
        let member = &self.members[number];
        let began = Instant::now();
        while status(&member.seat().endpoint())
            .await
            .is_none_or(|status| status.leader() == 0)
        {
            assert!(began.elapsed() < START_LIMIT, "{}", member.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Ports that nobody has; all are held until the last one was found.
fn seats() -> Vec<Seat> {
    let free: Vec<TcpListener> = (0..2 * MEMBERS)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let ports: Vec<u16> = free
        .iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect();
    let seat = |number: usize| Seat {
        name: format!("e{}", number + 1),
        clients: ports[2 * number],
        peers: ports[2 * number + 1],
    };
    (0..MEMBERS).map(seat).collect()
}

async fn status(endpoint: &str) -> Option<etcd_client::StatusResponse> {
    let asked = async {
        let mut client = etcd_client::Client::connect([endpoint], None).await.ok()?;
        client.status().await.ok()
    };
    tokio::time::timeout(Duration::from_millis(500), asked)
        .await
        .ok()?
}

async fn status_id(endpoint: &str) -> Option<u64> {
    Some(status(endpoint).await?.header()?.member_id())
}

/// A client of this cluster that asks this member first.
pub(crate) async fn connection(etcd: &Etcd, cluster: &str, member: usize) -> Connection {
    let settings = etcd.settings_from(cluster, member);
    Connection::open(&settings).await.unwrap()
}
