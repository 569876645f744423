//! Reads what virtual machines are made from.

use std::path::Path;

use controller::amount::Amount;

use crate::reader::Section;

use super::cloud::{AwsImage, GcpImage, Images, LibvirtImage};
use super::clouds::{line, lines};
use super::keys;
use super::read::file_path;

/// Those that a template has. What is wrong has been noted.
pub(super) fn read(
    template: &Section<'_>,
    directory: &Path,
    cpu: Amount,
    memory_bytes: u64,
) -> Images {
    let section = |key| Some(template.section(key)).filter(Section::is_given);
    let user_data = |section: &Section<'_>| {
        let given = section.read("user_data", file_path);
        given.map(|given| directory.join(given.value))
    };
    let disk = |section: &Section<'_>| section.size("disk").map(|given| given.value);
    let libvirt = section("libvirt").and_then(|section| {
        let path = |key| {
            let given = section.read(key, file_path)?;
            Some(given.value.to_string_lossy().into_owned())
        };
        let image = LibvirtImage {
            image: line(&section, "image"),
            disk_bytes: disk(&section),
            kernel: path("kernel"),
            initrd: path("initrd"),
            cmdline: line(&section, "cmdline").unwrap_or_default(),
            user_data: user_data(&section),
            ssh_keys: lines(&section, "ssh_keys", keys::WORDS_LIMIT),
            memory_bytes,
            cpus: processors(cpu),
        };
        if image.image.is_none() && image.kernel.is_none() {
            section.notes().error(
                section.place,
                "nothing says what it boots from",
                "name a volume of the pool, as in `image: debian-12.qcow2`, or a `kernel`",
            );
            return None;
        }
        Some(image)
    });
    let aws = section("aws").and_then(|section| {
        Some(AwsImage {
            source: line(&section, "image")?,
            user_data: user_data(&section),
            key: line(&section, "key"),
            profile: line(&section, "profile"),
        })
    });
    let gcp = section("gcp").and_then(|section| {
        Some(GcpImage {
            source: line(&section, "image")?,
            disk_bytes: disk(&section),
            user_data: user_data(&section),
            tags: lines(&section, "tags", keys::WORDS_LIMIT),
            service_account: line(&section, "service_account"),
        })
    });
    Images { libvirt, aws, gcp }
}

/// A virtual machine has whole processors: as many as it takes to have so much.
fn processors(cpu: Amount) -> u32 {
    let millionths = cpu.as_f64().ceil();
    // What was read is between a hundredth and 1,024.
    (1..=1_024)
        .find(|count| f64::from(*count) >= millionths)
        .unwrap_or(1_024)
}
