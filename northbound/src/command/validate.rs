//! `asaas validate`

use super::document;
use crate::cli::{Global, ValidateArgs};
use crate::exit::{CommandError, Exit};
use crate::tenant_file;

pub(super) fn run(global: &Global, args: &ValidateArgs) -> Result<Exit, CommandError> {
    let config = super::configuration(global)?;
    let document = document::read(&config, &args.file)?;
    let (problems, tenant) =
        match tenant_file::read(&document.text, &document.file, &config.known()) {
            Ok(reading) => (reading.warnings, Some(reading.spec.tenant)),
            Err(problems) => (problems, None),
        };
    if args.json {
        super::print_json(&problems.to_json())?;
    } else {
        super::tell(&problems);
    }
    match tenant {
        Some(tenant) => {
            document::warn_misnamed(&document, &tenant);
            super::say(&format!("{}: tenant `{tenant}` is in order", document.file));
            Ok(Exit::Ok)
        }
        None => Err(CommandError::new(
            Exit::BadInput,
            format!("{} cannot be used", document.file),
        )),
    }
}
