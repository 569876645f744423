//! The contract of every store, kept by the one in an etcd.

use async_trait::async_trait;
use northbound::store::EtcdSettings;

use crate::bed::{Bed, Opened};
use crate::given::Etcd;
use crate::node::Node;
use crate::suite;

/// A cluster of its own in an etcd that others use too.
struct EtcdBed {
    settings: EtcdSettings,
    directory: tempfile::TempDir,
}

#[async_trait]
impl Bed for EtcdBed {
    async fn open(&self) -> Opened {
        let node = Node::open(&self.settings, self.directory.path()).await;
        node.opened().await
    }
}

/// Gives each check a cluster of its own, in one etcd: three processes a check would be most of the work.
macro_rules! conforms {
    ($($check:ident)*) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn an_etcd_keeps_the_contract_of_every_store() {
            let Some(etcd) = Etcd::start().await else { return };
            let mut number = 0;
            $(
                number += 1;
                println!("{}", stringify!($check));
                let bed = EtcdBed {
                    settings: etcd.settings_from(&format!("check{number}"), number % 3),
                    directory: tempfile::tempdir().unwrap(),
                };
                suite::$check(&bed).await;
            )*
        }
    };
}
every_check!(conforms);
