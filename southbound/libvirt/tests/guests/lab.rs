//! A libvirtd of the tests' own, as on a host of its own: its directories, its network, its processes. The machine's is not touched.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::exec;

/// Anything on this machine takes less than this, however busy it is.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

/// The bridge of the tenant, on every host.
pub(crate) const BRIDGE: &str = "tenant0";

/// Not the machine's user, no security labels, no namespaces for guests, no control groups: what the tests are not about. A device
/// node that only root may open makes libvirtd probe QEMU again at each start, if QEMU is not root's.
const QEMU_CONF: &str = "user = \"root\"
group = \"root\"
dynamic_ownership = 0
remember_owner = 0
security_driver = \"none\"
namespaces = []
cgroup_controllers = []
stdio_handler = \"file\"
";

type Job = Box<dyn FnOnce() + Send>;

/// One host. It ends, with every guest, when the last who has it drops it.
pub(crate) struct Lab {
    directory: TempDir,
    daemon: Mutex<Option<Child>>,
    /// To the thread that is in the host's network and file system.
    inside: Sender<Job>,
}

/// A host that all tests share that run at the same time: starting one takes longer than most tests.
pub(crate) fn shared() -> Arc<Lab> {
    static SHARED: Mutex<Weak<Lab>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap();
    shared.upgrade().unwrap_or_else(|| {
        let lab = Arc::new(Lab::start());
        *shared = Arc::downgrade(&lab);
        lab
    })
}

/// Waits until something is so, and fails when it takes too long.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < end, "waited too long until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

impl Lab {
    pub(crate) fn start() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("asaas-libvirt-")
            .tempdir()
            .unwrap();
        let path = directory.path();
        for name in ["run", "etc/libvirt", "work", "lib", "cache", "log", "sock"] {
            fs::create_dir_all(path.join(name)).unwrap();
        }
        let daemon = format!(
            "unix_sock_dir = \"{0}/sock\"\nauth_unix_rw = \"none\"\nlog_outputs = \"3:file:{0}/log/libvirtd.log\"\n",
            path.display()
        );
        fs::write(path.join("etc/libvirt/libvirtd.conf"), daemon).unwrap();
        fs::write(path.join("etc/libvirt/qemu.conf"), QEMU_CONF).unwrap();
        // libvirtd looks for its own user, whom it does not take then.
        let with = |file: &str, line: &str| {
            let all = fs::read_to_string(Path::new("/etc").join(file)).unwrap();
            fs::write(path.join("etc").join(file), format!("{all}{line}\n")).unwrap();
        };
        with(
            "passwd",
            "libvirt-qemu:x:64055:64055::/nonexistent:/bin/false",
        );
        with("group", "libvirt-qemu:x:64055:");
        let (inside, jobs) = channel::<Job>();
        let home = path.to_owned();
        let work = move || {
            enter(&home);
            for job in jobs {
                job();
            }
        };
        thread::Builder::new()
            .name("inside".to_owned())
            .spawn(work)
            .unwrap();
        let lab = Self {
            directory,
            daemon: Mutex::new(None),
            inside,
        };
        lab.inside(|| {
            exec::run("ip", &["link", "set", "lo", "up"]);
            exec::run("ip", &["link", "add", BRIDGE, "type", "bridge"]);
            exec::run("ip", &["address", "add", "19.0.0.1/24", "dev", BRIDGE]);
            exec::run("ip", &["link", "set", BRIDGE, "up"]);
        });
        lab.start_daemon();
        lab
    }

    /// Starts libvirtd, which must not run.
    pub(crate) fn start_daemon(&self) {
        let (config, pid_file) = (
            self.path("etc/libvirt/libvirtd.conf"),
            self.path("run/libvirtd.pid"),
        );
        let _ = fs::remove_file(&pid_file);
        // By the thread inside, which lives as long as the lab does, and whose end is the daemon's end.
        let child = self.inside(move || exec::libvirtd(&config, &pid_file));
        *self.daemon.lock().unwrap() = Some(child);
        wait_until("libvirtd answers", || {
            UnixStream::connect(self.path("sock/libvirt-sock")).is_ok()
        });
    }

    /// How its libvirtd is reached from outside.
    pub(crate) fn uri(&self) -> String {
        format!(
            "qemu+unix:///system?socket={}",
            self.path("sock/libvirt-sock").display()
        )
    }

    /// Below the directory that is its own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Does something as on this host.
    pub(crate) fn inside<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = channel();
        let job = move || {
            let _ = tell.send(job());
        };
        self.inside.send(Box::new(job)).unwrap();
        told.recv().expect("what is done inside does not panic")
    }

    /// The head of the answer that somebody on the host's network gets over HTTP; `None` where there is no answer.
    pub(crate) fn get(&self, address: Ipv4Addr, path: &str) -> Option<String> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        self.inside(move || {
            let to = SocketAddr::from((address, 8080));
            let mut stream = TcpStream::connect_timeout(&to, Duration::from_millis(500)).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
            stream.write_all(request.as_bytes()).ok()?;
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            reader.read_line(&mut head).ok()?;
            let mut rest = String::new();
            reader.read_to_string(&mut rest).ok()?;
            Some(head.trim_end().to_owned())
        })
    }

    /// The process of libvirtd, as the machine counts it.
    pub(crate) fn daemon_pid(&self) -> Pid {
        let config = self.path("etc/libvirt/libvirtd.conf").display().to_string();
        let all = processes(&["/usr/sbin/libvirtd", &config]);
        let mine = all
            .into_iter()
            .find(|(_, line)| line.starts_with("/usr/sbin/libvirtd"));
        mine.expect("libvirtd runs").0
    }

    /// The process of a guest, as the machine counts it.
    pub(crate) fn guest_pid(name: &str) -> Option<Pid> {
        let guest = format!("guest={name},");
        let found = processes(&["qemu-system", &guest]);
        found.into_iter().map(|(pid, _)| pid).next()
    }

    /// The host fails: libvirtd and every guest end at once.
    pub(crate) fn crash(&self) {
        if let Some(mut daemon) = self.daemon.lock().unwrap().take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
            // The kernel ends the rest of the namespace a moment after the first.
            let home = self.directory.path().display().to_string();
            wait_until("its processes have ended", || {
                processes(&[&home]).is_empty()
            });
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.crash();
    }
}

