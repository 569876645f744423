//! `asaas convert`

use super::document;
use crate::cli::{ConvertArgs, Global};
use crate::exit::{CommandError, Exit};
use crate::tenant_file;

pub(super) fn run(global: &Global, args: &ConvertArgs) -> Result<Exit, CommandError> {
    let config = super::configuration(global)?;
    let document = document::read(&config, &args.file)?;
    let reading = tenant_file::read(&document.text, &document.file, &config.known())
        .map_err(|problems| document::refused(&problems, &document.file))?;
    super::tell(&reading.warnings);
    super::print(&tenant_file::to_long_form(&reading.spec))?;
    Ok(Exit::Ok)
}
