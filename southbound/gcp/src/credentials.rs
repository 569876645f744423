//! Who we are, to Google: read from where the settings say, and proved before each call, so that what is wrong with credentials
//! is told as that.

use std::path::Path;
use std::time::Duration;

use controller::ports::CloudErrorKind;
use google_cloud_auth::credentials::{
    self, Credentials as Token, external_account, impersonated, service_account, user_account,
};
use google_cloud_auth::errors::CredentialsError;
use serde_json::Value;

use crate::error::Trouble;
use crate::settings::Credentials;

/// Written out, since asking the machine's metadata server for it takes its time where there is none.
const UNIVERSE: &str = "googleapis.com";

#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) credentials: Token,
    /// Whether a failure to get a token may mean that there are no credentials at all.
    may_be_absent: bool,
}

impl Identity {
    pub(crate) fn read(wanted: &Credentials) -> Result<Self, Trouble> {
        let built = match wanted {
            Credentials::Anonymous => Ok(credentials::anonymous::Builder::new().build()),
            Credentials::Default => credentials::Builder::default()
                .with_universe_domain(UNIVERSE)
                .build()
                .map_err(|cause| cause.to_string()),
            Credentials::File(path) => {
                from_file(path).map_err(|cause| format!("{}: {cause}", path.display()))
            }
        };
        Ok(Self {
            credentials: built.map_err(|cause| Trouble::credentials(&cause))?,
            may_be_absent: *wanted == Credentials::Default,
        })
    }

    /// That we can show who we are; costs nothing while a token is good.
    pub(crate) async fn prove(&self, limit: Duration) -> Result<(), Trouble> {
        let asking = self.credentials.headers(http::Extensions::new());
        match tokio::time::timeout(limit, asking).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_transient() && !self.may_be_absent => {
                Err(Trouble::new(CloudErrorKind::Unreachable, told(&error)))
            }
            Ok(Err(error)) => Err(Trouble::credentials(&told(&error))),
            Err(_) if self.may_be_absent => Err(Trouble::credentials(
                "nobody answered who grants any: no file was found, and no metadata server",
            )),
            Err(_) => Err(Trouble::silent(limit)),
        }
    }
}

/// What is said of credentials, with its causes.
fn told(error: &CredentialsError) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        told = format!("{told}: {inner}");
        cause = inner.source();
    }
    told
}

fn from_file(path: &Path) -> Result<Token, String> {
    let text = std::fs::read_to_string(path).map_err(|cause| cause.to_string())?;
    let json: Value =
        serde_json::from_str(&text).map_err(|cause| format!("it is no JSON: {cause}"))?;
    let kind = json
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let built = match kind.as_str() {
        "service_account" => service_account::Builder::new(json)
            .with_universe_domain(UNIVERSE)
            .build(),
        "authorized_user" => user_account::Builder::new(json).build(),
        "external_account" => external_account::Builder::new(json)
            .with_universe_domain(UNIVERSE)
            .build(),
        "impersonated_service_account" => impersonated::Builder::new(json)
            .with_universe_domain(UNIVERSE)
            .build(),
        _ => return Err(format!("credentials of the type `{kind}` are not known")),
    };
    built.map_err(|cause| cause.to_string())
}
