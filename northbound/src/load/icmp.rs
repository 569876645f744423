//! One ICMP echo request and its reply. Each has an identifier of its own, so that to a load balancer each is a new flow, as long as
//! fewer than 65 536 are sent within the time that it remembers a flow.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::socket::sockopt::RcvBufForce;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, setsockopt, socket};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;

use super::failure::Failure;

const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;
const HEADER: usize = 8;
/// As `ping` sends.
const PAYLOAD: usize = 56;
/// The longest that an IPv4 header can be, and what we send, and some more.
const RECEIVE: usize = 60 + HEADER + PAYLOAD + 64;

/// Some 10 000 replies, in bytes of the kernel's own reckoning.
const RECEIVE_QUEUE: usize = 8 << 20;

/// Identifier and sequence number, as they are on the wire.
type Key = [u8; 4];

/// Sends echo requests and gives each its reply. Needs the right to open raw sockets.
#[derive(Debug)]
pub(super) struct IcmpSender {
    socket: Arc<UdpSocket>,
    waiting: Arc<Mutex<HashMap<Key, oneshot::Sender<()>>>>,
    /// Shared by all threads, so that no two requests of a process have the same identifier at the same time.
    number: Arc<AtomicU32>,
    receiver: tokio::task::JoinHandle<()>,
}

impl IcmpSender {
    pub(super) fn new(target: Ipv4Addr, number: Arc<AtomicU32>) -> io::Result<Self> {
        let raw = socket(
            AddressFamily::Inet,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::Icmp,
        )
        .map_err(|error| {
            io::Error::other(format!(
                "ICMP needs a raw socket: {error}\nhint: run as root, or with CAP_NET_RAW"
            ))
        })?;
        // All replies of a thread come in here: room for some while it does something else. Less where we may not.
        let _ = setsockopt(&raw, RcvBufForce, &RECEIVE_QUEUE);
        // A raw socket is a socket of datagrams; in this type the standard library and the runtime know how to use it.
        let socket = std::net::UdpSocket::from(raw);
        // The kernel then hands us only what comes from there.
        socket.connect((target, 0))?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let waiting = Arc::default();
        let receiver = tokio::spawn(receive(Arc::clone(&socket), Arc::clone(&waiting)));
        Ok(Self {
            socket,
            waiting,
            number,
            receiver,
        })
    }

    pub(super) async fn send(&self) -> Result<(), Failure> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let [seq_high, seq_low, id_high, id_low] = number.to_be_bytes();
        let key = [id_high, id_low, seq_high, seq_low];
        let (answered, answer) = oneshot::channel();
        self.waiting().insert(key, answered);
        let _forget = Forget { sender: self, key };

        let packet = echo_request(key);
        self.socket
            .send(&packet)
            .await
            .map_err(|error| Failure::of_io(&error))?;
        answer.await.map_err(|_| Failure::Unreachable)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<Key, oneshot::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for IcmpSender {
    fn drop(&mut self) {
        self.receiver.abort();
    }
}

/// A request that is given up leaves no entry behind.
struct Forget<'a> {
    sender: &'a IcmpSender,
    key: Key,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.sender.waiting().remove(&self.key);
    }
}

async fn receive(socket: Arc<UdpSocket>, waiting: Arc<Mutex<HashMap<Key, oneshot::Sender<()>>>>) {
    let mut buffer = [0; RECEIVE];
    loop {
        match socket.recv(&mut buffer).await {
            Ok(length) => {
                let Some(key) = echo_reply(&buffer[..length]) else {
                    continue;
                };
                let waiter = waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&key);
                // A reply that nobody waits for any more came too late.
                if let Some(waiter) = waiter {
                    let _ = waiter.send(());
                }
            }
            // What an error says of one packet is of no use to the others; give way, so that none of them spins.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

fn echo_request(key: Key) -> [u8; HEADER + PAYLOAD] {
    let mut packet = [0; HEADER + PAYLOAD];
    packet[0] = ECHO_REQUEST;
    packet[4..HEADER].copy_from_slice(&key);
    let sum = checksum(&packet);
    packet[2..4].copy_from_slice(&sum);
    packet
}

/// Whose reply it is; `None` where it is no echo reply. Raw sockets receive the IP header too.
fn echo_reply(packet: &[u8]) -> Option<Key> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let icmp = packet.get(header..)?;
    let key = icmp.get(4..HEADER)?.try_into().ok()?;
    (icmp[0] == ECHO_REPLY).then_some(key)
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let mut sum: u32 = bytes
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_with_its_checksum_sums_to_nothing() {
        let packet = echo_request([0x12, 0x34, 0, 1]);

        assert_eq!(checksum(&packet), [0, 0]);
    }

    #[test]
    fn only_echo_replies_are_read() {
        let mut packet = vec![0x46];
        packet.resize(24, 0);
        packet.extend([ECHO_REPLY, 0, 0, 0, 1, 2, 3, 4, 9, 9]);
        assert_eq!(echo_reply(&packet), Some([1, 2, 3, 4]));

        packet[24] = ECHO_REQUEST;
        assert_eq!(echo_reply(&packet), None);
        assert_eq!(echo_reply(&packet[..26]), None);
        assert_eq!(echo_reply(&[]), None);
    }
}
