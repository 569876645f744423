//! Where metrics come from that the service does not count itself: access logs, and a Prometheus.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use controller::id::TenantName;

use crate::meter::{AccessLog, Format, FormatError, PrometheusSettings, Server};
use crate::reader::Section;
use crate::reader::scalar::{Misfit, Scalar};

use super::keys;
use super::read::file_path;

/// Those of single tenants; without those that are wrong, after noting why.
pub(super) fn access_logs(root: &Section<'_>, directory: &Path) -> BTreeMap<TenantName, AccessLog> {
    let named = root.named::<TenantName>("access_logs");
    named
        .into_iter()
        .flatten()
        .filter_map(|(tenant, section)| {
            let log = access_log(&section, file_path)?;
            let file = directory.join(&log.file);
            Some((tenant.value, AccessLog { file, ..log }))
        })
        .collect()
}

/// The one that a template's instances write; `None` where they write none, or after noting what is wrong with it.
pub(super) fn access_log_of_template(template: &Section<'_>) -> Option<AccessLog> {
    let section = template.section("access_log");
    section
        .is_given()
        .then(|| access_log(&section, file_name))?
}

fn access_log(
    section: &Section<'_>,
    read_file: fn(&Scalar<'_>) -> Result<PathBuf, Misfit>,
) -> Option<AccessLog> {
    let format = if section.has("format") {
        section.read("format", format).map(|given| given.value)
    } else {
        Some(keys::FORMAT.parse().expect("the constant is a format"))
    };
    let stale_after = section.duration("stale_after");
    Some(AccessLog {
        file: section.read("file", read_file)?.value,
        format: format?,
        stale_after: stale_after.map_or(keys::STALE_AFTER, |given| given.value),
    })
}

/// A name, no path: the directory is a tenant's, who could lead a path anywhere.
fn file_name(scalar: &Scalar<'_>) -> Result<PathBuf, Misfit> {
    let path = file_path(scalar)?;
    let mut parts = path.components();
    if let (Some(Component::Normal(_)), None) = (parts.next(), parts.next()) {
        return Ok(path);
    }
    Err(Misfit::new(
        "the name of a file in `shared`",
        "write the name alone, as in access.log",
    ))
}

fn format(scalar: &Scalar<'_>) -> Result<Format, Misfit> {
    scalar.text()?.parse().map_err(|error: FormatError| {
        Misfit::new(
            "what a line looks like",
            format!("{error}; write it as in `%w %{{ms}}T` or `[%t] %w %V %T`"),
        )
    })
}

/// `None` where there is none, or after noting what is wrong with it.
pub(super) fn prometheus(root: &Section<'_>) -> Option<PrometheusSettings> {
    let section = root.section("prometheus");
    if !section.is_given() {
        return None;
    }
    let timeout = section.duration("timeout");
    let server = if section.has("url") {
        section.read("url", server).map(|given| given.value)
    } else {
        Some(
            keys::PROMETHEUS
                .parse()
                .expect("the constant is an address"),
        )
    };
    Some(PrometheusSettings {
        server: server?,
        timeout: timeout.map_or(keys::PROMETHEUS_TIMEOUT, |given| given.value),
    })
}

fn server(scalar: &Scalar<'_>) -> Result<Server, Misfit> {
    let text = scalar.text()?;
    text.parse().map_err(|error: crate::meter::ServerError| {
        Misfit::new("an address of a Prometheus", error.to_string())
    })
}
