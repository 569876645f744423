//! EC2, for as real as it gets on one machine: moto, and what it lacks, in a process of its own for each test.
//!
//! The lab is made by `make lab-aws`; without it everything here fails: nothing is skipped.
#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test; clippy knows only of functions that are tests themselves"
)]

#[path = "ec2/answers.rs"]
mod answers;
#[path = "ec2/bed.rs"]
mod bed;
#[path = "ec2/exec.rs"]
mod exec;
#[path = "ec2/instances.rs"]
mod instances;
#[path = "ec2/lab.rs"]
mod lab;
#[path = "ec2/refusals.rs"]
mod refusals;
#[path = "ec2/server.rs"]
mod server;
#[path = "ec2/sites.rs"]
mod sites;
#[path = "ec2/thousand.rs"]
mod thousand;

southbound::conforms!(aws, crate::bed::AwsBed::new());
