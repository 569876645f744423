//! `asaas explain`

use jiff::Timestamp;

use crate::api::Explanation;
use crate::cli::{ExplainArgs, Global};
use crate::exit::{CommandError, Exit};
use crate::show;

pub(super) async fn run(global: &Global, args: &ExplainArgs) -> Result<Exit, CommandError> {
    let mut path = format!("/v1/tenants/{}/explain", args.tenant);
    if let Some(at) = args.at {
        path.push_str(&format!("?at={}", at.from(Timestamp::now())));
    }
    let explanation: Explanation = super::client(global)?.get(&path).await?;
    if args.json {
        super::print_json(&explanation)?;
    } else {
        super::print(&show::explain::explanation(&explanation))?;
    }
    Ok(Exit::Ok)
}
