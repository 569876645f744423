//! The operator's file: read with the same care as a tenant's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::{Path, PathBuf};

use northbound::config::{CloudKind, Config, GcpCredentials, Root};
use northbound::problem::{Problems, Style};
use northbound::store::{EtcdSettings, EtcdTls, StoreSettings};
use northbound::tenant_file;

fn read(text: &str) -> Result<(Config, Problems), Problems> {
    Config::read(text, "asaas.yml", Path::new("/etc/asaas"))
}

fn refused(text: &str) -> String {
    match read(text) {
        Ok((config, _)) => panic!("accepted: {config:?}"),
        Err(problems) => problems.render(Style::Plain),
    }
}

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ansible/asaas.example.yml");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn without_a_file_there_are_two_local_clouds_and_the_demo_app() {
    let config = Config::embedded(Path::new("/etc/asaas"));

    let clouds: Vec<(&str, &CloudKind)> = config
        .clouds
        .iter()
        .map(|cloud| (cloud.name.as_str(), &cloud.kind))
        .collect();
    assert_eq!(
        clouds,
        [
            ("local-a", &CloudKind::Local { capacity: 3 }),
            ("local-b", &CloudKind::Local { capacity: 4 }),
        ]
    );
    assert_eq!(config.templates[0].name.as_str(), "web");
    assert_eq!(config.templates[0].root, Root::Demo);
    assert_eq!(config.tenants, Path::new("/etc/asaas/tenants"));
    assert_eq!(config.state, Path::new("/var/lib/asaas"));
    assert_eq!(config.runtime, Path::new("runc"));
}

#[test]
fn a_file_of_comments_is_the_same_as_none() {
    let (config, warnings) = read("# tick: 1s\n\n").unwrap();

    assert_eq!(config, Config::embedded(Path::new("/etc/asaas")));
    assert!(warnings.is_empty());
}

// S4-100
#[test]
fn the_fourteen_lines_apply_without_an_operators_file() {
    let known = Config::embedded(Path::new("/")).known();
    let text = include_str!("tenant_files/ok/classic.yml");

    let reading = tenant_file::read(text, "demo.yml", &known).unwrap();

    assert_eq!(reading.spec.instances.template.as_str(), "web");
    assert_eq!(reading.spec.clouds.len(), 2);
}

#[test]
fn the_demo_tenant_applies_without_an_operators_file() {
    let known = Config::embedded(Path::new("/")).known();
    let text = include_str!("../../tenants/demo.yml");

    assert!(tenant_file::read(text, "demo.yml", &known).is_ok());
}

#[test]
fn the_example_of_every_key_is_read() {
    let (config, warnings) = read(&example()).unwrap_or_else(|problems| panic!("{problems}"));

    assert!(warnings.is_empty(), "{warnings}");
    let shop = &config.templates[1];
    assert_eq!(shop.root, Root::Path(PathBuf::from("/srv/images/shop.tar")));
    assert_eq!(shop.command, ["/bin/shop", "--port", "8080"]);
    assert_eq!(shop.memory_bytes, 128 << 20);
    assert_eq!(shop.env["MODE"], "production");
    let log = shop.access_log.as_ref().unwrap();
    assert_eq!(log.file, Path::new("access.log"));
    assert!(log.format.has_worker());
    assert_eq!(config.access_logs.len(), 1);
    assert!(config.prometheus.is_some());
}

/// But for what the example sets on purpose, it shows what holds without it.
#[test]
fn the_example_shows_the_defaults_that_hold() {
    let (shown, _) = read(&example()).unwrap();
    let embedded = Config::embedded(Path::new("/etc/asaas"));

    let mut defaults = shown.defaults;
    defaults.template = None;
    defaults.max_step_out = None;
    defaults.max_step_in = None;
    assert_eq!(defaults, embedded.defaults);
    assert_eq!(shown.tick, embedded.tick);
    assert_eq!(shown.logs, embedded.logs);
    assert_eq!(shown.edge, embedded.edge);
    assert_eq!(shown.socket, embedded.socket);
    assert_eq!(shown.clouds[..2], embedded.clouds[..]);
    assert_eq!(shown.templates[0], embedded.templates[0]);
    let short = "prometheus: { timeout: 2s }\ntemplates: { web: { builtin: demo, access_log: { file: access.log } } }\n";
    let (short, _) = read(short).unwrap();
    assert_eq!(shown.prometheus, short.prometheus);
    assert_eq!(shown.templates[1].access_log, short.templates[0].access_log);
}

#[test]
fn paths_are_relative_to_the_file() {
    let (config, _) = read(
        "state: state\ntemplates: { web: { root: images/web, command: [/bin/web] } }\nruntime: bin/crun\n",
    )
    .unwrap();

    assert_eq!(config.state, Path::new("/etc/asaas/state"));
    assert_eq!(config.runtime, Path::new("/etc/asaas/bin/crun"));
    let root = PathBuf::from("/etc/asaas/images/web");
    assert_eq!(config.templates[0].root, Root::Path(root));
    let (config, _) = read("access_logs: { demo: { file: logs/demo } }").unwrap();
    let log = config.access_logs.values().next().unwrap();
    assert_eq!(log.file, Path::new("/etc/asaas/logs/demo"));
}

