//! What the processes of a control group have moved to and from disks.
//!
//! Version 2 says it in one file. Version 1 counts what a process reads and what it waits for to be written; what it leaves
//! to the kernel to write later, which is nearly all, is counted for nobody. The processes' own accounts have that.

use std::fs;
use std::path::Path;

/// Bytes since the group was made; what the kernel does not tell is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::local) struct Moved {
    pub(in crate::local) read: Option<u64>,
    pub(in crate::local) written: Option<u64>,
}

/// By `io.stat`: `8:0 rbytes=… wbytes=… rios=…`, a line for each device.
pub(super) fn of_version_two(group: &Path) -> Moved {
    let Ok(text) = fs::read_to_string(group.join("io.stat")) else {
        return Moved::default();
    };
    let sum = |key: &str| {
        let values = text.split_whitespace().filter_map(|word| {
            let value = word.strip_prefix(key)?.strip_prefix('=')?;
            Some(value.parse::<u64>())
        });
        sum(values)
    };
    Moved {
        read: sum("rbytes"),
        written: sum("wbytes"),
    }
}

/// By `blkio`, `8:0 Read …`, a line for each device and direction; what is written, by the processes.
pub(super) fn of_version_one(group: Option<&Path>, pids: &[i32]) -> Moved {
    let files = [
        "blkio.throttle.io_service_bytes_recursive",
        "blkio.throttle.io_service_bytes",
    ];
    let text = files
        .iter()
        .find_map(|file| fs::read_to_string(group?.join(file)).ok());
    let read = text.and_then(|text| {
        let values = text.lines().filter_map(|line| {
            let (_, value) = line.split_once(" Read ")?;
            Some(value.trim().parse::<u64>())
        });
        sum(values)
    });
    let written = pids.iter().map(|pid| {
        let account = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
        written(&account)
    });
    Moved {
        read,
        written: written.sum(),
    }
}

/// What a process and those of its children that have ended made the disk write.
fn written(account: &str) -> Option<u64> {
    let line = account
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes:"))?;
    line.trim().parse().ok()
}

/// One value that cannot be read makes the sum unknown.
fn sum<E>(values: impl Iterator<Item = Result<u64, E>>) -> Option<u64> {
    values.map(Result::ok).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(files: &[(&str, &str)]) -> tempfile::TempDir {
        let group = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(group.path().join(name), text).unwrap();
        }
        group
    }

    #[test]
    fn version_two_adds_up_its_devices_and_nothing_yet_is_zero() {
        let two =
            "8:0 rbytes=100 wbytes=7 rios=1 wios=1 dbytes=50 dios=0\n8:16 rbytes=3 wbytes=0\n";

        let busy = of_version_two(group(&[("io.stat", two)]).path());
        let new = of_version_two(group(&[("io.stat", "")]).path());

        assert_eq!((busy.read, busy.written), (Some(103), Some(7)));
        assert_eq!((new.read, new.written), (Some(0), Some(0)));
    }

    #[test]
    fn version_one_reads_what_is_below_the_group_too_and_writes_of_its_processes() {
        let own = "254:0 Read 4096\n254:0 Write 0\n254:0 Total 4096\nTotal 4096\n";
        let all = "254:0 Read 8192\n254:0 Write 0\n254:0 Total 8192\n254:16 Read 1\nTotal 8193\n";
        let files = [
            ("blkio.throttle.io_service_bytes", own),
            ("blkio.throttle.io_service_bytes_recursive", all),
        ];

        let moved = of_version_one(Some(group(&files).path()), &[]);
        let older = of_version_one(Some(group(&files[..1]).path()), &[i32::MAX]);

        assert_eq!((moved.read, moved.written), (Some(8_193), Some(0)));
        assert_eq!((older.read, older.written), (Some(4_096), None));
        assert_eq!(written("read_bytes: 5\nwrite_bytes: 12\n"), Some(12));
    }

    #[test]
    fn a_kernel_that_does_not_count_is_not_one_that_counts_zero() {
        let none = group(&[]);
        assert_eq!(of_version_two(none.path()), Moved::default());
        assert_eq!(of_version_one(Some(none.path()), &[]).read, None);
        assert_eq!(of_version_one(None, &[]).read, None);

        let torn = group(&[("io.stat", "8:0 rbytes=x wbytes=7\n")]);
        assert_eq!(of_version_two(torn.path()).read, None);
        assert_eq!(written("read_bytes: 5\n"), None);
    }
}
