//! # How to add a cloud
//!
//! A cloud is a place where instances run. The core knows it only as [`Southbound`]: list, launch, terminate.
//!
//! ```text
//!   controller ──► Southbound ◄── sim     a cloud in memory, with faults on order
//!                             ◄── local   OCI containers on this machine
//!                             ◄── yours
//! ```
//!
//! 1. Make a module (or, where it pulls in a heavy SDK, a nested crate `southbound/<cloud>`) with three inner files:
//!    `api`, the few calls that the cloud needs, each as narrow as it gets; `convert`, pure functions between our types and
//!    its types; `error`, from its error codes to a [`CloudErrorKind`](controller::ports::CloudErrorKind), with a detail
//!    that tells a person what to do. Nothing else in the module knows the SDK.
//! 2. Take every name and tag from [`tag`]: deployment, tenant, cloud and instance go along in the very call that makes the
//!    instance, never in a later one, so that nothing can exist without telling whose it is.
//! 3. Keep the contract of the port: every call may be repeated, also after a crash in the middle of it; `launch` makes at
//!    most one instance for an id; `list` is complete or an error; "gone already" is success; no retries.
//! 4. Give it to the suite of `conformance`, a module behind the feature of that name: one line in its tests. It passes, or it is
//!    no cloud.
//! 5. Where the cloud has networks of its own, implement [`site::Site`] too.
//! 6. Add one line to northbound's wiring.
//!
//! A data plane is none of this crate's business: a cloud that has to put an instance on a network asks for it through a small
//! trait of its own, as [`local::Cable`] does.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod local;
pub mod sim;
pub mod site;
pub mod tag;

pub use controller::ports::Southbound;
