//! Asks the service, over its Unix socket.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::api::Failure;
use crate::exit::{CommandError, Exit};
use crate::node::NodeName;

/// No reply but a log is longer than this.
const REPLY_LIMIT: usize = 64 << 20;

/// A service that is well replies at once: it answers from what its last ticks have seen.
const REPLY_DEADLINE: Duration = Duration::from_secs(5);
/// A plan and a checkup ask clouds, and an apply is written to the disk.
const WORK_DEADLINE: Duration = Duration::from_secs(15);

/// The service at a socket. Nothing is connected until something is asked.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    node: Option<NodeName>,
}

/// Which node sends a request on that it was asked.
pub(crate) const NODE_HEADER: &str = "x-asaas-node";

/// No reply was had.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers.
    #[error("no asaas service answers on {}", socket.display())]
    NoService {
        /// Where.
        socket: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// Somebody listens, and does not reply.
    #[error("the service on {} does not answer: no reply in {} s", socket.display(), waited.as_secs())]
    Silent {
        /// Where.
        socket: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The connection broke.
    #[error("the service did not finish its reply")]
    Broken(#[source] hyper::Error),
    /// Something else than the service answers there, or one of another version.
    #[error("the reply on {} makes no sense: {detail}", socket.display())]
    Nonsense {
        /// Where.
        socket: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The service said no.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<ClientError> for CommandError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Failure(failure) => failure.into(),
            ClientError::NoService { ref cause, .. } => {
                let hint = if cause.kind() == io::ErrorKind::PermissionDenied {
                    "you may not use that socket: run the command as root (`sudo asaas …`)"
                } else {
                    "start it with `asaas serve` (as root), or name another socket with `--socket` or ASAAS_SOCKET"
                };
                Self::new(Exit::NoService, error).hint(hint)
            }
            ClientError::Silent { .. } => Self::new(Exit::NoService, error).hint(
                "it may be stopped (Ctrl-Z) or stuck: see its own log, `kill -CONT` it or start it again; \
                 instances and traffic go on",
            ),
            ClientError::Broken(_) => {
                Self::new(Exit::Failed, error).hint("the service may have been stopped; ask again")
            }
            ClientError::Nonsense { .. } => Self::new(Exit::Failed, error)
                .hint("see that the service and this command have the same version"),
        }
    }
}

impl Client {
    /// The service at this socket.
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            node: None,
        }
    }

    /// The same, asked by a node in the name of whoever has asked it.
    #[must_use]
    pub fn of_node(self, node: &NodeName) -> Self {
        Self {
            node: Some(node.clone()),
            ..self
        }
    }

    /// Asks for something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let reply = self.send(Method::GET, path, Bytes::new()).await?;
        self.read(reply).await
    }

    /// Asks for something to be done.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.nonsense(&error))?;
        let reply = self.send(Method::POST, path, body.into()).await?;
        self.read(reply).await
    }

    /// Copies a reply of any length to `out`.
    pub async fn copy(&self, path: &str, out: &mut impl Write) -> Result<(), CommandError> {
        let mut reply = self.send(Method::GET, path, Bytes::new()).await?;
        while let Some(frame) = self.within(WORK_DEADLINE, reply.frame()).await? {
            let frame = frame.map_err(ClientError::Broken)?;
            if let Some(data) = frame.data_ref() {
                out.write_all(data)?;
            }
        }
        out.flush()?;
        Ok(())
    }

    /// What does not come about in time is not waited for: a service that is frozen must not freeze its commands.
    async fn within<T>(
        &self,
        limit: Duration,
        reply: impl Future<Output = T>,
    ) -> Result<T, ClientError> {
        let silent = |_| ClientError::Silent {
            socket: self.socket.clone(),
            waited: limit,
        };
        tokio::time::timeout(limit, reply).await.map_err(silent)
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Incoming, ClientError> {
        let is_work = method == Method::POST
            && matches!(path, "/v1/plan" | "/v1/ahead" | "/v1/apply")
            || path.starts_with("/v1/clouds");
        let limit = if is_work {
            WORK_DEADLINE
        } else {
            REPLY_DEADLINE
        };
        self.within(limit, self.ask(method, path, body)).await?
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Incoming, ClientError> {
        let stream =
            UnixStream::connect(&self.socket)
                .await
                .map_err(|cause| ClientError::NoService {
                    socket: self.socket.clone(),
                    cause,
                })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(ClientError::Broken)?;
        // Ends with the reply, or with this command.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "asaas")
            .header("content-type", "application/json");
        if let Some(node) = &self.node {
            request = request.header(NODE_HEADER, node.as_str());
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| self.nonsense(&error))?;
        let reply = sender
            .send_request(request)
            .await
            .map_err(ClientError::Broken)?;
        if reply.status() == StatusCode::OK {
            return Ok(reply.into_body());
        }
        let status = reply.status();
        let text = self.collect(reply.into_body()).await?;
        match serde_json::from_slice::<Failure>(&text) {
            Ok(failure) => Err(failure.into()),
            Err(_) => Err(self.nonsense(&format!("{status} {}", String::from_utf8_lossy(&text)))),
        }
    }

    async fn read<T: DeserializeOwned>(&self, reply: Incoming) -> Result<T, ClientError> {
        let text = self.collect(reply).await?;
        serde_json::from_slice(&text).map_err(|error| self.nonsense(&error))
    }

    async fn collect(&self, reply: Incoming) -> Result<Bytes, ClientError> {
        let limited = http_body_util::Limited::new(reply, REPLY_LIMIT);
        let collected = self.within(WORK_DEADLINE, limited.collect()).await?;
        collected
            .map(http_body_util::Collected::to_bytes)
            .map_err(|error| self.nonsense(&error))
    }

    fn nonsense(&self, detail: &impl ToString) -> ClientError {
        ClientError::Nonsense {
            socket: self.socket.clone(),
            detail: detail.to_string(),
        }
    }
}
