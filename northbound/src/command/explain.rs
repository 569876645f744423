//! `asaas explain`

use jiff::Timestamp;

use crate::api::Explanation;
use crate::cli::{ExplainArgs, Global};
use crate::exit::{CommandError, Exit};
use crate::show;

pub(super) async fn run(global: &Global, args: &ExplainArgs) -> Result<Exit, CommandError> {
    let at = match args.at {
        Some(at) => format!("?at={}", at.from(Timestamp::now())),
        None => String::new(),
    };
    let path = format!("/v1/tenants/{}/explain{at}", args.tenant);
    let explanation: Explanation = super::client(global)?.get(&path).await?;
    if args.json {
        super::print_json(&explanation)?;
    } else {
        super::print(&show::explain::explanation(&explanation))?;
    }
    Ok(Exit::Ok)
}
