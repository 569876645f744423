//! A lab of one's own: a process on a free port of loopback, its faults, and what is true in it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use southbound_gcp::{Bounds, Credentials, Gateway, GcpCloud, Network, Rest, Settings, Template};
use tempfile::TempDir;

use crate::exec::Process;

pub(crate) const REGION: &str = "europe-west1";
pub(crate) const ZONE: &str = "europe-west1-b";
/// Whatever the lab does takes less than this, however busy the machine is.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

pub(crate) struct Lab {
    process: Process,
    directory: TempDir,
}

impl Lab {
    /// With a network that all tenants may share.
    pub(crate) fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let [faults, change] =
            ["faults.json", "change.json"].map(|name| directory.path().join(name));
        let process = Process::start(&faults, &change);
        let lab = Self { process, directory };
        let network = json!({"name": "shared", "autoCreateSubnetworks": false});
        lab.api("POST", "global/networks", &network);
        let range = json!({"name": "shared", "network": "projects/lab/global/networks/shared", "ipCidrRange": "19.0.0.0/16"});
        lab.api("POST", &format!("regions/{REGION}/subnetworks"), &range);
        lab
    }

    pub(crate) fn url(&self) -> &str {
        &self.process.url
    }

    /// From the next call on the lab is like this, and like nothing that was said before.
    pub(crate) fn faults(&self, faults: &Value) {
        let (new, path) = (
            self.directory.path().join("new"),
            self.directory.path().join("faults.json"),
        );
        std::fs::write(&new, faults.to_string()).unwrap();
        std::fs::rename(&new, &path).unwrap();
    }

    /// A call of the API by nobody's client, which has to succeed.
    pub(crate) fn api(&self, verb: &str, path: &str, body: &Value) -> Value {
        let path = format!("/compute/v1/projects/lab/{path}");
        let (status, answer) = self.http(verb, &path, &body.to_string());
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).unwrap()
    }

    pub(crate) fn http(&self, verb: &str, path: &str, body: &str) -> (u16, String) {
        let host = self.url().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let length = body.len();
        let head = format!(
            "{verb} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (
            head.split(' ').nth(1).unwrap().parse().unwrap(),
            body.to_owned(),
        )
    }

    pub(crate) fn state(&self) -> Value {
        serde_json::from_str(&self.http("GET", "/lab/state", "").1).unwrap()
    }

    /// What was last told to whoever puts machines behind instances; nothing where there never was one.
    pub(crate) fn told(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.directory.path().join("change.json"));
        text.map_or(Vec::new(), |text| serde_json::from_str(&text).unwrap())
    }

    /// How often each method was called.
    pub(crate) fn calls(&self, method: &str) -> u64 {
        self.state()["calls"][method].as_u64().unwrap_or(0)
    }

    /// What every instance does, by name.
    pub(crate) fn instances(&self) -> BTreeMap<String, String> {
        serde_json::from_value(self.state()["instances"].clone()).unwrap()
    }

    /// How many instances were ever made of each name.
    pub(crate) fn made(&self) -> BTreeMap<String, usize> {
        let made = self.state()["made"].as_object().unwrap().clone();
        made.into_iter()
            .map(|(name, each)| (name, each.as_array().unwrap().len()))
            .collect()
    }

    pub(crate) fn kill(&self, name: &str) {
        assert_eq!(self.http("POST", &format!("/lab/kill/{name}"), "").0, 200);
    }

    /// Returns once no instance is on its way anywhere.
    pub(crate) fn settle(&self) {
        let since = Instant::now();
        while self
            .instances()
            .values()
            .any(|status| status.ends_with("ING") && status != "RUNNING")
        {
            assert!(since.elapsed() < LIMIT, "{:?}", self.instances());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        settings(self.url())
    }

    pub(crate) fn cloud(&self) -> GcpCloud {
        GcpCloud::open(self.settings()).unwrap()
    }
}

/// A cloud behind this address, with everything shared and nobody's credentials.
pub(crate) fn settings(url: &str) -> Settings {
    Settings {
        cloud: "gcp-eu".parse().unwrap(),
        deployment: "test".to_owned(),
        project: "lab".to_owned(),
        region: REGION.to_owned(),
        zones: vec![ZONE.to_owned(), "europe-west1-c".to_owned()],
        machines: vec!["e2-small".to_owned(), "n2-standard-2".to_owned()],
        network: Network::Shared("shared".to_owned()),
        templates: [("web".parse().unwrap(), Template::default())].into(),
        gateway: Gateway::default(),
        rest: Rest::Suspend,
        credentials: Credentials::Anonymous,
        endpoint: Some(url.to_owned()),
        bounds: Bounds {
            call: Duration::from_secs(20),
            operation: Duration::from_secs(40),
            poll: Duration::from_millis(10),
        },
    }
}
