//! What the demo's instances run: a trivial object store over the directory that all instances share, with a few handles to
//! load it and to hurt it. Not for anything else: it has no users, no encryption, and endpoints that kill it.
//!
//! ```text
//! GET /                 the ids of all objects, as JSON          DELETE /             deletes them all
//! GET /objs/<id>        the object, or 404                       PUT /objs/<id>       creates (201) or replaces (204) it
//! DELETE /objs/<id>     deletes it (204), or 404
//! GET /health           200 where an object can be written, read and deleted, else 500
//! GET /whoami           who answered, and who asked              GET /burn?ms=N       uses N ms of processor time
//! GET /slow?ms=N        answers after N ms                       GET /crash           unwell and useless from now on
//! GET /exit             ends the process                         GET /crash?serve=1   unwell from now on, but useful
//! ```
//!
//! Every answer says in `X-Asaas-Instance` who gives it. On the same port it echoes UDP datagrams; the datagram `whoami` is answered with who answers.
//!
//! Settings are variables of the environment: `PORT` (8080; 0 takes any), `SHARED` (`/shared`), `RATE_LIMIT` (requests a
//! second; none), `CONNECTIONS` (at once; 200), `ACCESS_LOG` (the name of a file in `SHARED`; none), and the `ASAAS_…` that say
//! who it is.

mod access;
mod app;
mod burn;
mod http;
mod limit;
mod serve;
mod settings;
mod store;

use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;

use app::App;
use settings::Settings;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // Nobody may be listening, and then there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "demo-app: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let settings = Settings::from_env()?;
    let tcp = TcpListener::bind(("0.0.0.0", settings.port))
        .map_err(|cause| format!("cannot listen on port {}: {cause}", settings.port))?;
    let address = tcp
        .local_addr()
        .map_err(|cause| format!("cannot tell the port: {cause}"))?;
    let udp = UdpSocket::bind(address)
        .map_err(|cause| format!("cannot listen on UDP port {}: {cause}", address.port()))?;
    let connections = settings.connections;
    let app = Arc::new(App::new(settings)?);
    let _ = writeln!(std::io::stdout(), "{}", app.greeting(address.port()));
    let echo = Arc::clone(&app);
    std::thread::Builder::new()
        .name("udp".to_owned())
        .spawn(move || serve::udp(&udp, &echo))
        .map_err(|cause| format!("cannot start a thread: {cause}"))?;
    serve::tcp(&tcp, &app, connections)
}
