//! `asaas nodes`

use crate::api::ServiceReport;
use crate::cli::{Global, NodesArgs};
use crate::exit::{CommandError, Exit};
use crate::show;

pub(super) async fn run(global: &Global, args: &NodesArgs) -> Result<Exit, CommandError> {
    let service: ServiceReport = super::client(global)?.get("/v1/service").await?;
    if args.json {
        super::print_json(&service.nodes)?;
    } else {
        super::print(&show::nodes::nodes(&service))?;
    }
    Ok(Exit::Ok)
}
