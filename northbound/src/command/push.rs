//! `asaas push`

use crate::api::{PushReply, PushRequest};
use crate::cli::{Global, PushArgs};
use crate::exit::{CommandError, Exit};

pub(super) async fn run(global: &Global, args: &PushArgs) -> Result<Exit, CommandError> {
    let PushArgs {
        tenant,
        name,
        value,
        instance,
        json,
    } = args;
    let request = PushRequest {
        name: name.clone(),
        value: *value,
        instance: *instance,
    };
    let path = format!("/v1/tenants/{tenant}/metrics");
    let reply: PushReply = super::client(global)?.post(&path, &request).await?;
    if !reply.is_followed {
        super::say(&format!(
            "`{name}` is {value} for {tenant}; its policy does not follow it, it is only written down"
        ));
    }
    if *json {
        super::print_json(&reply)?;
    }
    Ok(Exit::Ok)
}
