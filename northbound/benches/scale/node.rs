//! The service with its many tenants, and what the kernel says of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use nix::unistd::{SysconfVar, sysconf};
use northbound::api::{AppliedReply, Document, TenantSummary};
use northbound::client::Client;

use crate::exec::Place;

/// So many people apply at the same time.
const PEOPLE: usize = 64;
/// One in so many tenants is on the slow cloud.
const SLOW: u32 = 100;
const CONFIGURATION: &str = "state: state\nsocket: asaas.sock\ntenants: tenants\nlogs: { directory: logs }\n\
    clouds:\n\
    \x20 - { name: quick, kind: sim, capacity: 100000, boot: 1s }\n\
    \x20 - { name: slow, kind: sim, capacity: 100000, boot: 1s, reply_time: 2s }\n";

/// The service.
pub(crate) struct Node {
    place: Place,
    tenants: u32,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// Of a processor.
    pub(crate) seconds: f64,
    /// MiB in memory.
    pub(crate) resident: f64,
    /// The most of them that there ever were.
    pub(crate) peak: f64,
    /// MiB handed to the disk.
    pub(crate) written: f64,
    /// MiB that the store and the log files take.
    pub(crate) journal: f64,
}

impl Node {
    /// One without tenants.
    pub(crate) fn start() -> Self {
        let mut place = Place::new();
        place.write("asaas.yml", CONFIGURATION);
        place.serve();
        Self { place, tenants: 0 }
    }

    pub(crate) fn tenants(&self) -> u32 {
        self.tenants
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.place.path("state/asaas.db")
    }

    fn client(&self) -> Client {
        Client::new(&self.place.path("asaas.sock"))
    }

    /// Applies so many tenants, each by its file; how many seconds that took.
    pub(crate) async fn apply(&mut self, tenants: u32) -> f64 {
        let (began, client) = (Instant::now(), self.client());
        let applies = (0..tenants).map(|number| {
            let client = client.clone();
            async move {
                client
                    .post::<AppliedReply>("/v1/apply", &file(number))
                    .await
            }
        });
        let mut replies = stream::iter(applies).buffer_unordered(PEOPLE);
        while let Some(reply) = replies.next().await {
            reply.unwrap();
        }
        self.tenants = tenants;
        began.elapsed().as_secs_f64()
    }

    /// How many seconds it took until everyone is as wanted.
    pub(crate) async fn until_settled(&self, tenants: u32, limit: Duration) -> f64 {
        let began = Instant::now();
        loop {
            let all = self.list().await;
            let unsettled = all.iter().filter(|tenant| !tenant.is_settled).count();
            if all.len() == tenants as usize && unsettled == 0 {
                return began.elapsed().as_secs_f64();
            }
            assert!(
                began.elapsed() < limit,
                "{unsettled} of {} are not settled: {:?}\n{}",
                all.len(),
                all.iter().find(|tenant| !tenant.is_settled),
                self.log_end()
            );
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn list(&self) -> Vec<TenantSummary> {
        self.client().get("/v1/tenants").await.unwrap()
    }

    /// Asks for the list of all every few seconds, for so long; how many seconds the slowest reply took.
    pub(crate) async fn answers_within(&self, time: Duration) -> f64 {
        let (began, mut slowest) = (Instant::now(), 0.0_f64);
        while began.elapsed() < time {
            let asked = Instant::now();
            self.list().await;
            slowest = slowest.max(asked.elapsed().as_secs_f64());
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        slowest
    }

    /// `kill -9` and a start; how many seconds after the kill the API answered, and every tenant had been looked at.
    pub(crate) async fn kill_and_return(&mut self) -> (f64, f64) {
        let began = Instant::now();
        self.place.kill();
        self.place.serve();
        self.client()
            .get::<serde_json::Value>("/v1/service")
            .await
            .unwrap();
        let answers = began.elapsed().as_secs_f64();
        loop {
            let all = self.list().await;
            let looked = all.iter().filter(|tenant| tenant.desired.is_some()).count();
            if looked == self.tenants as usize {
                return (answers, began.elapsed().as_secs_f64());
            }
            let is_in_time = began.elapsed() < Duration::from_mins(2);
            assert!(is_in_time, "{looked} were looked at\n{}", self.log_end());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn account(&self) -> Account {
        let process = PathBuf::from(format!("/proc/{}", self.place.process()));
        let number = |file: &str, name: &str| {
            let text = fs::read_to_string(process.join(file)).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let word = line.unwrap().split_whitespace().next().unwrap();
            word.parse::<f64>().unwrap()
        };
        let stat = fs::read_to_string(process.join("stat")).unwrap();
        // The name in brackets may hold anything; what follows it are numbers. utime, stime: proc(5) 14 and 15.
        let (_, numbers) = stat.rsplit_once(')').unwrap();
        let ticks = numbers.split_whitespace().skip(11).take(2);
        let used: f64 = ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum();
        let per_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
        let per_second = u32::try_from(per_second).unwrap();
        Account {
            seconds: used / f64::from(per_second),
            resident: number("status", "VmRSS:") / 1024.0,
            peak: number("status", "VmHWM:") / 1024.0,
            written: number("io", "write_bytes:") / f64::from(1 << 20),
            journal: size(&self.store()) + size(&self.place.path("logs")),
        }
    }

    fn log_end(&self) -> String {
        let log = self.place.service_log();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

fn file(number: u32) -> Document {
    let cloud = if number.is_multiple_of(SLOW) {
        "slow"
    } else {
        "quick"
    };
    let (third, last) = (number / 200, 1 + number % 200);
    Document {
        file: format!("t-{number}.yml"),
        text: format!(
            "version: 1\ntenant: t-{number}\n\
             network: {{ public_ip: 45.45.{third}.{last}, subnets: [{{ cidr: 19.0.0.0/24 }}] }}\n\
             instances: {{ min: 2, max: 4 }}\nclouds: [{{ name: {cloud} }}]\n\
             policy: {{ dynamic: {{ metric: cpu, threshold: 60% }} }}\n"
        ),
        generation: None,
    }
}

/// MiB of a file, or of all in a directory.
fn size(path: &Path) -> f64 {
    let Ok(metadata) = fs::metadata(path) else {
        return 0.0;
    };
    if metadata.is_file() {
        return f64::from(u32::try_from(metadata.len() >> 10).unwrap()) / 1024.0;
    }
    let entries = fs::read_dir(path).unwrap();
    entries.map(|entry| size(&entry.unwrap().path())).sum()
}
