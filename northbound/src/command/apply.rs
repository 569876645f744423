//! `asaas apply`

use controller::status::Status;

use super::wait::{is_paused, paused, until_settled};
use super::{document, plan};
use crate::api::{AppliedReply, Changed, Document};
use crate::cli::{ApplyArgs, Global};
use crate::client::ClientError;
use crate::exit::{CommandError, Exit};
use crate::problem::Problems;
use crate::show;

pub(super) async fn run(global: &Global, args: &ApplyArgs) -> Result<Exit, CommandError> {
    let config = super::configuration(global)?;
    let document = document::read(&config, &args.file)?;
    let client = super::client(global)?;
    // A file that cannot be used is told of by the service.
    if let Some(tenant) = document::tenant(&config, &document) {
        document::refuse_misnamed(&document, &tenant)?;
        if args.wait.wait && is_paused(&client, &tenant).await? {
            return Err(paused(&tenant, "nothing was changed"));
        }
    }
    let mut generation = args.generation;
    if args.plan {
        let reply = plan::ask(&client, &document).await?;
        super::say(show::plan::plan(&reply).trim_end());
        generation = generation.or(Some(reply.generation.unwrap_or_default()));
    }
    let request = Document {
        file: document.file.clone(),
        text: document.text.clone(),
        generation,
    };
    let applied: AppliedReply = match client.post("/v1/apply", &request).await {
        Ok(applied) => applied,
        Err(ClientError::Failure(failure)) => return Err(document::failed(failure, &document)),
        Err(other) => return Err(other.into()),
    };
    if !args.plan {
        super::tell(&Problems::new(&document.text, applied.warnings.clone()));
    }
    let AppliedReply {
        tenant,
        generation,
        change,
        ..
    } = &applied;
    let what = match change {
        Changed::Created => format!("{tenant} is made, generation {generation}"),
        Changed::Updated => format!("{tenant} is changed, generation {generation}"),
        Changed::Same => format!("{tenant} has this spec already, generation {generation}"),
    };
    super::say(&what);
    if args.wait.wait {
        let is_as_asked = |status: &Status| status.generation >= *generation;
        until_settled(&client, tenant, "changed", args.wait.timeout, is_as_asked).await?;
    }
    if args.json {
        super::print_json(&applied)?;
    }
    Ok(Exit::Ok)
}
