//! What the tests of the store and of the logs start from.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::path::Path;

use controller::id::{Generation, InstanceId, TenantName};
use controller::instance::{Instance, Phase};
use controller::journal::{Event, Move};
use controller::ports::{Footing, Orders};
use controller::spec::TenantSpec;
use controller::time::Now;
use jiff::SignedDuration;
use northbound::store::{SqliteStore, StateDir};

pub(crate) fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(StateDir::take(directory).unwrap()).unwrap()
}

/// What a record stands on while the first spec is in force.
pub(crate) fn footing(store: &SqliteStore) -> Footing {
    footing_on(store, 1)
}

/// What a record stands on while this generation is in force.
pub(crate) fn footing_on(store: &SqliteStore, generation: u64) -> Footing {
    Footing {
        epoch: store.epoch(),
        generation: Generation(generation),
        orders: Orders::default(),
    }
}

pub(crate) fn spec(tenant: &str, public_ip: &str) -> TenantSpec {
    serde_json::from_value(serde_json::json!({
        "tenant": tenant,
        "network": {
            "public_ip": public_ip,
            "subnets": [{
                "name": "net", "cidr": "19.0.0.0/24", "gateway": "19.0.0.1",
                "dhcp_start": "19.0.0.2", "dhcp_end": "19.0.0.254",
            }],
            "split": "by_instances",
        },
        "service": {
            "listen": [{ "protocol": "tcp", "port": 80, "to": 8080 }],
            "health": {
                "probe": { "http": { "port": 8080, "path": "/health" } },
                "every": "PT1S", "timeout": "PT1S", "unhealthy_after": 3, "healthy_after": 1,
            },
        },
        "instances": { "min": 2, "max": 5, "template": "web", "surge": 0, "boot_timeout": "PT1M" },
        "clouds": [{ "name": "local-a", "max": null }],
        "policy": {
            "mode": "auto", "signals": [], "windows": [],
            "buffer": { "scale_out": "PT2M", "scale_in": "PT2M" },
            "stabilization": { "scale_out": "PT0S", "scale_in": "PT5M" },
            "max_step": { "scale_out": null, "scale_in": null },
            "max_rate": { "scale_out": null, "scale_in": null },
            "warm_up": "PT10S", "min_lifetime": "PT0S", "warm_pool": 0, "drain": "PT30S",
        },
        "logs": { "metrics": true },
    }))
    .unwrap()
}

pub(crate) fn name(text: &str) -> TenantName {
    text.parse().unwrap()
}

pub(crate) fn now() -> Now {
    Now::at("2026-01-15T08:00:00Z".parse().unwrap())
}

pub(crate) fn later(seconds: i64) -> Now {
    now().after(SignedDuration::from_secs(seconds))
}

pub(crate) fn instance(chance: u32, phase: Phase) -> Instance {
    Instance {
        id: InstanceId::new(1_000, chance),
        slot: chance,
        cloud: "local-a".parse().unwrap(),
        template: "web".parse().unwrap(),
        offering: controller::offering::Offering::default(),
        fingerprint: None,
        address: "19.0.0.2".parse().unwrap(),
        phase,
        is_pooled: false,
        since: now().steady,
        created: now().steady,
        provider: None,
        in_service: None,
        drain: None,
        missing: None,
    }
}

pub(crate) fn moved(instance: &Instance) -> Event {
    Event::Moved(Move {
        instance: instance.id,
        cloud: instance.cloud.clone(),
        address: instance.address,
        from: None,
        to: instance.phase,
        why: "a test".to_owned(),
        drain: None,
    })
}

pub(crate) fn alarm(what: &str) -> Event {
    Event::Alarm {
        what: what.to_owned(),
    }
}

pub(crate) fn fill(file: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(file).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
}

/// A file system of its own, seen by this test's process only.
pub(crate) struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    pub(crate) fn mount(at: &Path, options: &str) -> Self {
        use nix::mount::{MsFlags, mount};
        use nix::sched::{CloneFlags, unshare};
        unshare(CloneFlags::CLONE_NEWNS).expect("this test mounts a file system: run it as root");
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(
            Some("tmpfs"),
            at,
            Some("tmpfs"),
            MsFlags::empty(),
            Some(options),
        )
        .unwrap();
        Self(at.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH);
    }
}
