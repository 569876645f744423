//! `asaas tenants`

use crate::api::TenantSummary;
use crate::cli::{Global, TenantsArgs};
use crate::exit::{CommandError, Exit};
use crate::show;

pub(super) async fn run(global: &Global, args: &TenantsArgs) -> Result<Exit, CommandError> {
    let tenants: Vec<TenantSummary> = super::client(global)?.get("/v1/tenants").await?;
    if args.json {
        super::print_json(&tenants)?;
    } else {
        super::print(&show::status::tenants(&tenants))?;
    }
    Ok(Exit::Ok)
}
