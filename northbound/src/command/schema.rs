//! `asaas schema`

use crate::exit::{CommandError, Exit};
use crate::tenant_file;

pub(super) fn run() -> Result<Exit, CommandError> {
    super::print_json(&tenant_file::schema())?;
    Ok(Exit::Ok)
}
