//! The only place that starts processes: `iptables-restore`, `iptables-save` and `conntrack`, inside a namespace, with a
//! limit on the time they may take. Arguments are a list, never a shell's line.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;

use crate::name::NamespaceName;
use crate::namespace::Workers;

/// Of what a tool says, so much is kept; a table of a million connections fits, an endless stream does not.
const OUTPUT_LIMIT: u64 = 512 << 20;
/// Of what a tool complains, so much is kept.
const COMPLAINT_LIMIT: u64 = 16 << 10;

/// A tool did not do as asked.
#[derive(Debug, thiserror::Error)]
#[error("`{line}` in {namespace} {detail}")]
pub(crate) struct ExecError {
    /// The command and its arguments.
    line: String,
    /// Where it ran.
    namespace: NamespaceName,
    /// What became of it.
    detail: String,
    /// How it exited; `None` where it did not, or was never started.
    pub(crate) status: Option<i32>,
    /// What it said on standard error.
    pub(crate) stderr: String,
}

/// One run of a tool.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) program: &'static str,
    pub(crate) arguments: &'a [&'a str],
    /// What it reads; nothing where empty.
    pub(crate) input: String,
    /// It is killed after this long.
    pub(crate) limit: Duration,
}

/// Runs a tool inside a namespace and returns what it wrote.
pub(crate) async fn run(
    workers: &Workers,
    namespace: &NamespaceName,
    run: Run<'_>,
) -> Result<String, ExecError> {
    let line = std::iter::once(run.program)
        .chain(run.arguments.iter().copied())
        .collect::<Vec<_>>()
        .join(" ");
    let failed = |detail: String, status, stderr| ExecError {
        line: line.clone(),
        namespace: namespace.clone(),
        detail,
        status,
        stderr,
    };
    let Some(program) = find(workers.tools(), run.program) else {
        let detail = "was not found; are the packages iptables and conntrack installed?";
        return Err(failed(detail.to_owned(), None, String::new()));
    };
    // By its path, since a search by the child would cost a whole copy of this process.
    let mut command = Command::new(program);
    command
        .args(run.arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let runtime = Handle::current();
    let child = workers
        .within(namespace, move || {
            let _runtime = runtime.enter();
            command.spawn()
        })
        .await
        .map_err(|error| {
            failed(
                format!("could not be started: {error}"),
                None,
                String::new(),
            )
        })?;
    let ended = tokio::time::timeout(run.limit, talk(child, run.input)).await;
    match ended {
        Err(_) => Err(failed(
            format!("did not end within {:?} and was killed", run.limit),
            None,
            String::new(),
        )),
        Ok(Err(error)) => Err(failed(
            format!("could not be read: {error}"),
            None,
            String::new(),
        )),
        Ok(Ok((status, stdout, _))) if status.success() => Ok(stdout),
        Ok(Ok((status, _, stderr))) => {
            let detail = format!("ended with {status}: {}", stderr.trim());
            Err(failed(detail, status.code(), stderr))
        }
    }
}

/// Where a tool is: in the folder that was set, in what the service was given, or where Debian keeps the network's tools.
fn find(tools: Option<&Path>, program: &str) -> Option<PathBuf> {
    let given = std::env::var_os("PATH").unwrap_or_default();
    let debian = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from);
    tools
        .map(Path::to_path_buf)
        .into_iter()
        .chain(std::env::split_paths(&given))
        .chain(debian)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Feeds the child and reads both of its streams at the same time, so that neither side waits for the other for ever.
async fn talk(
    mut child: Child,
    input: String,
) -> io::Result<(std::process::ExitStatus, String, String)> {
    let gone = || io::Error::other("a stream of the child is missing");
    let mut stdin = child.stdin.take().ok_or_else(gone)?;
    let stdout = child.stdout.take().ok_or_else(gone)?;
    let stderr = child.stderr.take().ok_or_else(gone)?;
    let feed = async move {
        // A tool that refuses its input ends early: its exit status tells more than the broken pipe.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
    };
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let mut stdout = stdout.take(OUTPUT_LIMIT);
    let mut stderr = stderr.take(COMPLAINT_LIMIT);
    let ((), read, complaint) = tokio::join!(
        feed,
        stdout.read_to_end(&mut said),
        stderr.read_to_end(&mut complained)
    );
    read?;
    complaint?;
    let status = child.wait().await?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((status, text(said), text(complained)))
}
