//! What the fuzz targets share: the world that they read into, and the second opinions that they hold our code against.
//!
//! A target is in `fuzz_targets/`, one for each thing that reads what others write or writes what others read. `make fuzz-short`
//! runs all of them for a moment, from what is in `seeds/` and the tests' own files; `make fuzz` for as long as `FUZZ_SECONDS` says.
//! An input that breaks a promise is in `findings/`, and the last lines of the run say how to repeat it.

pub mod kernel;
pub mod network;
pub mod problems;
pub mod rows;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads JSON, if it is what it should be; then what is written of it is read again as the same.
pub fn again<T: Serialize + DeserializeOwned>(json: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(json).ok()?;
    let written = serde_json::to_string(&read).expect("what is read can be written");
    let again: T =
        serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    let twice = serde_json::to_string(&again).expect("what is read can be written");
    assert_eq!(written, twice, "it is something else when it is read again");
    Some(again)
}
