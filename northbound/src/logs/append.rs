//! One kind of log of one tenant: finds where it ended, mends what a crash left half written, and appends whole rows.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use controller::crashpoint;
use controller::id::TenantName;
use jiff::civil::Date;

use super::{Kind, files, path};

/// The end of a file is looked at in pieces of this size, doubled until a whole group of rows is in it.
const FIRST_LOOK: u64 = 64 << 10;
/// No header is longer.
const HEADER_LIMIT: u64 = 4 << 10;
/// Administrators of the tenant may read, nobody else but the service may write.
const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;

/// Appends to the files of one kind. Holds none open: there are three for each tenant, and they are written every few
/// seconds.
#[derive(Debug)]
pub(super) struct Appender {
    root: PathBuf,
    tenant: TenantName,
    kind: Kind,
    newest: Option<Date>,
    last: u64,
}

impl Appender {
    /// Finds the newest file and cuts off its last group of rows (those with the last number), and anything after it that is
    /// no row: the group may be incomplete, and the journal still has it. `oldest` is the first number that the journal can
    /// still give; a group from before it stays.
    pub(super) fn open(
        root: &Path,
        tenant: &TenantName,
        kind: Kind,
        oldest: u64,
    ) -> io::Result<Self> {
        let mut appender = Self {
            root: root.to_owned(),
            tenant: tenant.clone(),
            kind,
            newest: None,
            last: 0,
        };
        for (date, path) in files(root, tenant, kind)?.into_iter().rev() {
            let is_newest = appender.newest.is_none();
            if is_newest {
                widen(&path, kind.columns())?;
            }
            let mut file = writable(&path)?;
            let columns = header(&mut file)?.map_or(0, |header| header.split(',').count());
            let end = find_end(&mut file, columns)?;
            let mut kept = end.group.map(|group| group.seq);
            if is_newest {
                let mut keep = end.rows_end;
                if let Some(group) = end.group.filter(|group| group.seq >= oldest) {
                    (keep, kept) = (group.start, group.before);
                }
                if file.metadata()?.len() != keep {
                    file.set_len(keep)?;
                }
                appender.newest = Some(date);
            }
            if let Some(seq) = kept {
                appender.last = seq;
                break;
            }
        }
        Ok(appender)
    }

    /// The number of the last row; 0 where there is none.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Appends whole lines, the last of which tells of `seq`, to the file of that day, or of the newest day that there is: the
    /// order of the rows is that of the journal, also where the wall clock went back. On an error nothing of it stays.
    pub(super) fn append(&mut self, date: Date, lines: &[u8], seq: u64) -> io::Result<()> {
        let date = self.newest.map_or(date, |newest| newest.max(date));
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(self.root.join(self.tenant.as_str()))?;
        let mut file = writable(&path(&self.root, &self.tenant, date, self.kind))?;
        self.newest = Some(date);
        let length = file.seek(SeekFrom::End(0))?;
        let header = match length {
            0 => format!("{}\r\n", self.kind.columns().join(",")),
            _ => String::new(),
        };
        let written = file.write_all(header.as_bytes()).and_then(|()| {
            crashpoint!("logs.unwritten");
            file.write_all(lines)
        });
        if let Err(error) = written {
            // Cutting a file shorter needs no room. Should it fail, the next `open` mends it.
            let _ = file.set_len(length);
            return Err(error);
        }
        self.last = seq;
        Ok(())
    }
}

/// Never through a link that somebody has put there.
fn writable(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)
}

/// The first line, without its end; `None` where it is not whole.
fn header(file: &mut File) -> io::Result<Option<String>> {
    file.rewind()?;
    let mut start = Vec::new();
    file.take(HEADER_LIMIT).read_to_end(&mut start)?;
    let end = start.windows(2).position(|pair| pair == b"\r\n");
    Ok(end.map(|end| String::from_utf8_lossy(&start[..end]).into_owned()))
}

/// A file that an earlier version began has fewer columns: gives it the new header, and its rows empty cells for what is new,
/// so that it stays one table. A file with other columns than any earlier version's is refused, not changed.
fn widen(path: &Path, columns: &[&str]) -> io::Result<()> {
    let mut file = writable(path)?;
    let wanted = columns.join(",");
    let Some(found) = header(&mut file)? else {
        return Ok(());
    };
    if found == wanted {
        return Ok(());
    }
    if !wanted.starts_with(&format!("{found},")) {
        return Err(io::Error::other(format!(
            "{} has other columns than this version writes: move it away",
            path.display()
        )));
    }
    let missing = ",".repeat(columns.len() - found.split(',').count());
    let length = whole_lines(&mut file)?;
    file.rewind()?;
    let draft = path.with_extension("csv.draft");
    let mut wide = io::BufWriter::new(writable(&draft)?);
    wide.get_mut().set_len(0)?;
    write!(wide, "{wanted}\r\n")?;
    for line in BufReader::new(file.take(length)).split(b'\n').skip(1) {
        let line = line?;
        wide.write_all(line.strip_suffix(b"\r").unwrap_or(&line))?;
        write!(wide, "{missing}\r\n")?;
    }
    wide.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()?;
    std::fs::rename(&draft, path)
}

