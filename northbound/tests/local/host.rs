//! A service with two real clouds, and a client in front of it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use controller::id::{InstanceId, TenantName};
use controller::instance::Phase;
use controller::status::InstanceStatus;
use netsetup::EdgeClient;
use northbound::api::{ServiceReport, TenantReport};
use northbound::client::{Client, ClientError};
use northbound::logs::{Action, ActionRow, Span, read};
use tokio::runtime::Runtime;

use crate::exec::{Place, Said};
use crate::remains::{self, Container, Mark};
use crate::traffic::Load;

/// Nothing here takes longer, however busy the machine is.
pub(crate) const LIMIT: Duration = Duration::from_secs(45);
const LOOK: Duration = Duration::from_millis(50);

/// What tenants here have in common: an instance's health is known soon, and nothing waits for long.
const QUICK: &str = "service: { health: { http: /health, every: 1s, timeout: 1s, unhealthy_after: 5 } }\n\
    policy: { buffer: 1s, stabilization: 1s, warm_up: 1s, drain: 30s }\n";

pub(crate) struct Host {
    pub(crate) place: Place,
    runtime: Runtime,
    pub(crate) mark: Mark,
    client: Option<EdgeClient>,
}

impl Host {
    /// The service runs; `local-a` has room for three instances, `local-b` for four.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// As [`Self::new`], with this in the service's environment.
    pub(crate) fn with(environment: &[(&'static str, &'static str)]) -> Self {
        Self::on(environment, |_| {})
    }

    /// As [`Self::with`], in a directory that is prepared before the service starts.
    pub(crate) fn on(
        environment: &[(&'static str, &'static str)],
        prepare: impl FnOnce(&Path),
    ) -> Self {
        let mut place = Place::with("");
        place.environment = environment.to_vec();
        prepare(&place.path(""));
        let mark = Mark::new(&place.path(""));
        place.write("asaas.yml", &configuration(&mark));
        let mut host = Self {
            place,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            mark,
            client: None,
        };
        host.place.serve();
        let path = "/v1/service";
        let service: ServiceReport = host.runtime.block_on(host.api().get(path)).unwrap();
        host.mark.deployment = Some(service.deployment.clone());
        let client = EdgeClient::join(&service.deployment, remains::CLIENT);
        host.client = Some(host.runtime.block_on(client).unwrap());
        host
    }

