//! `asaas logs`

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::cli::{BackwardsError, Global, LogsArgs, Moment};
use crate::exit::{CommandError, Exit};

pub(super) async fn run(global: &Global, args: &LogsArgs) -> Result<Exit, CommandError> {
    let now = Timestamp::now();
    let (since, until) = Moment::bounds(args.since, args.until, now)
        .map_err(|error| CommandError::new(Exit::BadInput, error).hint(BackwardsError::HINT))?;
    let bound = |name: &str, time: Option<Timestamp>| time.map(|time| format!("{name}={time}"));
    let bounds: Vec<String> = bound("since", since)
        .into_iter()
        .chain(bound("until", until))
        .collect();
    let path = format!(
        "/v1/tenants/{}/logs/{}?{}",
        args.tenant,
        args.kind,
        bounds.join("&")
    );
    let client = super::client(global)?;
    if args.json {
        let mut rows = JsonLines::default();
        client.copy(&path, &mut rows).await?;
        rows.end()?;
    } else {
        client.copy(&path, &mut io::stdout().lock()).await?;
    }
    Ok(Exit::Ok)
}

/// Turns CSV, as it comes, into one JSON object per row. Rows have no line breaks in them. Empty cells are left out.
#[derive(Default)]
struct JsonLines {
    header: Option<csv::StringRecord>,
    rest: Vec<u8>,
}

impl JsonLines {
    fn row(&mut self, line: &[u8]) -> io::Result<()> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(line);
        let Some(cells) = reader.records().next() else {
            return Ok(());
        };
        let cells = cells.map_err(io::Error::other)?;
        let Some(header) = &self.header else {
            self.header = Some(cells);
            return Ok(());
        };
        let object: Map<String, Value> = header
            .iter()
            .zip(&cells)
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(column, cell)| (column.to_owned(), value(column, cell)))
            .collect();
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &object).map_err(io::Error::from)?;
        out.write_all(b"\n")
    }

    fn end(self) -> io::Result<()> {
        if self.rest.is_empty() {
            return io::stdout().flush();
        }
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the service did not finish its reply",
        ))
    }
}

/// Numbers and truth values as such; texts without the quote that keeps a spreadsheet from running them.
fn value(column: &str, cell: &str) -> Value {
    let is_text = matches!(column, "why" | "reason" | "steps");
    if is_text {
        return Value::from(cell.strip_prefix('\'').unwrap_or(cell));
    }
    match serde_json::from_str(cell) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => Value::from(cell),
    }
}

impl Write for JsonLines {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(data);
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.row(&line)?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}
