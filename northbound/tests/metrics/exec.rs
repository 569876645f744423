//! A Prometheus of the test's own, in a directory of its own; it is gone when it is dropped.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// It replays what it remembers before it answers.
const START_LIMIT: Duration = Duration::from_mins(1);

pub(crate) struct Prometheus {
    program: PathBuf,
    directory: tempfile::TempDir,
    port: u16,
    child: Child,
}

/// Where `make prometheus` unpacks it, beside the program under test; else where the package is installed.
fn program() -> Option<PathBuf> {
    let tested = Path::new(env!("CARGO_BIN_EXE_asaas"));
    let mut beside = tested
        .ancestors()
        .map(|above| above.join("prometheus/usr/bin/prometheus"));
    let found = beside.find(|program| program.is_file());
    found.or_else(|| Some(PathBuf::from("/usr/bin/prometheus")).filter(|path| path.is_file()))
}

fn child(program: &Path, directory: &Path, port: u16) -> Child {
    let log = fs::File::create(directory.join("log")).unwrap();
    let flag = |name: &str, value: &str| format!("--{name}={value}");
    Command::new(program)
        .arg(flag(
            "config.file",
            &directory.join("prometheus.yml").display().to_string(),
        ))
        .arg(flag(
            "storage.tsdb.path",
            &directory.join("data").display().to_string(),
        ))
        .arg(flag("web.listen-address", &format!("127.0.0.1:{port}")))
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn write_configuration(directory: &Path, source: u16) {
    let text = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs: [{{ job_name: source, static_configs: [{{ targets: [\"127.0.0.1:{source}\"] }}] }}]\n"
    );
    fs::write(directory.join("prometheus.yml"), text).unwrap();
}

impl Prometheus {
    /// One that scrapes this port, once it answers; `None`, and said so, where it is not on this machine.
    pub(crate) fn start(source: u16) -> Option<Self> {
        let Some(program) = program() else {
            // Past the capture of the test's output: nobody should take this for a pass.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: there is no prometheus on this machine; hint: `make prometheus`"
            );
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        write_configuration(directory.path(), source);
        let child = child(&program, directory.path(), port);
        let mut started = Self {
            program,
            directory,
            port,
            child,
        };
        started.wait();
        Some(started)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// At the same place, with what it remembers, scraping another port.
    pub(crate) fn start_again(&mut self, source: u16) {
        write_configuration(self.directory.path(), source);
        self.child = child(&self.program, self.directory.path(), self.port);
        self.wait();
    }

    fn wait(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().unwrap();
            let is_in_time = ended.is_none() && began.elapsed() < START_LIMIT;
            assert!(is_in_time, "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