/// The processes whose command line contains all of these.
fn processes(words: &[&str]) -> Vec<(Pid, String)> {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.ok()?;
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        words
            .iter()
            .all(|word| line.contains(word))
            .then(|| (Pid::from_raw(pid), line))
    });
    all.collect()
}

/// Sends a process a signal, by its id.
pub(crate) fn signal(pid: Pid, signal: Signal) {
    kill(pid, signal).unwrap();
}

/// Puts this thread, and whatever it starts, on a host of its own.
fn enter(home: &Path) {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).expect("the tests need root");
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    // Where control groups are of both kinds, libvirtd wants those that it cannot have.
    let _ = umount2("/sys/fs/cgroup/unified", MntFlags::MNT_DETACH);
    let hint = "the temporary directory has to be on ext4, xfs or tmpfs";
    for (own, theirs) in [
        ("run", "/run"),
        ("lib", "/var/lib"),
        ("cache", "/var/cache"),
        ("log", "/var/log"),
    ] {
        mount(Some(&home.join(own)), theirs, none, MsFlags::MS_BIND, none).unwrap();
    }
    let (upper, work) = (home.join("etc"), home.join("work"));
    let options = format!(
        "lowerdir=/etc,upperdir={},workdir={}",
        upper.display(),
        work.display()
    );
    mount(
        Some("overlay"),
        "/etc",
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
    .expect(hint);
}

/// The command line of a process.
pub(crate) fn command_line(pid: Pid) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

/// The command lines of everything that descends from this process.
pub(crate) fn children() -> Vec<String> {
    let mut lines = Vec::new();
    let mut parents = vec![std::process::id().to_string()];
    while let Some(parent) = parents.pop() {
        for task in fs::read_dir(format!("/proc/{parent}/task"))
            .into_iter()
            .flatten()
        {
            let path = task.unwrap().path().join("children");
            for child in fs::read_to_string(path)
                .unwrap_or_default()
                .split_whitespace()
            {
                let line = fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
                lines.push(String::from_utf8_lossy(&line).replace('\0', " "));
                parents.push(child.to_owned());
            }
        }
    }
    lines
}
