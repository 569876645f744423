//! How it stands with a libvirt cloud, for people: each host, from whether it answers to whether a disk can be made on it.

use std::path::Path;
use std::sync::Arc;

use controller::ports::{Checkup, CloudErrorKind, Room, Verdict};
use virt::interface::Interface;

use crate::api;
use crate::convert::Accelerator;
use crate::error::Trouble;
use crate::fleet::Fleet;
use crate::hosts::Host;
use crate::link::Link;
use crate::pool::Pool;
use crate::settings::{Hypervisor, Settings};

/// A pool with less than this is about to refuse disks.
const POOL_LEAST: u64 = 1 << 30;

/// What was looked at on one host.
type Findings = Vec<(String, Verdict, String)>;

pub(crate) async fn checkup(fleet: &Fleet) -> Checkup {
    let asked = fleet.hosts.iter().map(|host| examine_host(fleet, host));
    let mut checkup = Checkup::default();
    let (mut taken, mut limit) = (Some(0u32), 0u32);
    for (host, (on_host, findings)) in fleet
        .hosts
        .iter()
        .zip(futures_util::future::join_all(asked).await)
    {
        taken = taken
            .zip(on_host)
            .map(|(sum, more)| sum.saturating_add(more));
        limit = limit.saturating_add(host.capacity);
        for (subject, verdict, detail) in findings {
            checkup = checkup.and(format!("{subject} at {}", host.uri), verdict, detail);
        }
    }
    checkup.room = taken.map(|taken| Room {
        taken,
        limit: limit.max(taken),
    });
    checkup
}

/// How many places are taken on a host, where it answers, and what was found there.
async fn examine_host(fleet: &Fleet, host: &Host) -> (Option<u32>, Findings) {
    let settings = Arc::clone(&fleet.settings);
    let is_local = host.uri.starts_with("qemu:///");
    let examined = host
        .call(move |link| examine(link, &settings, is_local))
        .await;
    let (taken, mut findings) = match examined {
        Ok(examined) => examined,
        Err(trouble) => {
            let subject = match trouble.kind {
                CloudErrorKind::Denied => "credentials",
                _ => "reachable",
            };
            return (
                None,
                vec![(subject.to_owned(), Verdict::Missing, trouble.detail)],
            );
        }
    };
    findings.push(match host.trial(&fleet.settings).await {
        Ok(trial) => {
            let wish = fleet.settings.hypervisor;
            let (verdict, by) = match (trial.accelerator, wish) {
                (Accelerator::Kvm, _) => (Verdict::Ok, "KVM"),
                (Accelerator::Emulation, Hypervisor::Qemu) => (Verdict::Ok, "emulation"),
                (Accelerator::Emulation, _) => (Verdict::Warning, "emulation, which is slow"),
            };
            (
                "virtualization".to_owned(),
                verdict,
                format!("instances run by {by}: {}", trial.why),
            )
        }
        Err(trouble) => (
            "virtualization".to_owned(),
            Verdict::Missing,
            trouble.detail,
        ),
    });
    (Some(taken), findings)
}