/// Where a file's rows end.
#[derive(Debug, Default, PartialEq, Eq)]
struct End {
    /// After the last whole row, or after the header, or 0.
    rows_end: u64,
    /// The rows with the last number.
    group: Option<Group>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Group {
    /// Its number.
    seq: u64,
    /// Where its first row begins.
    start: u64,
    /// The number of the row before it.
    before: Option<u64>,
}

fn find_end(file: &mut File, columns: usize) -> io::Result<End> {
    look_back(file, |tail, start| {
        let end = end_of(tail, start, columns);
        let is_whole = end.group.is_some_and(|group| group.before.is_some());
        (is_whole || start == 0).then_some(end)
    })
    .map(Option::unwrap_or_default)
}

/// The end of the rows in `tail`, which begins at `start` of its file. A first line that was cut off by that is skipped; the
/// header, which has no number, is no row.
fn end_of(tail: &[u8], start: u64, columns: usize) -> End {
    let mut end = End {
        rows_end: 0,
        group: None,
    };
    let mut offset = start;
    for (index, line) in tail.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let line_start = offset;
        offset += line.len() as u64;
        let is_cut = index == 0 && start > 0;
        if is_cut {
            end.rows_end = offset;
            continue;
        }
        let is_header = line_start == 0 && line.ends_with(b"\r\n");
        if is_header {
            end.rows_end = offset;
            continue;
        }
        let Some(seq) = row_number(line, columns) else {
            break;
        };
        end.rows_end = offset;
        end.group = Some(match end.group {
            Some(group) if group.seq == seq => group,
            before => Group {
                seq,
                start: line_start,
                before: before.map(|group| group.seq),
            },
        });
    }
    end
}

/// The number of a whole row; `None` for anything else.
fn row_number(line: &[u8], columns: usize) -> Option<u64> {
    if !line.ends_with(b"\r\n") {
        return None;
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(line);
    let record = reader.records().next()?.ok()?;
    if record.len() != columns {
        return None;
    }
    record.get(0)?.parse().ok()
}

/// How far a file's whole lines go: what comes after is just being written.
pub(super) fn whole_lines(file: &mut File) -> io::Result<u64> {
    look_back(file, |tail, start| {
        let last = tail.iter().rposition(|&byte| byte == b'\n')?;
        Some(start + last as u64 + 1)
    })
    .map(Option::unwrap_or_default)
}

/// Hands `find` ever more of the file's end, and where that begins, until it has found what it looks for or has seen all.
fn look_back<T>(file: &mut File, find: impl Fn(&[u8], u64) -> Option<T>) -> io::Result<Option<T>> {
    let length = file.metadata()?.len();
    let mut look = FIRST_LOOK;
    loop {
        let start = length.saturating_sub(look);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        file.take(length - start).read_to_end(&mut tail)?;
        let found = find(&tail, start);
        if found.is_some() || start == 0 {
            return Ok(found);
        }
        look = look.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "seq,value\r\n";

    fn end(text: &str) -> End {
        end_of(text.as_bytes(), 0, 2)
    }

    #[test]
    fn the_last_group_is_all_rows_with_the_last_number() {
        let text = format!("{HEADER}1,a\r\n2,a\r\n2,b\r\n");

        let found = end(&text);

        let group = Group {
            seq: 2,
            start: 16,
            before: Some(1),
        };
        assert_eq!(
            found,
            End {
                rows_end: 26,
                group: Some(group)
            }
        );
    }

    #[test]
    fn a_torn_line_and_whatever_follows_is_no_row() {
        for torn in [
            "2",
            "2,",
            "2,a",
            "2,a\r",
            "2,a,b\r\n",
            "x,a\r\n",
            "\0\0\0\0",
        ] {
            let found = end(&format!("{HEADER}1,a\r\n{torn}"));

            assert_eq!(found.rows_end, 16, "{torn:?}");
            assert_eq!(found.group.map(|group| group.seq), Some(1), "{torn:?}");
        }
    }

    #[test]
    fn a_file_of_an_earlier_version_gets_the_columns_that_are_new() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.csv");
        std::fs::write(&path, "seq,value\r\n1,a\r\n2,\"b,c\"\r\n3,torn").unwrap();

        widen(&path, &["seq", "value", "more", "most"]).unwrap();

        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "seq,value,more,most\r\n1,a,,\r\n2,\"b,c\",,\r\n");
    }

    #[test]
    fn a_file_of_a_later_version_is_refused_and_not_changed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.csv");
        let text = "seq,value,more\r\n1,a,b\r\n";
        std::fs::write(&path, text).unwrap();

        let widened = widen(&path, &["seq", "value"]);

        assert!(widened.unwrap_err().to_string().contains("move it away"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_torn_header_is_written_again() {
        assert_eq!(
            end("seq,val"),
            End {
                rows_end: 0,
                group: None
            }
        );
        assert_eq!(
            end(HEADER),
            End {
                rows_end: 11,
                group: None
            }
        );
    }
}
