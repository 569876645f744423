//! `asaas scale`

use controller::status::Status;

use super::wait::{is_paused, paused, until_settled};
use crate::api::{OrderReply, OrderRequest, OrderWord};
use crate::cli::{Global, Number, ScaleArgs};
use crate::exit::{CommandError, Exit};

pub(super) async fn run(global: &Global, args: &ScaleArgs) -> Result<Exit, CommandError> {
    let tenant = &args.tenant;
    let desired = match args.number {
        Number::Auto => None,
        Number::Exactly(number) => Some(number),
    };
    let request = OrderRequest {
        order: OrderWord::Scale,
        desired,
        generation: args.generation,
    };
    let client = super::client(global)?;
    let path = format!("/v1/tenants/{tenant}");
    let is_paused = is_paused(&client, tenant).await?;
    if is_paused && args.wait.wait {
        return Err(paused(tenant, "nothing was changed"));
    }
    let reply: OrderReply = client.post(&format!("{path}/orders"), &request).await?;
    match desired {
        Some(number) => super::say(&format!(
            "{tenant}: {number} ordered, until `asaas scale {tenant} auto`"
        )),
        None => super::say(&format!("{tenant}: the policy decides")),
    }
    if is_paused {
        super::say(&format!(
            "{tenant} is paused: this is done after `asaas resume {tenant}`"
        ));
    }
    if args.wait.wait {
        let is_as_asked = |status: &Status| status.orders.desired == desired;
        until_settled(&client, tenant, "scaled", args.wait.timeout, is_as_asked).await?;
    }
    if args.json {
        super::print_json(&reply)?;
    }
    Ok(Exit::Ok)
}
