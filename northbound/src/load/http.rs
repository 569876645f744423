//! One HTTP request and its whole answer.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{CONNECTION, HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::failure::Failure;
use super::sender::Answer;

/// The header in which an instance says who it is.
pub(super) const INSTANCE: &str = "x-asaas-instance";
/// An answer longer than this is not read to its end; no test of ours needs it.
const MAX_ANSWER: usize = 256 * 1024 * 1024;
/// Longer names of instances are cut: they come from outside.
const MAX_INSTANCE: usize = 64;

type Connection = SendRequest<Full<Bytes>>;

/// Sends one and the same HTTP request again and again.
#[derive(Debug)]
pub(super) struct HttpSender {
    address: SocketAddr,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    expect: Option<StatusCode>,
    /// Connections that wait for their next request; `None` where each request has its own.
    idle: Option<Mutex<Vec<Connection>>>,
}

/// What an [`HttpSender`] sends.
#[derive(Debug, Clone)]
pub(super) struct HttpRequest {
    pub(super) address: SocketAddr,
    pub(super) method: Method,
    pub(super) path: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) expect: Option<StatusCode>,
    pub(super) keep_alive: bool,
}

impl HttpSender {
    pub(super) fn new(request: HttpRequest) -> Self {
        let HttpRequest {
            address,
            method,
            path,
            mut headers,
            body,
            expect,
            keep_alive,
        } = request;
        let host = HeaderValue::from_str(&address.to_string()).expect("an address is plain text");
        headers.entry(HOST).or_insert(host);
        if !keep_alive {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Self {
            address,
            method,
            uri: path,
            headers,
            body,
            expect,
            idle: keep_alive.then(Mutex::default),
        }
    }

    /// Sends it and reads the answer to its end. A kept connection that turns out to have been closed meanwhile is replaced by a
    /// new one, which is no retry.
    pub(super) async fn send(&self) -> Result<Answer, Failure> {
        while let Some(mut connection) = self.take_idle() {
            if connection.is_closed() {
                continue;
            }
            match connection.send_request(self.request()).await {
                Ok(response) => return self.finish(response, connection).await,
                // It was closed while it was idle: the request has not been handled.
                Err(error) if error.is_canceled() || error.is_closed() => {}
                Err(error) => return Err(Failure::of_http(&error, false)),
            }
        }
        let mut connection = self.connect().await?;
        let response = connection
            .send_request(self.request())
            .await
            .map_err(|error| Failure::of_http(&error, false))?;
        self.finish(response, connection).await
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let of_io = |error: io::Error| Failure::of_io(&error);
        let stream = TcpStream::connect(self.address).await.map_err(of_io)?;
        stream.set_nodelay(true).map_err(of_io)?;
        begin(stream).await
    }

    async fn finish(
        &self,
        response: Response<Incoming>,
        connection: Connection,
    ) -> Result<Answer, Failure> {
        let status = response.status();
        let instance = response.headers().get(INSTANCE).map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.chars().take(MAX_INSTANCE).collect()
        });
        let mut body = response.into_body();
        let mut length: usize = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Failure::of_http(&error, true))?;
            length += frame.data_ref().map_or(0, Bytes::len);
            if length > MAX_ANSWER {
                return Err(Failure::BadAnswer);
            }
        }
        if let Some(idle) = &self.idle
            && !connection.is_closed()
        {
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
        }
        let is_expected = match self.expect {
            Some(expected) => status == expected,
            None => status.is_success(),
        };
        Ok(Answer {
            instance,
            status: Some(status.as_u16()),
            is_expected,
        })
    }

    fn take_idle(&self) -> Option<Connection> {
        let idle = self.idle.as_ref()?;
        idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        request.method_mut().clone_from(&self.method);
        request.uri_mut().clone_from(&self.uri);
        request.headers_mut().clone_from(&self.headers);
        request
    }
}

/// Speaks HTTP/1 over a stream.
async fn begin(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Connection, Failure> {
    let (sender, driver) = Builder::new()
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::of_http(&error, false))?;
    // Its error is the same as the one that the request gets.
    tokio::spawn(async move { drop(driver.await) });
    Ok(sender)
}

/// What becomes of one request that is answered over this stream.
#[cfg(fuzzing)]
pub(crate) async fn answered(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Option<(u16, Option<String>)> {
    let sender = HttpSender::new(HttpRequest {
        address: ([127, 0, 0, 1], 80).into(),
        method: Method::GET,
        path: Uri::from_static("/"),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        expect: None,
        keep_alive: true,
    });
    let mut connection = begin(stream).await.ok()?;
    let response = connection.send_request(sender.request()).await.ok()?;
    let answer = sender.finish(response, connection).await.ok()?;
    Some((answer.status?, answer.instance))
}

/// Reads `Name: value` lines.
pub(super) fn headers(lines: &[String]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("a header looks like `Name: value`, found `{line}`"))?;
        let name = HeaderName::from_bytes(name.trim().as_bytes())
            .map_err(|_| format!("`{name}` cannot be the name of a header"))?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| {
            format!("the value of the header `{name}` has letters that none may have")
        })?;
        headers.append(name, value);
    }
    Ok(headers)
}
