//! The contract of a store, one promise a check: of `controller::ports::Store` and of `Registrar`.

mod fences;
mod records;
mod wishes;

pub(crate) use fences::*;
pub(crate) use records::*;
pub(crate) use wishes::*;
