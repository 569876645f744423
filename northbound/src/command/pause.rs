//! `asaas pause` and `asaas resume`

use crate::api::{OrderReply, OrderRequest, OrderWord};
use crate::cli::{Global, OrderArgs};
use crate::exit::{CommandError, Exit};

pub(super) async fn pause(global: &Global, args: &OrderArgs) -> Result<Exit, CommandError> {
    order(global, args, OrderWord::Pause).await?;
    let tenant = &args.tenant;
    super::say(&format!(
        "{tenant} is paused: nothing is launched, replaced or removed until `asaas resume {tenant}`"
    ));
    Ok(Exit::Ok)
}

pub(super) async fn resume(global: &Global, args: &OrderArgs) -> Result<Exit, CommandError> {
    order(global, args, OrderWord::Resume).await?;
    super::say(&format!("{} is looked after again", args.tenant));
    Ok(Exit::Ok)
}

async fn order(global: &Global, args: &OrderArgs, order: OrderWord) -> Result<(), CommandError> {
    let request = OrderRequest {
        order,
        desired: None,
        generation: None,
    };
    let path = format!("/v1/tenants/{}/orders", args.tenant);
    let reply: OrderReply = super::client(global)?.post(&path, &request).await?;
    if args.json {
        super::print_json(&reply)?;
    }
    Ok(())
}
