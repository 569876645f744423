use std::fs;
use std::path::Path;

use controller::instance::{Instance, Phase};
use controller::offering::Offering;
use controller::spec::Subnet;
use jiff::Timestamp;

use super::*;
use crate::settings::{Image, Kernel, Seed};

fn launch() -> Launch {
    Launch {
        tenant: "demo".parse().unwrap(),
        instance: Instance {
            id: InstanceId::new(7, 9),
            slot: 0,
            cloud: "kvm-a".parse().unwrap(),
            template: "web".parse().unwrap(),
            offering: Offering::default(),
            fingerprint: None,
            address: [19, 0, 0, 11].into(),
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
            dhcp_start: "19.0.0.2".parse().unwrap(),
            dhcp_end: "19.0.0.254".parse().unwrap(),
        },
    }
}

fn from_image() -> Template {
    Template {
        vcpus: 2,
        memory_bytes: 1 << 30,
        image: Some(Image {
            volume: "debian-12.qcow2".to_owned(),
            size_bytes: None,
        }),
        kernel: None,
        seed: Some(Seed::default()),
    }
}

fn from_kernel() -> Template {
    Template {
        vcpus: 1,
        memory_bytes: 96 << 20,
        image: None,
        kernel: Some(Kernel {
            kernel: "/boot/vmlinuz".to_owned(),
            initrd: Some("/boot/initrd".to_owned()),
            cmdline: "console=ttyS0 note='a<b&c'".to_owned(),
        }),
        seed: None,
    }
}

/// Compares with a file of golden/; `UPDATE_GOLDEN=1` writes it anew.
#[track_caller]
fn golden(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/convert/golden")
        .join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(path).unwrap());
}

fn machine<'a>(
    launch: &'a Launch,
    template: &'a Template,
    accelerator: Accelerator,
) -> Machine<'a> {
    Machine {
        name: "abcdefghijklmnop-i-000001r00000j",
        accelerator,
        template,
        deployment: "d1",
        launch,
        pool: "asaas",
        bridge: Some("br-demo"),
        management: None,
    }
}

#[test]
fn a_domain_from_an_image_is_as_it_was() {
    let (launch, template) = (launch(), from_image());
    let machine = Machine {
        management: Some("br-ops"),
        ..machine(&launch, &template, Accelerator::Kvm)
    };
    golden("image.xml", &domain(&machine));
}

#[test]
fn a_domain_that_boots_a_kernel_is_as_it_was() {
    let (launch, template) = (launch(), from_kernel());
    golden(
        "kernel.xml",
        &domain(&machine(&launch, &template, Accelerator::Emulation)),
    );
}

#[test]
fn a_place_that_is_only_claimed_has_no_network() {
    let (launch, template) = (launch(), from_kernel());
    let claim = Machine {
        bridge: None,
        ..machine(&launch, &template, Accelerator::Emulation)
    };
    assert!(!domain(&claim).contains("<interface"));
}

#[test]
fn a_disk_is_a_copy_on_write_of_its_image() {
    golden(
        "overlay.xml",
        &overlay("x.qcow2", 1 << 30, "/pool/base & co.img", "raw"),
    );
}

#[test]
fn cloud_init_is_told_the_address_that_the_intent_froze() {
    golden("network-config", &network_config(&launch()));
}

#[test]
fn cloud_init_is_told_who_it_is_and_who_may_log_in() {
    let tenant = "demo".parse().unwrap();
    let keys = ["ssh-ed25519 AAAA o'neill".to_owned()];
    golden(
        "meta-data",
        &meta_data(&tenant, InstanceId::new(7, 9), &keys),
    );
}

#[test]
fn what_a_domain_says_of_itself_is_read_back_however_it_is_quoted() {
    let tag = Tag::of("d1", &launch());
    let xml = tag.to_xml();

    assert_eq!(Tag::from_xml(&xml), Some(tag.clone()));
    assert_eq!(Tag::from_xml(&xml.replace('\'', "\"")), Some(tag));
    assert_eq!(Tag::from_xml("<other deployment='d1'/>"), None);
}

#[test]
fn an_id_is_of_its_name_alone_and_of_the_right_form() {
    let id = uuid("abcdefghijklmnop-i-000001r00000j");

    assert_eq!(id, uuid("abcdefghijklmnop-i-000001r00000j"));
    assert_ne!(id, uuid("abcdefghijklmnop-i-000001r00000k"));
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
    assert_eq!(id.as_bytes()[14], b'8');
}

#[test]
fn what_libvirt_says_of_a_volume_is_read() {
    let xml = "<volume><target><path>/p</path><format type='qcow2'/><timestamps><mtime>1700000000.5</mtime></timestamps></target>\
               <backingStore><format type='raw'/></backingStore></volume>";
    assert_eq!(format_of(xml), Some("qcow2"));
    assert_eq!(written_at(xml), Some(1_700_000_000));
    assert_eq!((format_of(""), written_at("")), (None, None));
}

#[test]
fn only_names_of_ours_are_names_of_instances() {
    assert_eq!(
        instance_of("abcdefghijklmnop-i-000001r00000j")
            .map(|id| id.to_string())
            .as_deref(),
        Some("i-000001r00000j")
    );
    for name in [
        "web-1",
        "",
        "i-000001r00000j",
        "short-i-000001r00000j",
        "abcdefghijklmnop-x",
    ] {
        assert_eq!(instance_of(name), None, "{name:?}");
    }
}
