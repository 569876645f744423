//! The few calls of libvirt that the cloud needs. Each blocks; none is tried again.

use std::collections::BTreeSet;

use controller::ports::{CloudErrorKind, CloudState};
use virt::domain::Domain;
use virt::error::{Error, ErrorNumber};
use virt_sys as sys;

use crate::convert::{self, LAUNCHED, LAUNCHED_MARK, NAMESPACE, Tag};
use crate::error::Trouble;
use crate::link::Link;
use crate::raw;

/// How far a domain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Defined and never started: somebody makes it at this moment, or broke off.
    Unfinished,
    Starting,
    Running,
    Suspended,
    /// It was started once, and runs no more.
    Stopped,
}

impl Life {
    /// What the core is told of it.
    pub(crate) fn state(self) -> CloudState {
        match self {
            Self::Unfinished | Self::Starting => CloudState::Starting,
            Self::Running => CloudState::Running,
            Self::Suspended => CloudState::Suspended,
            Self::Stopped => CloudState::Stopped,
        }
    }
}

/// A domain of this cloud, whosever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) tag: Tag,
    /// libvirt's state and the reason for it.
    state: (u64, u64),
}

/// Every domain of a cloud of a deployment: all that were defined, running or not. One call, and one more for each that is new.
pub(crate) fn domains(link: &Link, deployment: &str, cloud: &str) -> Result<Vec<Found>, Trouble> {
    let said = |cause| Trouble::said("listing domains", &cause);
    let all = raw::statistics(&link.connection, sys::VIR_DOMAIN_STATS_STATE).map_err(said)?;
    let names: BTreeSet<&str> = all.iter().map(|counted| counted.name.as_str()).collect();
    link.keep_tags(|name| names.contains(name));
    let mut found = Vec::new();
    for counted in &all {
        let name = counted.name.as_str();
        if convert::instance_of(name).is_none() {
            continue;
        }
        let Some(tag) = link.tag(name, || tag(link, name))? else {
            continue;
        };
        if tag.deployment == deployment && tag.cloud == cloud {
            let value = |key| counted.values.get(key).copied().unwrap_or(0);
            let state = (value("state.state"), value("state.reason"));
            let name = name.to_owned();
            found.push(Found { name, tag, state });
        }
    }
    Ok(found)
}

/// What a domain says about itself; `None` where it says nothing, or is gone.
fn tag(link: &Link, name: &str) -> Result<Option<Tag>, Trouble> {
    let Some(domain) = find(link, name)? else {
        return Ok(None);
    };
    let kind = sys::VIR_DOMAIN_METADATA_ELEMENT.cast_signed();
    match domain.get_metadata(kind, Some(NAMESPACE), sys::VIR_DOMAIN_AFFECT_CONFIG) {
        Ok(xml) => Ok(Tag::from_xml(&xml)),
        Err(cause) if is_absent(&cause) => Ok(None),
        Err(cause) => Err(Trouble::said("reading whose a domain is", &cause)),
    }
}

/// How far a domain is; `None` where it is gone meanwhile.
pub(crate) fn life(link: &Link, found: &Found) -> Result<Option<Life>, Trouble> {
    let (state, reason) = found.state;
    let is = |known: sys::virDomainState| state == u64::from(known);
    let because = |known: u32| reason == u64::from(known);
    if is(sys::VIR_DOMAIN_PAUSED) {
        let is_asleep =
            because(sys::VIR_DOMAIN_PAUSED_USER) || because(sys::VIR_DOMAIN_PAUSED_SAVE);
        let is_coming = because(sys::VIR_DOMAIN_PAUSED_STARTING_UP)
            || because(sys::VIR_DOMAIN_PAUSED_MIGRATION);
        return Ok(Some(match (is_asleep, is_coming) {
            (true, _) => Life::Suspended,
            (_, true) => Life::Starting,
            // Something stopped it: a full disk, a mistake of its processor. It does not come back by itself.
            _ => Life::Stopped,
        }));
    }
    if is(sys::VIR_DOMAIN_CRASHED) || is(sys::VIR_DOMAIN_SHUTDOWN) {
        return Ok(Some(Life::Stopped));
    }
    if !is(sys::VIR_DOMAIN_SHUTOFF) {
        return Ok(Some(Life::Running));
    }
    let Some(domain) = find(link, &found.name)? else {
        return Ok(None);
    };
    asleep_or_over(&domain)
}

/// Of a domain that does not run.
fn asleep_or_over(domain: &Domain) -> Result<Option<Life>, Trouble> {
    let said = |cause| Trouble::said("reading how a domain is", &cause);
    match domain.has_managed_save(0) {
        Ok(true) => return Ok(Some(Life::Suspended)),
        Ok(false) => {}
        Err(cause) if cause.code() == ErrorNumber::NoDomain => return Ok(None),
        Err(cause) => return Err(said(cause)),
    }
    let kind = sys::VIR_DOMAIN_METADATA_ELEMENT.cast_signed();
    match domain.get_metadata(kind, Some(LAUNCHED), sys::VIR_DOMAIN_AFFECT_CONFIG) {
        Ok(_) => Ok(Some(Life::Stopped)),
        Err(cause) if cause.code() == ErrorNumber::NoDomainMetadata => Ok(Some(Life::Unfinished)),
        Err(cause) if cause.code() == ErrorNumber::NoDomain => Ok(None),
        Err(cause) => Err(said(cause)),
    }
}

