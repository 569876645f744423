//! `asaas plan`

use super::document::{self, Written};
use crate::api::{Document, PlanReply};
use crate::cli::{Global, PlanArgs};
use crate::client::{Client, ClientError};
use crate::exit::{CommandError, Exit};
use crate::problem::Problems;
use crate::show;

pub(super) async fn run(global: &Global, args: &PlanArgs) -> Result<Exit, CommandError> {
    let document = document::read(&super::configuration(global)?, &args.file)?;
    let reply = ask(&super::client(global)?, &document).await?;
    if args.json {
        super::print_json(&reply)?;
    } else {
        super::print(&show::plan::plan(&reply))?;
    }
    Ok(Exit::Ok)
}

/// Asks for the plan, and tells the file's warnings.
pub(super) async fn ask(client: &Client, document: &Written) -> Result<PlanReply, CommandError> {
    let request = Document {
        file: document.file.clone(),
        text: document.text.clone(),
        generation: None,
    };
    let reply: PlanReply = match client.post("/v1/plan", &request).await {
        Ok(reply) => reply,
        Err(ClientError::Failure(failure)) => return Err(document::failed(failure, document)),
        Err(other) => return Err(other.into()),
    };
    document::warn_misnamed(document, &reply.tenant);
    super::tell(&Problems::new(&document.text, reply.warnings.clone()));
    Ok(reply)
}
