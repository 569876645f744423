//! Whether KVM works on a host, found out by trying. It can be advertised, and its device can be opened, and a guest still dies of its
//! first instruction that KVM has to emulate: inside of other virtual machines, mostly.
//!
//! The probe guest is one sector, `probe.s`: it enters 64-bit mode, uses the instructions that such hosts fail at (`cmpxchg16b`,
//! `fxrstor`), and powers itself off. Whoever gets so far runs a kernel.

use std::time::{Duration, Instant};

use virt::domain::Domain;
use virt::error::Error;
use virt_sys as sys;

use crate::api;
use crate::convert::{self, Accelerator};
use crate::error::{Trouble, one_line};
use crate::link::Link;
use crate::pool::Pool;
use crate::settings::Hypervisor;

/// What the firmware loads and runs; assembled from `probe.s`.
const SECTOR: &[u8; 512] = include_bytes!("probe.bin");
/// The firmware boots from no disk that is smaller than a cylinder.
const DISK: usize = 1 << 20;
/// The guest takes a fifth of a second where KVM works; a host that is busy may take longer, and one that takes this long is no use.
const LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);
/// How the names of probe guests begin.
const NAME: &str = "asaas-probe-";

/// What instances run by on a host, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(crate) accelerator: Accelerator,
    /// For people.
    pub(crate) why: String,
}

/// What instances are to run by on this host; boots the probe guest where that is not set.
pub(crate) fn trial(link: &Link, wish: Hypervisor, pool: &str) -> Result<Trial, Trouble> {
    let emulation = |why: String| Trial {
        accelerator: Accelerator::Emulation,
        why,
    };
    match wish {
        Hypervisor::Kvm => {
            return Ok(Trial {
                accelerator: Accelerator::Kvm,
                why: "it is set so".to_owned(),
            });
        }
        Hypervisor::Qemu => return Ok(emulation("it is set so".to_owned())),
        Hypervisor::Auto => {}
    }
    let capabilities = link.connection.get_capabilities();
    let capabilities =
        capabilities.map_err(|cause| Trouble::said("asking what the host can do", &cause))?;
    if !["<domain type='kvm'", "<domain type=\"kvm\""]
        .iter()
        .any(|kvm| capabilities.contains(kvm))
    {
        return Ok(emulation("the host has no KVM".to_owned()));
    }
    clear_old(link);
    let began = Instant::now();
    let name = format!("{NAME}{}", std::process::id());
    let volume = format!("{name}.img");
    let pool = Pool::open(link, pool)?;
    let mut disk = vec![0; DISK];
    disk[..SECTOR.len()].copy_from_slice(SECTOR);
    let path = pool.write(&volume, &disk)?;
    let outcome = run(link, &convert::probe(&name, Accelerator::Kvm, &path));
    let cleared = api::undefine(link, &name).and_then(|()| pool.delete(&volume));
    if let Err(trouble) = cleared {
        tracing::warn!(detail = %trouble.detail, "the probe guest was not cleared away");
    }
    let took = began.elapsed();
    Ok(match outcome? {
        Outcome::PoweredOff => Trial {
            accelerator: Accelerator::Kvm,
            why: format!("a probe guest ran under it, in {took:.1?}"),
        },
        Outcome::Died(how) => emulation(format!(
            "the host says that it has KVM, but a probe guest {how}; hint: see whether the host, if it is a virtual machine itself, \
             may run others"
        )),
    })
}

/// What became of the probe guest.
enum Outcome {
    PoweredOff,
    Died(String),
}

fn run(link: &Link, xml: &str) -> Result<Outcome, Trouble> {
    let said = |cause: Error| Trouble::said("trying KVM", &cause);
    let domain = Domain::define_xml(&link.connection, xml).map_err(said)?;
    // Should this connection end, the guest ends with it.
    if let Err(cause) = domain.create_with_flags(sys::VIR_DOMAIN_START_AUTODESTROY) {
        let trouble = Trouble::not_started(&cause);
        return if trouble.is_cut {
            Err(trouble)
        } else {
            Ok(Outcome::Died(format!(
                "did not start: {}",
                one_line(cause.message())
            )))
        };
    }
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        let (state, reason) = domain.get_state().map_err(said)?;
        let reason = reason.cast_unsigned();
        match state {
            sys::VIR_DOMAIN_SHUTOFF if reason == sys::VIR_DOMAIN_SHUTOFF_SHUTDOWN => {
                return Ok(Outcome::PoweredOff);
            }
            sys::VIR_DOMAIN_SHUTOFF | sys::VIR_DOMAIN_CRASHED => {
                return Ok(Outcome::Died("crashed".to_owned()));
            }
            sys::VIR_DOMAIN_PAUSED if reason != sys::VIR_DOMAIN_PAUSED_STARTING_UP => {
                return Ok(Outcome::Died("was stopped by an error of KVM".to_owned()));
            }
            _ => std::thread::sleep(PAUSE),
        }
    }
    Ok(Outcome::Died(format!(
        "did not come to its end in {LIMIT:?}"
    )))
}

/// Probe guests of services that were killed; those of others that run at this moment stay.
fn clear_old(link: &Link) {
    let inactive = sys::VIR_CONNECT_LIST_DOMAINS_INACTIVE;
    for domain in link
        .connection
        .list_all_domains(inactive)
        .unwrap_or_default()
    {
        let name = domain.get_name().unwrap_or_default();
        if name.starts_with(NAME) && domain.undefine().is_ok() {
            tracing::debug!(%name, "an old probe guest was cleared away");
        }
    }
}