fn is_absent(cause: &Error) -> bool {
    matches!(
        cause.code(),
        ErrorNumber::NoDomain | ErrorNumber::NoDomainMetadata
    )
}

/// The domain of this name, if there is one, whosever.
pub(crate) fn find(link: &Link, name: &str) -> Result<Option<Domain>, Trouble> {
    match Domain::lookup_by_name(&link.connection, name) {
        Ok(domain) => Ok(Some(domain)),
        Err(cause) if is_absent(&cause) => Ok(None),
        Err(cause) => Err(Trouble::said("looking for a domain", &cause)),
    }
}

/// Writes down a domain, or writes it down anew. It is not started by that.
pub(crate) fn define(link: &Link, xml: &str) -> Result<(), Trouble> {
    Domain::define_xml(&link.connection, xml)
        .map(drop)
        .map_err(|cause| Trouble::said("defining the domain", &cause))
}

/// Starts a domain, from its saved state where it has one. `Ok` where it runs.
pub(crate) fn start(link: &Link, name: &str) -> Result<(), Trouble> {
    let domain = find(link, name)?.ok_or_else(|| gone(name))?;
    match domain.create() {
        Ok(_) => Ok(()),
        Err(_) if domain.is_active().unwrap_or(false) => Ok(()),
        Err(cause) => Err(Trouble::not_started(&cause)),
    }
}

/// Notes that a domain was started.
pub(crate) fn mark_launched(link: &Link, name: &str) -> Result<(), Trouble> {
    let domain = find(link, name)?.ok_or_else(|| gone(name))?;
    let marked = domain.set_metadata(
        sys::VIR_DOMAIN_METADATA_ELEMENT.cast_signed(),
        Some(LAUNCHED_MARK),
        Some("asaas-launched"),
        Some(LAUNCHED),
        sys::VIR_DOMAIN_AFFECT_CONFIG,
    );
    marked
        .map(drop)
        .map_err(|cause| Trouble::said("noting that it was started", &cause))
}

/// Ends a domain at once. `Ok` where it does not run.
pub(crate) fn destroy(link: &Link, name: &str) -> Result<(), Trouble> {
    let Some(domain) = find(link, name)? else {
        return Ok(());
    };
    match domain.destroy() {
        Ok(()) => Ok(()),
        Err(cause) if is_absent(&cause) => Ok(()),
        Err(_) if matches!(domain.is_active(), Ok(false)) => Ok(()),
        Err(cause) => Err(Trouble::said("ending the domain", &cause)),
    }
}

/// Forgets a domain, with its saved state. One that somebody started meanwhile is ended.
pub(crate) fn undefine(link: &Link, name: &str) -> Result<(), Trouble> {
    let Some(domain) = find(link, name)? else {
        return Ok(());
    };
    let flags = sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | sys::VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
        | sys::VIR_DOMAIN_UNDEFINE_NVRAM;
    match domain.undefine_flags(flags) {
        Ok(()) => {}
        Err(cause) if is_absent(&cause) => return Ok(()),
        Err(cause) => return Err(Trouble::said("forgetting the domain", &cause)),
    }
    // A domain that runs outlives its definition, and only until it ends.
    if matches!(domain.is_active(), Ok(true)) {
        destroy(link, name)?;
    }
    Ok(())
}

/// Writes the memory of a running domain to the host's disk, and ends it.
pub(crate) fn save(link: &Link, name: &str) -> Result<(), Trouble> {
    let domain = find(link, name)?.ok_or_else(|| gone(name))?;
    domain
        .managed_save(sys::VIR_DOMAIN_SAVE_RUNNING)
        .map(drop)
        .map_err(|cause| Trouble::said("saving its state", &cause))
}

/// Lets a running domain stand still.
pub(crate) fn pause(link: &Link, name: &str) -> Result<(), Trouble> {
    let domain = find(link, name)?.ok_or_else(|| gone(name))?;
    domain
        .suspend()
        .map(drop)
        .map_err(|cause| Trouble::said("pausing it", &cause))
}

/// Lets a suspended domain go on, however it was suspended.
pub(crate) fn go_on(link: &Link, name: &str) -> Result<(), Trouble> {
    let domain = find(link, name)?.ok_or_else(|| gone(name))?;
    if !matches!(domain.is_active(), Ok(true)) {
        return start(link, name);
    }
    domain
        .resume()
        .map(drop)
        .map_err(|cause| Trouble::said("letting it go on", &cause))
}

fn gone(name: &str) -> Trouble {
    Trouble::new(CloudErrorKind::NotFound, format!("{name} is gone"))
}
