//! Google Compute Engine as a cloud, against a lab that is a process of its own, and against a server that answers nonsense.
//! The lab comes from `make lab-gcp`; without it everything here fails: nothing is skipped.
#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test; clippy knows only of functions that are tests themselves"
)]

#[path = "gcp/answers.rs"]
mod answers;
#[path = "gcp/bed.rs"]
mod bed;
#[path = "gcp/behaviour.rs"]
mod behaviour;
#[path = "gcp/emulator.rs"]
mod emulator;
#[path = "gcp/exec.rs"]
mod exec;
#[path = "gcp/process.rs"]
mod process;
#[path = "gcp/server.rs"]
mod server;
#[path = "gcp/site.rs"]
mod site;
#[path = "gcp/thousand.rs"]
mod thousand;

use southbound_gcp::Rest;

southbound::conforms!(suspends, crate::bed::GcpBed::new(crate::Rest::Suspend));
southbound::conforms!(stops, crate::bed::GcpBed::new(crate::Rest::Stop));
