//! What is answered to which request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::access::AccessLog;
use crate::burn::burn;
use crate::http::{Request, Response};
use crate::limit::RateLimit;
use crate::settings::Settings;
use crate::store::{Id, Store};

/// Most that one request may burn or wait, so that a slip of the finger does not take the instance away for ever.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// The application.
#[derive(Debug)]
pub(crate) struct App {
    settings: Settings,
    store: Store,
    limit: Option<RateLimit>,
    access_log: Option<AccessLog>,
    started: Instant,
    /// Health checks are not counted.
    requests: AtomicU64,
    is_unwell: AtomicBool,
    is_useless: AtomicBool,
}

/// What follows an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Nothing.
    Stay,
    /// The process ends.
    Exit,
}

impl App {
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        let store = Store::open(&settings.shared, &settings.instance);
        let store = store.map_err(|cause| {
            format!(
                "cannot use `{}`: {cause}; hint: set SHARED",
                settings.shared.display()
            )
        })?;
        let started = Instant::now();
        Ok(Self {
            limit: settings
                .rate_limit
                .map(|limit| RateLimit::new(limit, started)),
            access_log: settings
                .access_log
                .as_ref()
                .map(|name| AccessLog::new(&settings.shared, name, &settings.instance)),
            settings,
            store,
            started,
            requests: AtomicU64::new(0),
            is_unwell: AtomicBool::new(false),
            is_useless: AtomicBool::new(false),
        })
    }

    /// The one line that is printed at the start.
    pub(crate) fn greeting(&self, port: u16) -> String {
        let Settings {
            instance,
            shared,
            rate_limit,
            ..
        } = &self.settings;
        let name = if instance.is_empty() {
            "demo-app"
        } else {
            instance
        };
        let limit = rate_limit.map_or("no limit".to_owned(), |limit| format!("{limit} requests/s"));
        format!(
            "{name} listens on port {port}, objects in {}, {limit}",
            shared.display()
        )
    }

    /// Who answers, as JSON; and who asks, as far as can be seen from here.
    pub(crate) fn whoami(&self, client: SocketAddr) -> String {
        let Settings {
            instance,
            tenant,
            cloud,
            address,
            ..
        } = &self.settings;
        let quoted = |text: &str| {
            text.replace(['"', '\\'], "?")
                .replace(char::is_control, "?")
        };
        format!(
            concat!(
                r#"{{"instance":"{}","tenant":"{}","cloud":"{}","address":"{}","#,
                r#""pid":{},"requests":{},"uptime_ms":{},"client":"{}","client_port":{}}}"#
            ),
            quoted(instance),
            quoted(tenant),
            quoted(cloud),
            quoted(address),
            std::process::id(),
            self.requests.load(Ordering::Relaxed),
            self.started.elapsed().as_millis(),
            client.ip(),
            client.port(),
        )
    }

    /// The answer to a request, with who gives it.
    pub(crate) fn answer(&self, request: &Request, client: SocketAddr) -> (Response, After) {
        let began = Instant::now();
        let (answer, after) = self.unsigned(request, client);
        match &self.access_log {
            Some(log) if request.path == "/health" => log.is_alive(),
            Some(log) => log.answered(began.elapsed()),
            None => {}
        }
        let instance = &self.settings.instance;
        let is_plain = !instance.is_empty() && instance.chars().all(|c| c.is_ascii_graphic());
        if is_plain {
            (answer.with(format!("X-Asaas-Instance: {instance}")), after)
        } else {
            (answer, after)
        }
    }

    fn unsigned(&self, request: &Request, client: SocketAddr) -> (Response, After) {
        if request.path == "/health" {
            return (self.health(), After::Stay);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        match request.path.as_str() {
            "/whoami" => return (Response::json(self.whoami(client)), After::Stay),
            "/exit" => return (Response::text(200, "bye"), After::Exit),
            _ => {}
        }
        if self.is_useless.load(Ordering::Relaxed) {
            return (Response::text(500, "crashed"), After::Stay);
        }
        if let Some(limit) = &self.limit
            && let Err(wait) = limit.take(Instant::now())
        {
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            let refusal = Response::text(429, "too many requests; ask again later");
            return (refusal.with(format!("Retry-After: {seconds}")), After::Stay);
        }
        let answer = self.route(request);
        let answer = answer.unwrap_or_else(|cause| Response::text(500, cause.to_string()));
        (answer, After::Stay)
    }

    fn route(&self, request: &Request) -> std::io::Result<Response> {
        if let Some(id) = request.path.strip_prefix("/objs/") {
            return match Id::parse(id) {
                Some(id) => self.object(request, id),
                None => Ok(Response::text(
                    400,
                    "an id has 1 to 128 letters, digits, `.`, `_` or `-`, and no dot first",
                )),
            };
        }
        let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
        match (request.path.as_str(), request.method.as_str()) {
            ("/", "DELETE") => {
                self.store.clear()?;
                Ok(Response::text(204, ""))
            }
            ("/", _) if is_read => {
                let ids = self.store.ids()?;
                let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
                Ok(Response::json(format!("[{}]", ids.join(","))))
            }
            ("/", _) => Ok(not_allowed("GET, HEAD, DELETE")),
            ("/burn", _) => Ok(timed(request, burn)),
            ("/slow", _) => Ok(timed(request, std::thread::sleep)),
            ("/crash", _) => {
                self.is_unwell.store(true, Ordering::Relaxed);
                let is_useless = request.number("serve") != Some(1);
                self.is_useless.store(is_useless, Ordering::Relaxed);
                Ok(Response::text(200, "unwell from now on"))
            }
            _ => Ok(Response::text(404, "there is nothing here")),
        }
    }

    fn object(&self, request: &Request, id: Id<'_>) -> std::io::Result<Response> {
        let missing = || Response::text(404, "there is no such object");
        Ok(match request.method.as_str() {
            "GET" | "HEAD" => self.store.get(id)?.map_or_else(missing, Response::bytes),
            "PUT" if self.store.put(id, &request.body)? => Response::text(201, ""),
            "PUT" => Response::text(204, ""),
            "DELETE" if self.store.delete(id)? => Response::text(204, ""),
            "DELETE" => missing(),
            _ => not_allowed("GET, HEAD, PUT, DELETE"),
        })
    }

    /// Not only that it answers, but that it could do its work.
    fn health(&self) -> Response {
        if self.is_unwell.load(Ordering::Relaxed) {
            return Response::text(500, "crashed");
        }
        match self.store.check() {
            Ok(()) => Response::text(200, "ok"),
            Err(problem) => Response::text(500, problem),
        }
    }
}

fn not_allowed(methods: &str) -> Response {
    Response::text(405, "not like this").with(format!("Allow: {methods}"))
}

/// Does something for as long as the query says.
fn timed(request: &Request, work: impl FnOnce(Duration)) -> Response {
    match request.number("ms").map(Duration::from_millis) {
        Some(time) if time <= TIME_LIMIT => {
            work(time);
            Response::text(200, format!("{} ms", time.as_millis()))
        }
        Some(_) => Response::text(400, format!("ms is at most {}", TIME_LIMIT.as_millis())),
        None => Response::text(400, "say how long: ?ms=100"),
    }
}