#[test]
fn every_problem_of_the_operators_file_is_told_at_once() {
    let shown = refused(
        r#"tick: 500ms
tunnel: vxlna
state: ~/asaas
clouds:
  - { name: local-a, boot: 3s }
  - { name: local-a }
  - { name: Cloud, kind: aws }
templates:
  web: { builtin: demo, root: /srv, cpu: 0, memory: 64MB, shared: / }
  batch: {}
  batch: {}
  job: { root: /srv, env: { 1A: x, B: }, access_log: { file: ../other/log, format: "%w %V" } }
defaults:
  instances: { template: wbe }
  policy: { buffer: 5, static: [] }
access_logs: { Demo: { file: a.log }, demo: { file: a.log, format: "%w%T", stale_after: 1s }, shop: {} }
prometheus: { url: "https://metrics:9090", timeout: 1m }
public_ips: [45.45.45.0/24, 45.45.45.1/24]
edge: { clients: 100.64.0.0/16 }
port: 80
"#,
    );

    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("tenant_files");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("operator_file_bad", shown));
}

#[test]
fn two_clouds_whose_addresses_would_be_the_same_are_refused() {
    let number = |name: &str| netsetup::address::site_number(&name.parse().unwrap());
    let wanted = number("cloud-0");
    let twin = (1..1_000_000)
        .map(|n| format!("cloud-{n}"))
        .find(|name| number(name) == wanted)
        .unwrap();

    let shown = refused(&format!(
        "clouds: [{{ name: cloud-0 }}, {{ name: {twin} }}]"
    ));

    assert!(
        shown.contains("would get the same addresses inside"),
        "{shown}"
    );
    assert!(shown.contains("call one of them differently"), "{shown}");
}

#[test]
fn a_cloud_that_is_not_real_stands_alone() {
    let (config, _) =
        read("clouds: [{ name: practice, kind: sim, boot: 5s, reply_time: 200ms }]").unwrap();
    assert_eq!(
        config.clouds[0].kind,
        CloudKind::Sim {
            capacity: 20,
            boot: "5s".parse().unwrap(),
            reply_time: "200ms".parse().unwrap()
        }
    );

    let shown = refused("clouds: [{ name: local-a }, { name: practice, kind: sim }]");
    assert!(shown.contains("cannot be used side by side"), "{shown}");
}

#[test]
fn a_cloud_is_of_the_kind_that_its_section_says() {
    let (config, _) = read(
        r#"clouds:
  - { name: kvm-a, libvirt: { hosts: [{ uri: "qemu:///system", capacity: 3 }, { uri: "qemu+ssh://kvm-2/system" }] } }
  - { name: aws-eu, zones: [eu-central-1a], machines: [{ type: t3.micro, spot_price: 0.01 }], aws: { region: eu-central-1, gateway: { image: ami-1 } } }
  - { name: gcp-eu, kind: gcp, zones: [europe-west3-a], machines: [{ type: e2-small }], gcp: { project: p, region: europe-west3, credentials: none } }
  - { name: local-a }
"#,
    )
    .unwrap();

    let kinds: Vec<&str> = config
        .clouds
        .iter()
        .map(|cloud| cloud.kind.name())
        .collect();
    assert_eq!(kinds, ["libvirt", "aws", "gcp", "local"]);
    let rooms: Vec<Option<u32>> = config
        .clouds
        .iter()
        .map(|cloud| cloud.kind.capacity())
        .collect();
    assert_eq!(rooms, [Some(23), None, None, Some(20)]);
    // S4-36
    let machine = &config.clouds[1].machines[0];
    assert_eq!((machine.name.as_str(), machine.price), ("t3.micro", None));
    assert!(machine.spot_price.is_some());
    let CloudKind::Gcp(gcp) = &config.clouds[2].kind else {
        panic!("{:?}", config.clouds[2]);
    };
    assert_eq!(gcp.credentials, GcpCredentials::Anonymous);
}

#[test]
fn a_template_of_virtual_machines_needs_no_root_here() {
    let text =
        "templates: { web: { cpu: 1.5, libvirt: { image: web.qcow2, user_data: web.yml } } }";
    let (config, _) = read(text).unwrap();

    let web = &config.templates[0];
    let image = web.images.libvirt.as_ref().unwrap();
    assert_eq!(web.root, Root::None);
    assert_eq!(image.cpus, 2);
    assert_eq!(image.user_data, Some(PathBuf::from("/etc/asaas/web.yml")));
}

