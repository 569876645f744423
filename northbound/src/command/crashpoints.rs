//! `asaas crashpoints`: the points at which a test can end the service, as the build has found them in the sources.

use super::{print, print_json};
use crate::crash::POINTS;
use crate::exit::{CommandError, Exit};

pub(super) fn run(is_json: bool) -> Result<Exit, CommandError> {
    if is_json {
        print_json(&POINTS)?;
    } else {
        print(&format!("{}\n", POINTS.join("\n")))?;
    }
    Ok(Exit::Ok)
}
