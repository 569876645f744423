//! Connections and datagrams: a thread for each connection, so many at most; who comes later waits in the kernel's queue.

use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::app::{After, App};
use crate::http::{self, Unread};

/// A client that sends or reads nothing for this long is gone. Long, for a connection closed by us just as a request comes
/// in on it is a request lost.
const SILENCE_LIMIT: Duration = Duration::from_mins(1);
/// Enough for a request, and two hundred of them are nothing.
const STACK: usize = 256 << 10;
/// Largest datagram that there is.
const DATAGRAM_LIMIT: usize = 65_536;
/// A connection is kept only while no more than this part of the places is taken.
const KEPT_OF: (usize, usize) = (3, 4);
/// Should the kernel refuse connections or threads for a moment.
const PAUSE: Duration = Duration::from_millis(20);

/// So many places, to be taken and given back.
#[derive(Debug)]
struct Places {
    limit: usize,
    taken: Mutex<usize>,
    freed: Condvar,
}

impl Places {
    /// Waits for a place and takes it.
    fn take(self: &Arc<Self>) -> Taken {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |taken: &mut usize| *taken >= self.limit;
        let waited = self.freed.wait_while(taken, full);
        *waited.unwrap_or_else(PoisonError::into_inner) += 1;
        Taken(Arc::clone(self))
    }

    fn are_few_left(&self) -> bool {
        let taken = *self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken * KEPT_OF.1 > self.limit * KEPT_OF.0
    }
}

/// A place, given back when it is dropped.
struct Taken(Arc<Places>);

impl Drop for Taken {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}

/// Answers connections, without end.
pub(crate) fn tcp(
    listener: &TcpListener,
    app: &Arc<App>,
    connections: usize,
) -> Result<(), String> {
    let places = Arc::new(Places {
        limit: connections,
        taken: Mutex::new(0),
        freed: Condvar::new(),
    });
    loop {
        let place = places.take();
        let Ok((stream, client)) = listener.accept() else {
            std::thread::sleep(PAUSE);
            continue;
        };
        let app = Arc::clone(app);
        let spawned = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || connection(stream, client, &app, &place));
        if spawned.is_err() {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Answers one connection until either side has had enough.
fn connection(mut stream: TcpStream, client: SocketAddr, app: &App, place: &Taken) {
    let prepared = stream
        .set_nodelay(true)
        .and_then(|()| stream.set_read_timeout(Some(SILENCE_LIMIT)))
        .and_then(|()| stream.set_write_timeout(Some(SILENCE_LIMIT)))
        .and_then(|()| stream.try_clone());
    let Ok(input) = prepared else {
        return;
    };
    let mut reader = BufReader::new(input);
    loop {
        let request = match http::read(&mut reader, &mut stream) {
            Ok(request) => request,
            Err(Unread::Gone) => return,
            Err(Unread::Refused(response)) => {
                // It goes anyway.
                let _ = http::write(&mut stream, &response, false, false);
                return;
            }
        };
        let (response, after) = app.answer(&request, client);
        let is_kept = request.is_kept && after == After::Stay && !place.0.are_few_left();
        let is_head = request.method == "HEAD";
        let written = http::write(&mut stream, &response, is_head, is_kept);
        if after == After::Exit {
            std::process::exit(1);
        }
        if written.is_err() || !is_kept {
            return;
        }
    }
}

/// Sends every datagram back, without end.
pub(crate) fn udp(socket: &UdpSocket, app: &App) {
    let mut buffer = vec![0; DATAGRAM_LIMIT];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer) else {
            // An earlier answer could not be delivered.
            continue;
        };
        let identity;
        let answer = match &buffer[..length] {
            b"whoami" => {
                identity = app.whoami(client);
                identity.as_bytes()
            }
            datagram => datagram,
        };
        // Datagrams get lost; that is what they do.
        let _ = socket.send_to(answer, client);
    }
}