#[test]
fn what_is_wrong_with_a_cloud_is_told_at_its_line() {
    let shown = refused(
        r#"clouds:
  - { name: kvm-a, kind: libvirt }
  - { name: kvm-b, libvirt: { hosts: [] } }
  - { name: kvm-c, boot: 3s, libvirt: { hosts: [{ uri: "qemu:///system" }] } }
  - { name: aws-a, aws: { region: eu-central-1 }, gcp: { project: p, region: r } }
  - { name: aws-b, zones: [a], aws: { region: eu-central-1 } }
  - { name: gcp-a, gcp: { project: p, region: r } }
  - { name: local-a, zones: [a], machines: [{ price: 1 }] }
templates:
  web: { libvirt: { disk: 1GiB }, aws: {}, gcp: { image: 7 } }
"#,
    );

    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("tenant_files");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("operator_file_bad_clouds", shown));
}

#[test]
fn a_tenant_keeps_away_from_the_clients_addresses() {
    let known = Config::embedded(Path::new("/")).known();
    let text = include_str!("tenant_files/ok/minimal.yml");

    for (ours, theirs) in [
        ("45.45.45.45", "198.18.0.7"),
        ("19.0.0.0/24", "198.18.0.0/24"),
    ] {
        let problems = tenant_file::read(&text.replace(ours, theirs), "demo.yml", &known)
            .unwrap_err()
            .to_string();
        assert!(
            problems.contains("kept for clients on this machine"),
            "{problems}"
        );
    }
}

#[test]
fn a_default_template_has_to_exist() {
    let text =
        "templates: { shop: { builtin: demo } }\ndefaults: { instances: { template: shp } }\n";

    let shown = refused(text);

    assert!(shown.contains("did you mean `shop`?"), "{shown}");
}

#[test]
fn a_hint_names_no_key_of_the_operators_file_that_is_not_there() {
    // It has every key.
    let example = example();
    let is_key = |key: &str| {
        let begin = format!("{key}:");
        example
            .lines()
            .any(|line| line.trim_start_matches("# ").starts_with(&begin))
    };
    let mut named = Vec::new();
    for entry in files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(&entry).unwrap();
        for middle in ["` in asaas.yml", "` of asaas.yml"] {
            for (end, _) in text.match_indices(middle) {
                let begin = text[..end].rfind('`').unwrap() + 1;
                let key = text[begin..end].split('.').next().unwrap();
                named.push((key.to_owned(), entry.display().to_string()));
            }
        }
    }

    // A word of another kind, in "clouds of kind `sim`".
    named.retain(|(key, _)| key != "sim");
    assert!(named.len() > 3, "{named:?}");
    for (key, file) in named {
        assert!(is_key(&key), "`{key}` in {file}");
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn several_services_share_an_etcd_that_the_file_names() {
    let (alone, _) = read("store: sqlite\n").unwrap();
    let text = "store: { etcd: { endpoints: [\"http://10.0.0.1:2379/\"], cluster: main } }\n";
    let (plain, _) = read(text).unwrap();
    let tls = "store:\n  etcd:\n    endpoints: [\"https://a:2379\", \"https://b:2379\"]\n    cluster: main\n    node: web7\n    \
               ttl: 9s\n    tls: { ca: ca.pem, certificate: own.pem, key: own.key }\n";
    let (tls, _) = read(tls).unwrap();

    assert_eq!(alone.store, StoreSettings::Sqlite);
    let settings = |endpoints: &[&str], ttl, tls: Option<EtcdTls>| {
        StoreSettings::Etcd(EtcdSettings {
            endpoints: endpoints.iter().map(|text| (*text).to_owned()).collect(),
            cluster: "main".parse().unwrap(),
            node: tls.as_ref().map(|_| "web7".parse().unwrap()),
            ttl: jiff::SignedDuration::from_secs(ttl),
            tls,
        })
    };
    assert_eq!(plain.store, settings(&["http://10.0.0.1:2379"], 5, None));
    let known = EtcdTls {
        ca: PathBuf::from("/etc/asaas/ca.pem"),
        identity: Some((
            PathBuf::from("/etc/asaas/own.pem"),
            PathBuf::from("/etc/asaas/own.key"),
        )),
    };
    assert_eq!(
        tls.store,
        settings(&["https://a:2379", "https://b:2379"], 9, Some(known))
    );
}

#[test]
fn what_is_wrong_with_an_etcd_is_said() {
    let etcd = |inside: &str| refused(&format!("store: {{ etcd: {{ {inside} }} }}\n"));
    for (refused, said) in [
        (refused("store: etcd\n"), "nothing says which etcd"),
        (refused("store: redis\n"), "expected one of sqlite, etcd"),
        (etcd("cluster: main"), "endpoints"),
        (
            etcd("endpoints: [10.0.0.1], cluster: main"),
            "the address of a member of etcd",
        ),
        (
            etcd("endpoints: [\"http://a:1/x\"], cluster: main"),
            "the address of a member of etcd",
        ),
        (
            etcd("endpoints: [\"https://a:1\"], cluster: main"),
            "who vouches for this member",
        ),
        (
            etcd("endpoints: [\"http://a:1\"], cluster: main, tls: { ca: x }"),
            "in plain text",
        ),
        (
            etcd("endpoints: [\"https://a:1\"], cluster: main, tls: { ca: x, key: y }"),
            "`key` means nothing without `certificate`",
        ),
    ] {
        assert!(refused.contains(said), "{said}: {refused}");
    }
}
