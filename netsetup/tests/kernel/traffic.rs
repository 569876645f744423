//! Servers inside instances, and clients at the edge: small, blocking, and with a limit on every wait.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

/// Nothing on one machine takes longer, even on a busy one.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// Long enough for an answer that would come; what must not arrive is waited for so long.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

/// Does something in a thread inside the namespace at this path.
pub(crate) fn inside<T: Send>(namespace: &Path, job: impl FnOnce() -> T + Send) -> T {
    let enter = || {
        let file = std::fs::File::open(namespace).expect("the namespace exists");
        setns(&file, CloneFlags::CLONE_NEWNET).expect("root may enter a namespace");
        job()
    };
    std::thread::scope(|scope| match scope.spawn(enter).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// A server inside an instance: says its own name and the client's address to everybody, and then echoes.
#[derive(Debug)]
pub(crate) struct Server {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Serves TCP on one port and UDP on the same.
pub(crate) fn serve(namespace: &Path, name: &str, port: u16) -> Server {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let (tcp, udp) = inside(namespace, || {
        let tcp = TcpListener::bind(any).expect("the port is free");
        let udp = UdpSocket::bind(any).expect("the port is free");
        tcp.set_nonblocking(true).expect("it is a socket");
        udp.set_read_timeout(Some(Duration::from_millis(50)))
            .expect("it is a socket");
        (tcp, udp)
    });
    let stop = Arc::new(AtomicBool::new(false));
    let threads = vec![
        std::thread::spawn({
            let (stop, name) = (Arc::clone(&stop), name.to_owned());
            move || accept(&tcp, &name, &stop)
        }),
        std::thread::spawn({
            let (stop, name) = (Arc::clone(&stop), name.to_owned());
            move || answer(&udp, &name, &stop)
        }),
    ];
    Server { stop, threads }
}

fn accept(listener: &TcpListener, name: &str, stop: &Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((stream, peer)) => {
                let (stop, name) = (Arc::clone(stop), name.to_owned());
                std::thread::spawn(move || {
                    // A client that goes away is none of the server's business.
                    let _ = echo(stream, &name, peer, &stop);
                });
            }
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn echo(mut stream: TcpStream, name: &str, peer: SocketAddr, stop: &AtomicBool) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    stream.set_nodelay(true)?;
    writeln!(stream, "{name} {}", peer.ip())?;
    let mut buffer = [0; 16 << 10];
    while !stop.load(Ordering::SeqCst) {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => stream.write_all(&buffer[..read])?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn answer(socket: &UdpSocket, name: &str, stop: &AtomicBool) {
    let mut buffer = [0; 2048];
    while !stop.load(Ordering::SeqCst) {
        if let Ok((_, peer)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(format!("{name} {}", peer.ip()).as_bytes(), peer);
        }
    }
}

/// Who answered, and whom it took us for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) name: String,
    pub(crate) client: IpAddr,
}

fn read_answer(line: &str) -> Option<Answer> {
    let (name, client) = line.trim().split_once(' ')?;
    Some(Answer {
        name: name.to_owned(),
        client: client.parse().ok()?,
    })
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    pub(crate) answer: Answer,
}

/// Connects and hears who is there.
pub(crate) fn connect(namespace: &Path, to: SocketAddr) -> io::Result<Connection> {
    inside(namespace, || open(to, LIMIT))
}

/// The same, for a thread that is in the right namespace already.
pub(crate) fn open(to: SocketAddr, limit: Duration) -> io::Result<Connection> {
    let stream = TcpStream::connect_timeout(&to, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let answer = read_answer(&line).ok_or_else(|| io::Error::other("nobody said who it is"))?;
    Ok(Connection { stream, answer })
}

impl Connection {
    /// Sends bytes and reads them back.
    pub(crate) fn exchange(&mut self, length: usize) -> io::Result<()> {
        let sent: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
        let mut writer = self.stream.get_ref().try_clone()?;
        let echoed = std::thread::scope(|scope| {
            let bytes = &sent;
            let sending = scope.spawn(move || writer.write_all(bytes));
            let mut echoed = vec![0; length];
            self.stream.read_exact(&mut echoed)?;
            sending.join().map_err(|_| io::Error::other("panicked"))??;
            Ok::<_, io::Error>(echoed)
        })?;
        if echoed == sent {
            Ok(())
        } else {
            Err(io::Error::other("other bytes came back"))
        }
    }

    /// The largest segment that the connection sends.
    pub(crate) fn segment(&self) -> u32 {
        nix::sys::socket::getsockopt(self.stream.get_ref(), sockopt::TcpMaxSeg)
            .expect("it is a connection")
    }
}

/// Makes so many connections one after the other, and counts who answered.
pub(crate) fn count_tcp(namespace: &Path, to: SocketAddr, times: usize) -> BTreeMap<String, usize> {
    inside(namespace, || {
        let mut counts = BTreeMap::new();
        for _ in 0..times {
            let connection = open(to, LIMIT).expect("every connection is answered");
            *counts.entry(connection.answer.name).or_default() += 1;
        }
        counts
    })
}

/// Sends a datagram from a fresh port and hears who answers.
pub(crate) fn ask_udp(namespace: &Path, to: SocketAddr, limit: Duration) -> io::Result<Answer> {
    inside(namespace, || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_read_timeout(Some(limit))?;
        socket.connect(to)?;
        socket.send(b"who")?;
        let mut buffer = [0; 256];
        let read = socket.recv(&mut buffer)?;
        let line = String::from_utf8_lossy(&buffer[..read]).into_owned();
        read_answer(&line).ok_or_else(|| io::Error::other("nobody said who it is"))
    })
}

/// Whether an echo with this identifier is answered.
pub(crate) fn ping(namespace: &Path, to: Ipv4Addr, id: u16, limit: Duration) -> bool {
    inside(namespace, || {
        let raw = socket(
            AddressFamily::Inet,
            SockType::Raw,
            SockFlag::empty(),
            SockProtocol::Icmp,
        )
        .expect("root may");
        let millis = i64::try_from(limit.as_millis()).expect("it is short");
        setsockopt(
            &raw,
            sockopt::ReceiveTimeout,
            &TimeVal::milliseconds(millis),
        )
        .expect("it is a socket");
        let [high, low] = id.to_be_bytes();
        let mut echo = [8, 0, 0, 0, high, low, 0, 1];
        let sum: u32 = echo
            .chunks(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
            .sum();
        let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).expect("it was folded");
        echo[2..4].copy_from_slice(&sum.to_be_bytes());
        let to = SockaddrIn::from(std::net::SocketAddrV4::new(to, 0));
        if sendto(raw.as_raw_fd(), &echo, &to, MsgFlags::empty()).is_err() {
            return false;
        }
        let end = Instant::now() + limit;
        let mut buffer = [0; 256];
        while Instant::now() < end {
            let Ok(read) = recv(raw.as_raw_fd(), &mut buffer, MsgFlags::empty()) else {
                return false;
            };
            // The IPv4 header comes first; zero is an echo's answer.
            let packet = &buffer[..read];
            if packet.len() >= 28 && packet[20] == 0 && packet[24..26] == [high, low] {
                return true;
            }
        }
        false
    })
}

/// How many echoes the kernel of this namespace has received.
pub(crate) fn echoes(namespace: &Path) -> u64 {
    let text = inside(namespace, || {
        std::fs::read_to_string("/proc/thread-self/net/snmp").expect("the kernel counts")
    });
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Icmp: "));
    let (names, values) = (
        lines.next().expect("names come first"),
        lines.next().expect("values follow"),
    );
    let place = names.split(' ').position(|name| name == "InEchos");
    let value = place.and_then(|place| values.split(' ').nth(place));
    value
        .and_then(|value| value.parse().ok())
        .expect("it is there")
}

/// An HTTP server that answers everything with a status that can be changed; with 0 it says nothing.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: Arc<AtomicU16>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves HTTP on one port.
pub(crate) fn serve_http(namespace: &Path, port: u16, status: u16) -> Page {
    let listener = inside(namespace, || {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).expect("the port is free");
        listener.set_nonblocking(true).expect("it is a socket");
        listener
    });
    let status = Arc::new(AtomicU16::new(status));
    let stop = Arc::new(AtomicBool::new(false));
    let thread = std::thread::spawn({
        let (status, stop) = (Arc::clone(&status), Arc::clone(&stop));
        move || {
            let mut silent = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let Ok((mut stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                };
                let status = status.load(Ordering::SeqCst);
                if status == 0 {
                    silent.push(stream);
                    continue;
                }
                let _ = stream.set_nonblocking(false);
                let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    Page {
        status,
        stop,
        thread: Some(thread),
    }
}