    fn api(&self) -> Client {
        Client::new(&self.path("asaas.sock"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// The client's network namespace.
    pub(crate) fn client(&self) -> PathBuf {
        self.client.as_ref().unwrap().path()
    }

    /// The client is no more needed.
    pub(crate) fn leave(&mut self) {
        let client = self.client.take().unwrap();
        self.runtime.block_on(client.leave()).unwrap();
    }

    /// Writes the file of a tenant. `instances` is what stands in that section; `more` are further sections.
    pub(crate) fn write(&self, tenant: &str, public_ip: &str, instances: &str, more: &str) {
        let text = format!(
            "version: 1\ntenant: {tenant}\n\
             network: {{ public_ip: {public_ip}, subnets: [{{ cidr: 19.0.0.0/24 }}] }}\n\
             instances: {{ {instances} }}\n{more}{QUICK}"
        );
        self.write_bytes(tenant, text.as_bytes());
    }

    pub(crate) fn write_bytes(&self, tenant: &str, text: &[u8]) {
        fs::create_dir_all(self.path("tenants")).unwrap();
        fs::write(self.path(&format!("tenants/{tenant}.yml")), text).unwrap();
    }

    /// Applies the tenant's file and waits until its instances serve.
    #[track_caller]
    pub(crate) fn apply(&self, tenant: &str) {
        self.asaas(&["apply", tenant, "--wait", "--timeout", "45s"])
            .ok();
    }

    pub(crate) fn asaas(&self, arguments: &[&str]) -> Said {
        self.place.asaas(arguments)
    }

    /// `kill -9`
    pub(crate) fn kill(&mut self) {
        self.place.kill();
    }

    /// After a kill.
    pub(crate) fn serve(&mut self) {
        self.place.serve();
    }

    pub(crate) fn report(&self, tenant: &str) -> TenantReport {
        self.try_report(tenant).unwrap()
    }

    pub(crate) fn try_report(&self, tenant: &str) -> Result<TenantReport, ClientError> {
        let path = format!("/v1/tenants/{tenant}");
        self.runtime.block_on(self.api().get(&path))
    }

    /// Waits until the tenant is as it should be.
    #[track_caller]
    pub(crate) fn until(
        &self,
        tenant: &str,
        what: &str,
        is_so: impl Fn(&TenantReport) -> bool,
    ) -> TenantReport {
        let mut last = None;
        wait(
            || {
                // One that was started a moment ago may not have looked at it yet.
                let report = self.try_report(tenant).ok();
                let is_so = report.as_ref().is_some_and(&is_so);
                last = report;
                is_so
            },
            || {
                format!(
                    "{what}\n{}",
                    self.asaas(&["status", tenant]).out + &self.place.service_log()
                )
            },
        );
        last.unwrap()
    }

    /// Waits until exactly so many serve, and sees that they are what really exists: no double, no leak.
    #[track_caller]
    pub(crate) fn until_exactly(&self, tenant: &str, count: usize) -> Vec<Container> {
        let report = self.until(tenant, &format!("exactly {count}"), |report| {
            let instances = &report.status.instances;
            let serving = instances.iter().filter(|seen| is_serving(seen)).count();
            report.status.is_settled && serving == count && instances.len() == count
        });
        let real = self.containers(tenant);
        let mut recorded: Vec<InstanceId> = ids(&report);
        recorded.sort();
        let running: Vec<InstanceId> = real.iter().map(|container| container.id).collect();
        assert_eq!(running, recorded, "what runs, and what is recorded");
        real
    }

    /// What really runs, seen from the kernel, in order of id.
    pub(crate) fn containers(&self, tenant: &str) -> Vec<Container> {
        remains::containers(&self.mark, tenant)
    }

    /// What has a directory in a cloud of this service, by the directory's name.
    pub(crate) fn directories(&self) -> Vec<String> {
        remains::directories(&self.path("state"))
    }

    /// Everything of this tenant that is still in the kernel or on the disk, told.
    pub(crate) fn remains(&self, tenant: &str) -> Vec<String> {
        remains::of_tenant(&self.mark, &self.path("state"), tenant)
    }

    /// Starts to send requests to a tenant, and returns once they are answered.
    pub(crate) fn load(&self, url: &str, profile: &str) -> Load {
        Load::start(&self.client(), url, profile, &self.path("load.csv"))
    }

    /// The rows of the actions' log, once one of them is as it should be.
    #[track_caller]
    pub(crate) fn actions_until(
        &self,
        tenant: &str,
        what: &str,
        is_it: impl Fn(&ActionRow) -> bool,
    ) -> Vec<ActionRow> {
        let name: TenantName = tenant.parse().unwrap();
        let mut rows: Vec<ActionRow> = Vec::new();
        wait(
            || {
                rows = read(&self.path("logs"), &name, Span::default()).unwrap();
                rows.iter().any(&is_it)
            },
            || what.to_owned(),
        );
        rows
    }
}

impl Drop for Host {
    /// What a test that failed has left goes without the program's help.
    #[expect(clippy::print_stderr, reason = "only a test that failed says more")]
    fn drop(&mut self) {
        let log = std::thread::panicking().then(|| self.place.service_log());
        self.place.kill();
        remains::remove(&self.mark);
        if let Some(log) = log {
            eprintln!("the service said:\n{log}");
        }
    }
}

/// Waits until something holds; fails with what should have come about.
#[track_caller]
pub(crate) fn wait(mut holds: impl FnMut() -> bool, what: impl FnOnce() -> String) {
    let began = Instant::now();
    while !holds() {
        assert!(
            began.elapsed() < LIMIT,
            "not within {LIMIT:?}: {}",
            { what }()
        );
        std::thread::sleep(LOOK);
    }
}

pub(crate) fn ids(report: &TenantReport) -> Vec<InstanceId> {
    let instances = report.status.instances.iter();
    instances.map(|seen| seen.instance.id).collect()
}

pub(crate) fn is_serving(seen: &InstanceStatus) -> bool {
    seen.instance.phase == Phase::InService
}

pub(crate) fn launches(rows: &[ActionRow]) -> usize {
    let is_launch = |row: &&ActionRow| row.action == Action::Launch;
    rows.iter().filter(is_launch).count()
}

/// The demo app's root, beside the program under test: `target/demo-root` for `target/debug/asaas`.
fn root() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_asaas"));
    let mut roots = program.ancestors().map(|above| above.join("demo-root"));
    roots
        .find(|root| root.join("bin/demo-app").is_file())
        .unwrap_or_else(|| {
            panic!(
                "there is no demo-root beside {}; hint: run `make demo-root` first, as `make test` does",
                program.display()
            )
        })
}

fn configuration(mark: &Mark) -> String {
    let template = |name: &str, command: &str| {
        format!(
            "\x20 {name}:\n\
             \x20   root: {root}\n\
             \x20   command: [{command}]\n\
             \x20   memory: 64MiB\n\
             \x20   env: {{ {variable}: {value}, ACCESS_LOG: access.log }}\n\
             \x20   access_log: {{ file: access.log }}\n",
            root = root().display(),
            variable = remains::VARIABLE,
            value = mark.value,
        )
    };
    format!(
        "state: state\nsocket: asaas.sock\ntenants: tenants\nlogs: {{ directory: logs }}\ntick: 1s\n\
         clouds:\n\
         \x20 - {{ name: local-a, kind: local, capacity: 3 }}\n\
         \x20 - {{ name: local-b, kind: local, capacity: 4 }}\n\
         templates:\n{web}{silent}\
         defaults: {{ instances: {{ template: web }} }}\n",
        web = template("web", "/bin/demo-app"),
        silent = template("silent", "/bin/sleep, \"1000\""),
    )
}

/// One of the addresses of the range that tenants' public addresses come from.
pub(crate) fn public(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(45, 45, 45, last)
}
