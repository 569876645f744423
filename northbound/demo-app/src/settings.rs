//! What the environment says.

use std::env;
use std::path::PathBuf;

/// Most connections at once, unless the environment says otherwise: a template allows 256 threads.
const CONNECTIONS: usize = 200;
const PORT: u16 = 8080;

/// How this process is to behave, and who it is.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    pub(crate) shared: PathBuf,
    /// Requests a second.
    pub(crate) rate_limit: Option<u32>,
    /// At once.
    pub(crate) connections: usize,
    /// The name of a file in `shared`.
    pub(crate) access_log: Option<String>,
    pub(crate) instance: String,
    pub(crate) tenant: String,
    pub(crate) cloud: String,
    pub(crate) address: String,
}

impl Settings {
    pub(crate) fn from_env() -> Result<Self, String> {
        let text = |name: &str| env::var(name).unwrap_or_default();
        Ok(Self {
            port: number("PORT")?.unwrap_or(PORT),
            shared: env::var_os("SHARED").map_or_else(|| "/shared".into(), PathBuf::from),
            rate_limit: number("RATE_LIMIT")?.filter(|&limit| limit > 0),
            connections: number("CONNECTIONS")?.unwrap_or(CONNECTIONS).max(1),
            access_log: Some(text("ACCESS_LOG")).filter(|name| !name.is_empty()),
            instance: text("ASAAS_INSTANCE"),
            tenant: text("ASAAS_TENANT"),
            cloud: text("ASAAS_CLOUD"),
            address: text("ASAAS_ADDRESS"),
        })
    }
}

fn number<T: std::str::FromStr>(name: &str) -> Result<Option<T>, String> {
    match env::var(name) {
        Ok(text) if !text.is_empty() => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!(
                "{name} is `{text}`, which is not a number that fits"
            )),
        },
        _ => Ok(None),
    }
}
