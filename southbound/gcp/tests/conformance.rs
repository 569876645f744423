//! That this cloud does what every cloud has to do, against a lab that is a process of its own.
#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test; clippy knows only of functions that are tests themselves"
)]
#![allow(
    dead_code,
    reason = "the lab is shared by several tests, each of which uses its own part"
)]

#[path = "lab/bed.rs"]
mod bed;
#[path = "lab/exec.rs"]
mod exec;
#[path = "lab/process.rs"]
mod process;

use southbound_gcp::Rest;

southbound::conforms!(gcp, crate::bed::GcpBed::new(crate::Rest::Suspend));
southbound::conforms!(gcp_that_stops, crate::bed::GcpBed::new(crate::Rest::Stop));
