//! A way to a member of etcd that can be cut: what is sent over it then goes nowhere, and nobody is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const LOOK: Duration = Duration::from_millis(20);

/// The way.
pub(crate) struct Proxy {
    port: u16,
    is_cut: Arc<AtomicBool>,
    listening: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// A way to the member at this address, `127.0.0.1:2379`.
    pub(crate) async fn to(member: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut = Arc::clone(&is_cut);
        let listening = tokio::spawn(async move {
            loop {
                let Ok((near, _)) = listener.accept().await else {
                    continue;
                };
                let (member, cut) = (member.clone(), Arc::clone(&cut));
                tokio::spawn(async move {
                    let _ = near.set_nodelay(true);
                    open(&cut).await;
                    if let Ok(far) = TcpStream::connect(member).await {
                        let _ = far.set_nodelay(true);
                        carry(near, far, cut).await;
                    }
                });
            }
        });
        Self {
            port,
            is_cut,
            listening,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::Release);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn open(cut: &AtomicBool) {
    while cut.load(Ordering::Acquire) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Both directions, until either end is closed.
async fn carry(near: TcpStream, far: TcpStream, cut: Arc<AtomicBool>) {
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let back = Arc::clone(&cut);
    tokio::select! {
        () = async {
            let mut bytes = vec![0; 16 << 10];
            while let Ok(length @ 1..) = near_in.read(&mut bytes).await {
                open(&cut).await;
                if far_out.write_all(&bytes[..length]).await.is_err() { break; }
            }
        } => {}
        () = async {
            let mut bytes = vec![0; 16 << 10];
            while let Ok(length @ 1..) = far_in.read(&mut bytes).await {
                open(&back).await;
                if near_out.write_all(&bytes[..length]).await.is_err() { break; }
            }
        } => {}
    }
}
