//! Finds and reads the tenant file that a person means.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use controller::id::TenantName;

use crate::api::Failure;
use crate::config::Config;
use crate::exit::{CommandError, Exit};
use crate::problem::Problems;
use crate::tenant_file;

/// More is never read of a file; the reader refuses what is longer than its own, lower limit.
const READ_LIMIT: u64 = 1 << 20;

/// A tenant file's text, with its name as the person knows it.
pub(super) struct Written {
    pub(super) file: String,
    pub(super) text: String,
    /// The tenant that was asked for, where it was by its name.
    named: Option<String>,
}

/// Reads the file of this path, or of this tenant.
pub(super) fn read(config: &Config, wanted: &str) -> Result<Written, CommandError> {
    let here = std::env::current_dir()?;
    let path = find(config, wanted);
    let file = shown(&path, &here);
    let bytes = bytes(&path).map_err(|error| {
        let error = CommandError::new(Exit::BadInput, format!("could not read {file}: {error}"));
        match names(&config.tenants).as_slice() {
            [] => error,
            names => error.hint(format!(
                "{} has: {}",
                shown(&config.tenants, &here),
                names.join(", ")
            )),
        }
    })?;
    let text = tenant_file::decode(&bytes, &file).map_err(|problems| refused(&problems, &file))?;
    Ok(Written {
        text: text.to_owned(),
        file,
        named: (!is_path(wanted)).then(|| wanted.to_owned()),
    })
}

/// Whose file it is; `None` where it cannot be used.
pub(super) fn tenant(config: &Config, document: &Written) -> Option<TenantName> {
    let reading = tenant_file::read(&document.text, &document.file, &config.known());
    reading.ok().map(|reading| reading.spec.tenant)
}

/// Whoever names a tenant means that tenant, and not the one that a copied file still names.
pub(super) fn refuse_misnamed(document: &Written, tenant: &TenantName) -> Result<(), CommandError> {
    match misnamed(document, tenant) {
        None => Ok(()),
        Some(what) => Err(CommandError::new(
            Exit::Refused,
            format!("{what}; nothing was changed"),
        )
        .hint(format!(
            "correct `tenant` in it or call the file {tenant}.yml; or name the file by its path: {}",
            document.file
        ))),
    }
}

/// The same, where nothing would be changed.
pub(super) fn warn_misnamed(document: &Written, tenant: &TenantName) {
    if let Some(what) = misnamed(document, tenant) {
        super::say(&format!("warning: {what}"));
    }
}

fn misnamed(document: &Written, tenant: &TenantName) -> Option<String> {
    let named = document.named.as_ref()?;
    (named != tenant.as_str()).then(|| {
        format!(
            "{} is of tenant `{tenant}`, not of `{named}`",
            document.file
        )
    })
}

fn is_path(wanted: &str) -> bool {
    wanted.contains('/')
        || Path::new(wanted)
            .extension()
            .is_some_and(|extension| extension == "yml" || extension == "yaml")
}

/// Shows the problems; what is left to say is that the file cannot be used.
pub(super) fn refused(problems: &Problems, file: &str) -> CommandError {
    super::tell(problems);
    CommandError::new(
        Exit::BadInput,
        format!("{file} cannot be used, nothing was changed"),
    )
}

/// The same for problems that the service found.
pub(super) fn failed(failure: Failure, document: &Written) -> CommandError {
    if failure.problems.is_empty() {
        return failure.into();
    }
    let problems = Problems::new(&document.text, failure.problems.clone());
    super::tell(&problems);
    let mut error = CommandError::from(failure);
    error.hints.clear();
    error
}

fn find(config: &Config, wanted: &str) -> PathBuf {
    if is_path(wanted) {
        return PathBuf::from(wanted);
    }
    let own = config.tenants.join(format!("{wanted}.local.yml"));
    let shared = config.tenants.join(format!("{wanted}.yml"));
    if own.is_file() && !shared.is_file() {
        own
    } else {
        shared
    }
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(READ_LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn names(directory: &Path) -> Vec<String> {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| file.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".yml").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// A path as it is shortest from here.
pub(super) fn shown(path: &Path, here: &Path) -> String {
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}
