//! `asaas apply`

use super::wait::{Progress, Step, poll};
use super::{document, plan};
use crate::api::{AppliedReply, Changed, Document, TenantReport};
use crate::cli::{ApplyArgs, Global};
use crate::client::ClientError;
use crate::exit::{CommandError, Exit};
use crate::problem::Problems;
use crate::show;

pub(super) async fn run(global: &Global, args: &ApplyArgs) -> Result<Exit, CommandError> {
    let document = document::read(&super::configuration(global)?, &args.file)?;
    let client = super::client(global)?;
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
        let path = format!("/v1/tenants/{tenant}");
        let mut progress = Progress::new(&format!("{tenant} is not settled"), args.wait.timeout);
        let report: TenantReport = poll(&client, &path, &mut progress, |report: TenantReport| {
            if report.status.generation >= *generation && report.status.is_settled {
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
        super::print_json(&applied)?;
    }
    Ok(Exit::Ok)
}
