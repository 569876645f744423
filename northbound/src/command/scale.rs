//! `asaas scale`

use super::wait::{Progress, Step, poll};
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
    let reply: OrderReply = client.post(&format!("{path}/orders"), &request).await?;
    match desired {
        Some(number) => super::say(&format!(
            "{tenant}: {number} ordered, until `asaas scale {tenant} auto`"
        )),
        None => super::say(&format!("{tenant}: the policy decides")),
    }
    if args.wait.wait {
        let mut progress = Progress::new(&format!("{tenant} is not settled"), args.wait.timeout);
        let report: TenantReport = poll(&client, &path, &mut progress, |report: TenantReport| {
            if report.status.orders.desired == desired && report.status.is_settled {
                Step::Done(report)
            } else {
                Step::Waiting(show::status::headline(&report.status))
            }
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