fn examine(link: &Link, settings: &Settings, is_local: bool) -> Result<(u32, Findings), Trouble> {
    let mut findings = Findings::new();
    let mut note = |subject: &str, verdict, detail: String| {
        findings.push((subject.to_owned(), verdict, detail));
    };
    let said = |cause| Trouble::said("asking for versions", &cause);
    let libvirt = version(link.connection.get_lib_version().map_err(said)?);
    let qemu = version(link.connection.get_hyp_version().map_err(said)?);
    note(
        "reachable",
        Verdict::Ok,
        format!("libvirt {libvirt}, QEMU {qemu}"),
    );
    let all = api::domains(link, &settings.deployment, settings.cloud.as_str())?;
    let taken = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let (verdict, detail) = memory(link, settings);
    note("memory", verdict, detail);
    match Pool::open(link, &settings.pool).and_then(|pool| pool.room().map(|room| (pool, room))) {
        Ok((pool, (capacity, free))) => {
            let verdict = if free < POOL_LEAST {
                Verdict::Warning
            } else {
                Verdict::Ok
            };
            let detail = format!(
                "`{}`: {} MiB of {} MiB are free",
                settings.pool,
                free >> 20,
                capacity >> 20
            );
            note("storage pool", verdict, detail);
            for (subject, verdict, detail) in images(&pool, settings) {
                note(&subject, verdict, detail);
            }
        }
        Err(trouble) => note("storage pool", Verdict::Missing, trouble.detail),
    }
    if is_local {
        for (subject, verdict, detail) in kernels(settings) {
            note(&subject, verdict, detail);
        }
    }
    if let Some(bridge) = &settings.management {
        let (verdict, detail) = match Interface::lookup_by_name(&link.connection, bridge) {
            Ok(_) => (Verdict::Ok, format!("`{bridge}`")),
            Err(cause) => (
                Verdict::Warning,
                format!(
                    "`{bridge}` was not found: {}; hint: see `ip link show type bridge` there",
                    cause.message()
                ),
            ),
        };
        note("management bridge", verdict, detail);
    }
    Ok((taken, findings))
}

/// Free memory, and how many more instances of the largest template it is good for.
fn memory(link: &Link, settings: &Settings) -> (Verdict, String) {
    let free = match link.connection.get_free_memory() {
        Ok(free) => free,
        Err(cause) => {
            return (
                Verdict::Warning,
                format!("it is not known how much is free: {}", cause.message()),
            );
        }
    };
    let largest = settings
        .templates
        .values()
        .map(|template| template.memory_bytes)
        .max();
    let more = free / largest.unwrap_or(1).max(1);
    let verdict = if more == 0 {
        Verdict::Warning
    } else {
        Verdict::Ok
    };
    (
        verdict,
        format!(
            "{} MiB are free, for {more} more of the largest instances",
            free >> 20
        ),
    )
}

/// Whether instances get their disks: the base images, and QEMU's program for making copies on write.
fn images(pool: &Pool<'_>, settings: &Settings) -> Findings {
    let mut findings = Findings::new();
    for (name, template) in &settings.templates {
        let Some(image) = &template.image else {
            continue;
        };
        let subject = format!("image of {name}");
        let volume = format!("asaas-checkup-{}.qcow2", std::process::id());
        let tried = pool.image(image).and_then(|found| {
            let made = pool.make_disk(&volume, image);
            made.and(pool.delete(&volume)).map(|()| found)
        });
        findings.push(match tried {
            Ok((path, format, size)) => (
                subject,
                Verdict::Ok,
                format!(
                    "{path}, {format}, {} MiB; a copy on write can be made",
                    size >> 20
                ),
            ),
            Err(trouble) => (subject, Verdict::Missing, trouble.detail),
        });
    }
    findings
}

/// Whether what is booted directly is there; only on this machine can that be seen.
fn kernels(settings: &Settings) -> Findings {
    let mut findings = Findings::new();
    for (name, template) in &settings.templates {
        let Some(kernel) = &template.kernel else {
            continue;
        };
        let missing = std::iter::once(&kernel.kernel)
            .chain(&kernel.initrd)
            .find(|path| !Path::new(path).exists());
        let subject = format!("kernel of {name}");
        findings.push(match missing {
            None => (subject, Verdict::Ok, kernel.kernel.clone()),
            Some(path) => (
                subject,
                Verdict::Missing,
                format!("there is no {path}; hint: put it there, where QEMU's user can read it"),
            ),
        });
    }
    findings
}

/// `9000000` is 9.0.0.
fn version(number: u32) -> String {
    format!(
        "{}.{}.{}",
        number / 1_000_000,
        number / 1_000 % 1_000,
        number % 1_000
    )
}
