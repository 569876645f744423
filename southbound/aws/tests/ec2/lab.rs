//! A lab of one's own: its faults, what it has counted, and a cloud in it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use controller::id::{InstanceId, TenantName};
use controller::instance::{Instance, Phase};
use controller::offering::Offering;
use controller::ports::Launch;
use controller::spec::Subnet;
use jiff::Timestamp;
use serde_json::Value;
use southbound_aws::{AwsCloud, Bounds, Credentials, Gateway, Network, Settings, Source, Template};
use tempfile::TempDir;

use crate::exec::Process;

/// Whoever looks more often has to wait less.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// The image that the lab's account has.
const IMAGE: &str = "ami-0123456789abcdef0";

pub(crate) struct Lab {
    process: Process,
    state: TempDir,
    account: Value,
}

impl Lab {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(options: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let process = Process::start(state.path(), options);
        let account = ask(&process.url, "GET", "/lab", "")["account"].clone();
        let lab = Self {
            process,
            state,
            account,
        };
        let keys = &lab.account["keys"];
        let profiles: String = ["service", "reader"]
            .map(|name| {
                let (id, secret) = (text(&keys[name]["id"]), text(&keys[name]["secret"]));
                format!("[{name}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
            })
            .concat();
        let wrong = "[wrong]\naws_access_key_id = AKIAWRONG\naws_secret_access_key = wrong\n";
        fs::write(lab.credentials_file(), profiles + wrong).unwrap();
        lab
    }

    fn credentials_file(&self) -> PathBuf {
        self.state.path().join("credentials")
    }

    pub(crate) fn url(&self) -> &str {
        &self.process.url
    }

    /// What goes wrong from now on; see `lab/faults.py`.
    pub(crate) fn set(&self, faults: &Value) {
        let (new, file) = (
            self.state.path().join("new"),
            self.state.path().join("faults.json"),
        );
        fs::write(&new, faults.to_string()).unwrap();
        fs::rename(new, file).unwrap();
    }

    pub(crate) fn ask(&self) -> Value {
        ask(self.url(), "GET", "/lab", "")
    }

    /// How many calls of this action have come in.
    pub(crate) fn calls(&self, action: &str) -> u64 {
        self.ask()["calls"][action].as_u64().unwrap_or(0)
    }

    /// Every instance that ever was.
    pub(crate) fn made(&self) -> Vec<Value> {
        self.ask()["instances"].as_array().unwrap().clone()
    }

    /// Every instance that is not terminated.
    pub(crate) fn present(&self) -> Vec<Value> {
        let mut present = self.made();
        present.retain(|each| each["state"] != "terminated");
        present
    }

    pub(crate) fn instance(&self, id: &str) -> Value {
        let mut made = self.made().into_iter();
        made.find(|each| each["id"] == id).unwrap_or_default()
    }

    /// Moves an instance behind everybody's back.
    pub(crate) fn enter(&self, id: &str, state: &str) {
        ask(self.url(), "POST", &format!("/lab/{state}/{id}"), "");
    }

    /// Tags an instance behind everybody's back.
    pub(crate) fn retag(&self, id: &str, tags: &Value) {
        ask(
            self.url(),
            "POST",
            &format!("/lab/tags/{id}"),
            &tags.to_string(),
        );
    }

    pub(crate) fn subnet(&self, zone: &str) -> String {
        text(&self.account["subnets"][zone])
    }

    pub(crate) fn settings(&self) -> Settings {
        let mut settings = plain_settings(self.credentials_file());
        let subnets = settings
            .zones
            .iter()
            .map(|zone| (zone.clone(), self.subnet(zone)));
        settings.network = Network::Existing {
            subnets: subnets.collect(),
            groups: Vec::new(),
        };
        settings.endpoint = Some(self.url().to_owned());
        settings
    }

    /// A cloud where tenants have VPCs of their own.
    pub(crate) fn cloud_with_sites(&self) -> AwsCloud {
        let gateway = Gateway {
            image: IMAGE.to_owned(),
            machine: "t3.nano".to_owned(),
        };
        AwsCloud::open(Settings {
            network: Network::Site(gateway),
            ..self.settings()
        })
        .unwrap()
    }

    pub(crate) fn cloud(&self) -> AwsCloud {
        AwsCloud::open(self.settings()).unwrap()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A launch of instance number `number` of a tenant, from template `web`.
pub(crate) fn launch_number(tenant: &TenantName, number: u16) -> Launch {
    let [high, low] = number.to_be_bytes();
    Launch {
        tenant: tenant.clone(),
        instance: Instance {
            id: InstanceId::new(1_800_000_000, number.into()),
            slot: number.into(),
            cloud: "aws-us".parse().unwrap(),
            template: "web".parse().unwrap(),
            offering: Offering::default(),
            fingerprint: None,
            address: [19, 0, high, low].into(),
            phase: Phase::Intent,
            is_pooled: false,
            since: Timestamp::UNIX_EPOCH,
            created: Timestamp::UNIX_EPOCH,
            provider: None,
            in_service: None,
            drain: None,
            missing: None,
        },
        subnet: Subnet {
            name: "nw".parse().unwrap(),
            cidr: "19.0.0.0/24".parse().unwrap(),
            gateway: "19.0.0.1".parse().unwrap(),
            dhcp_start: "19.0.0.4".parse().unwrap(),
            dhcp_end: "19.0.0.253".parse().unwrap(),
        },
    }
}

/// A launch of a tenant's first instance.
pub(crate) fn launch_of(tenant: &TenantName) -> Launch {
    launch_number(tenant, 10)
}

/// Three zones, two machine types, one template, and nobody there.
pub(crate) fn plain_settings(credentials: PathBuf) -> Settings {
    let zones = ["us-east-1a", "us-east-1b", "us-east-1c"].map(str::to_owned);
    let template = Template {
        source: Source::Image(IMAGE.to_owned()),
        user_data: Some("#cloud-config\n".to_owned()),
        key: None,
        profile: None,
    };
    Settings {
        cloud: "aws-us".parse().unwrap(),
        deployment: "d1".to_owned(),
        region: "us-east-1".to_owned(),
        network: Network::Existing {
            subnets: zones
                .clone()
                .map(|zone| (zone, "subnet-0".to_owned()))
                .into(),
            groups: Vec::new(),
        },
        zones: zones.to_vec(),
        machines: vec!["t3.micro".to_owned(), "t3.small".to_owned()],
        templates: [("web".parse().unwrap(), template)].into(),
        credentials: Credentials::Profile {
            file: Some(credentials),
            name: "service".to_owned(),
        },
        endpoint: None,
        is_protected: false,
        hibernates: false,
        bounds: Bounds {
            look: LOOK,
            page: 5,
            ..Bounds::default()
        },
    }
}

/// One question to the lab itself.
fn ask(url: &str, method: &str, path: &str, body: &str) -> Value {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let asked = format!("{method} {path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(asked.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str(body).unwrap()
}
