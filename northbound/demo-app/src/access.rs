//! A line for each request in one file that all instances share: who answered, and in how many milliseconds.
//!
//! Health checks are no requests, but leave a comment: whoever follows the log sees that it is written to.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Then it gets another name, and a new one is begun.
const SIZE_LIMIT: u64 = 4 << 20;

/// An access log.
#[derive(Debug)]
pub(crate) struct AccessLog {
    path: PathBuf,
    worker: String,
}

impl AccessLog {
    pub(crate) fn new(shared: &Path, name: &str, worker: &str) -> Self {
        Self {
            path: shared.join(name),
            worker: worker.to_owned(),
        }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, took: Duration) {
        let hundredths = took.as_micros().div_ceil(10);
        let (whole, part) = (hundredths / 100, hundredths % 100);
        self.write(&format!("{} {whole}.{part:02}\n", self.worker));
    }

    /// There was none, and there could be.
    pub(crate) fn is_alive(&self) {
        self.write("# alive\n");
    }

    /// An answer goes before its line: what cannot be written is left out.
    fn write(&self, line: &str) {
        let written = self
            .open()
            .and_then(|mut log| log.write_all(line.as_bytes()));
        drop(written);
    }

    /// Opened anew for each line, so that all see it when one of them renames it.
    fn open(&self) -> io::Result<File> {
        let open = || File::options().create(true).append(true).open(&self.path);
        let log = open()?;
        if log.metadata()?.len() < SIZE_LIMIT {
            return Ok(log);
        }
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        fs::rename(&self.path, old)?;
        open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_has_grown_long_is_begun_anew_beside_the_old_one() {
        let shared = std::env::temp_dir().join(format!("demo-app-log-{}", std::process::id()));
        fs::create_dir_all(&shared).unwrap();
        let log = AccessLog::new(&shared, "access.log", "i-1");
        let file = File::create(shared.join("access.log")).unwrap();
        file.set_len(SIZE_LIMIT).unwrap();

        log.answered(Duration::from_micros(12_344));
        log.is_alive();

        let text = fs::read_to_string(shared.join("access.log")).unwrap();
        let old = fs::metadata(shared.join("access.log.1")).unwrap().len();
        fs::remove_dir_all(&shared).unwrap();
        assert_eq!(text, "i-1 12.35\n# alive\n");
        assert_eq!(old, SIZE_LIMIT);
    }
}
