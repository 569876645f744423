//! `asaas plan`

use controller::ahead::{Ahead, ahead};
use controller::spec::TenantSpec;
use controller::time::later;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::document::{self, Written};
use crate::api::{AheadReply, AheadRequest, Document, PlanReply};
use crate::cli::{Global, PlanArgs};
use crate::client::{Client, ClientError};
use crate::config::Config;
use crate::cost::{Cost, cost};
use crate::exit::{CommandError, Exit};
use crate::problem::Problems;
use crate::{show, tenant_file};

pub(super) async fn run(global: &Global, args: &PlanArgs) -> Result<Exit, CommandError> {
    let config = super::configuration(global)?;
    let document = document::read(&config, &args.file)?;
    let client = super::client(global)?;
    let reply = match (ask(&client, &document).await, args.timeline) {
        (Ok(reply), _) => Some(reply),
        // The bounds need nobody but the file.
        (Err(error), Some(_)) if error.exit == Exit::NoService => {
            super::say("no service answers: the bounds alone are told, and not what would be done");
            None
        }
        (Err(error), _) => return Err(error),
    };
    let timeline = match args.timeline {
        Some(span) => Some(hours(&client, &config, &document, span, reply.is_some()).await?),
        None => None,
    };
    if args.json {
        super::print_json(&Planned { reply, timeline })?;
        return Ok(Exit::Ok);
    }
    let mut text = reply.as_ref().map(show::plan::plan).unwrap_or_default();
    if let Some(Timeline { ahead, cost }) = &timeline {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&show::ahead::ahead(ahead, cost.as_ref()));
    }
    super::print(&text)?;
    Ok(Exit::Ok)
}

#[derive(Serialize)]
struct Planned {
    #[serde(flatten)]
    reply: Option<PlanReply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Timeline>,
}

/// The hours ahead, and what they cost where prices are known.
#[derive(Serialize)]
struct Timeline {
    #[serde(flatten)]
    ahead: Ahead,
    cost: Option<Cost>,
}

/// The hours ahead: from the service, which knows the tenant's past, or where there is none, from the file alone.
async fn hours(
    client: &Client,
    config: &Config,
    document: &Written,
    span: SignedDuration,
    has_service: bool,
) -> Result<Timeline, CommandError> {
    let read = || tenant_file::read(&document.text, &document.file, &config.known());
    if !has_service {
        let reading = read().map_err(|problems| document::refused(&problems, &document.file))?;
        super::tell(&reading.warnings);
        let now = Timestamp::now();
        let ahead = ahead(&reading.spec, None, now, later(now, span));
        return Ok(priced(&reading.spec, config, ahead));
    }
    let request = AheadRequest {
        document: Document {
            file: document.file.clone(),
            text: document.text.clone(),
            generation: None,
        },
        span,
    };
    let AheadReply { ahead, .. } = client.post("/v1/ahead", &request).await?;
    // The service may have another configuration than whoever asks: then no price is known here.
    Ok(match read() {
        Ok(reading) => priced(&reading.spec, config, ahead),
        Err(_) => Timeline { ahead, cost: None },
    })
}

fn priced(spec: &TenantSpec, config: &Config, ahead: Ahead) -> Timeline {
    Timeline {
        cost: cost(spec, &config.market(), &ahead.pieces),
        ahead,
    }
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
