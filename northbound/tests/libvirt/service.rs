//! One tenant on a hypervisor: served, one guest killed and replaced, one more asked for, and nothing left in the end.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::signal::Signal;

use crate::lab::{self, Lab, wait_until};
use crate::program::{Service, asaas};

/// Where the small guest is.
fn guest(file: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/guest")
        .join(file);
    let path = path.canonicalize();
    path.expect("the small guest has to be built; hint: make guest")
}

fn write_files(lab: &Lab, home: &Path) {
    let operator = format!(
        "state: state\nsocket: asaas.sock\ntenants: tenants\nlogs: {{ directory: logs }}\ntick: 1s\n\
         clouds:\n  - name: kvm-a\n    libvirt: {{ hosts: [{{ uri: \"{}\", capacity: 3 }}], hypervisor: qemu, call_limit: 60s }}\n\
         templates:\n  small:\n    cpu: 1\n    memory: 96MiB\n    libvirt:\n      kernel: {}\n      initrd: {}\n      \
         cmdline: console=ttyS0 panic=-1 quiet mitigations=off cryptomgr.notests\n",
        lab.uri(),
        guest("vmlinuz").display(),
        guest("initrd").display(),
    );
    fs::write(home.join("asaas.yml"), operator).unwrap();
    let tenant = "version: 1\ntenant: demo\nnetwork:\n  public_ip: 45.45.45.45\n  subnets: [{ cidr: 19.0.0.0/24 }]\n\
                  service: { health: { http: /health, every: 1s, timeout: 900ms } }\n\
                  instances: { min: 1, max: 3 }\npolicy: { drain: 5s }\n";
    fs::create_dir_all(home.join("tenants")).unwrap();
    fs::write(home.join("tenants/demo.yml"), tenant).unwrap();
}

/// The hypervisor's storage pool, which its libvirtd starts by itself; it is read when libvirtd starts.
fn make_pool(lab: &Lab) {
    lab.inside(|| {
        let (config, disks) = (Path::new("/etc/libvirt/storage"), "/var/lib/libvirt/images");
        fs::create_dir_all(config.join("autostart")).unwrap();
        fs::create_dir_all(disks).unwrap();
        let pool = format!(
            "<pool type='dir'><name>default</name><target><path>{disks}</path></target></pool>"
        );
        fs::write(config.join("default.xml"), pool).unwrap();
        symlink("../default.xml", config.join("autostart/default.xml")).unwrap();
    });
    lab.crash();
    lab.start_daemon();
}

/// The names that libvirt knows the tenant's instances that serve by.
fn serving(lab: &Lab, home: &Path) -> Vec<String> {
    let said = asaas(lab, home, &["status", "demo", "--json"]);
    let Ok(report) = serde_json::from_str::<serde_json::Value>(&said.out) else {
        return Vec::new();
    };
    let instances = report["status"]["instances"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    instances
        .iter()
        .map(|shown| &shown["instance"])
        .filter(|instance| instance["phase"] == "in_service")
        .filter_map(|instance| instance["provider"].as_str().map(str::to_owned))
        .collect()
}

// S3-01, S3-12, S3-14, S3-16, S3-23, S4-105, S4-106
#[test]
fn guests_serve_behind_one_address_are_replaced_when_they_die_and_leave_nothing_behind() {
    let lab = Arc::new(Lab::start());
    make_pool(&lab);
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_files(&lab, home);
    let _service = Service::start(&lab, home);
    wait_until("the service answers", || {
        asaas(&lab, home, &["tenants"]).is_ok
    });

    let clouds = asaas(&lab, home, &["clouds"]);
    assert!(clouds.out.contains("kvm-a (libvirt)"), "{clouds:?}");
    let applied = asaas(&lab, home, &["apply", "demo"]);
    assert!(applied.is_ok, "{applied:?}");
    wait_until("a guest serves", || serving(&lab, home).len() == 1);
    let answer = get(&lab, home);
    assert!(answer.is_ok, "{answer:?}");

    let first = serving(&lab, home).remove(0);
    lab::signal(Lab::guest_pid(&first).unwrap(), Signal::SIGKILL);
    wait_until("another has taken its place", || {
        let serving = serving(&lab, home);
        serving.len() == 1 && !serving.contains(&first)
    });
    assert!(get(&lab, home).is_ok);

    assert!(asaas(&lab, home, &["scale", "demo", "2"]).is_ok);
    wait_until("two serve", || serving(&lab, home).len() == 2);
    let guests = serving(&lab, home);
    assert!(guests.iter().all(|name| Lab::guest_pid(name).is_some()));
    let virsh = lab::children()
        .into_iter()
        .find(|line| line.contains("virsh"));
    assert_eq!(virsh, None);

    let destroyed = asaas(
        &lab,
        home,
        &["destroy", "demo", "--yes", "--wait", "--timeout", "2m"],
    );
    assert!(destroyed.is_ok, "{destroyed:?}");
    assert!(guests.iter().all(|name| Lab::guest_pid(name).is_none()));
    let links = lab.inside(|| fs::read_to_string("/proc/net/dev").unwrap());
    assert!(!links.contains(" ab"), "{links}");
}

/// Some requests of a client to the public address.
fn get(lab: &Lab, home: &Path) -> crate::program::Said {
    let load = [
        "edge",
        env!("CARGO_BIN_EXE_asaas"),
        "load",
        "http://45.45.45.45/health",
        "-p",
        "5/s:2s",
        "--quiet",
    ];
    asaas(lab, home, &load)
}
