//! `asaas scale`

use super::wait::{Progress, is_paused, paused, poll, settled};
use crate::api::{OrderReply, OrderRequest, OrderWord, TenantReport};
use crate::cli::{Global, Number, ScaleArgs};
use crate::exit::{CommandError, Exit};
use crate::show;

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
        let mut progress = Progress::new(tenant, "is not settled", "scaled", args.wait.timeout);
        let report: TenantReport = poll(&client, &path, &mut progress, |report: TenantReport| {
            let is_as_asked = report.status.orders.desired == desired;
            settled(report, is_as_asked)
        })
        .await
        .map_err(|error| {
            error.hint(format!(
                "see `asaas status {tenant}` and `asaas explain {tenant}`"
            ))
        })?;
        super::say(&format!(
            "{tenant}: {}",
            show::status::headline(&report.status)
        ));
    }
    if args.json {
        super::print_json(&reply)?;
    }
    Ok(Exit::Ok)
}
