//! The few calls that instances need, each as narrow as it gets. One attempt a call, within a bound.

use std::fmt;

use aws_config::profile::ProfileFileCredentialsProvider;

use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesInputBuilder;
use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, Instance, Tag};
use controller::id::ProviderId;
use controller::ports::CloudErrorKind;
use tokio::sync::OnceCell;

use crate::error::Trouble;
use crate::settings::{Credentials, Settings};
use crate::wire::WholeAnswers;

/// More pages than this and something repeats itself.
const PAGES_LIMIT: usize = 10_000;

/// EC2, as one account sees one region of it.
pub(crate) struct Api {
    settings: Settings,
    client: OnceCell<Client>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl Api {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            client: OnceCell::new(),
        }
    }

    /// Made when it is first needed: to find out who we are can take a call of its own.
    pub(crate) async fn client(&self) -> &Client {
        self.client
            .get_or_init(|| async { connect(&self.settings).await })
            .await
    }

    /// Launches; the answer names the instance.
    pub(crate) async fn run(&self, input: RunInstancesInputBuilder) -> Result<Instance, Trouble> {
        // The request has some eighty fields: too large for a future on the stack.
        let answer = Box::pin(input.send_with(self.client().await)).await;
        let mut instances = answer.map_err(Trouble::of)?.instances.unwrap_or_default();
        instances.pop().ok_or_else(|| {
            let detail = "EC2 has accepted the launch and named no instance";
            Trouble::new(CloudErrorKind::Unreachable, detail)
        })
    }

    /// Whether a launch would be allowed and make sense.
    pub(crate) async fn try_run(&self, input: RunInstancesInputBuilder) -> Result<(), Trouble> {
        match self.run(input.dry_run(true)).await {
            Err(trouble) if trouble.is("DryRunOperation") => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Every instance that all of these fit, from all pages.
    pub(crate) async fn describe(&self, filters: Vec<Filter>) -> Result<Vec<Instance>, Trouble> {
        let client = self.client().await;
        let (mut all, mut next) = (Vec::new(), None);
        for _ in 0..PAGES_LIMIT {
            let page = client
                .describe_instances()
                .set_filters(Some(filters.clone()))
                .max_results(self.settings.bounds.page)
                .set_next_token(next);
            let page = page.send().await.map_err(Trouble::of)?;
            let reservations = page.reservations.unwrap_or_default().into_iter();
            all.extend(reservations.flat_map(|each| each.instances.unwrap_or_default()));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(all);
            }
        }
        let detail = format!("a listing of more than {PAGES_LIMIT} pages");
        Err(Trouble::new(CloudErrorKind::Unreachable, detail))
    }

    pub(crate) async fn terminate(&self, id: &ProviderId) -> Result<(), Trouble> {
        let call = self
            .client()
            .await
            .terminate_instances()
            .instance_ids(&id.0);
        call.send().await.map(drop).map_err(Trouble::of)
    }

    /// Lifts the protection against removal.
    pub(crate) async fn unprotect(&self, id: &ProviderId) -> Result<(), Trouble> {
        let off = AttributeBooleanValue::builder().value(false).build();
        let call = self.client().await.modify_instance_attribute();
        let call = call.instance_id(&id.0).disable_api_termination(off);
        call.send().await.map(drop).map_err(Trouble::of)
    }

    pub(crate) async fn stop(&self, id: &ProviderId, hibernates: bool) -> Result<(), Trouble> {
        let call = self.client().await.stop_instances().instance_ids(&id.0);
        let call = call.set_hibernate(hibernates.then_some(true));
        call.send().await.map(drop).map_err(Trouble::of)
    }

    pub(crate) async fn start(&self, id: &ProviderId) -> Result<(), Trouble> {
        let call = self.client().await.start_instances().instance_ids(&id.0);
        call.send().await.map(drop).map_err(Trouble::of)
    }

    pub(crate) async fn tag(&self, id: &str, tag: Tag) -> Result<(), Trouble> {
        let call = self.client().await.create_tags().resources(id).tags(tag);
        call.send().await.map(drop).map_err(Trouble::of)
    }

    pub(crate) async fn untag(&self, id: &str, key: &str) -> Result<(), Trouble> {
        let tag = Tag::builder().key(key).build();
        let call = self.client().await.delete_tags().resources(id).tags(tag);
        call.send().await.map(drop).map_err(Trouble::of)
    }
}

async fn connect(settings: &Settings) -> Client {
    let bounds = TimeoutConfig::builder()
        .connect_timeout(settings.bounds.call)
        .operation_timeout(settings.bounds.call)
        .build();
    let region = Region::new(settings.region.clone());
    // The port's contract: an adapter does not retry.
    let mut config = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(bounds);
    if let Credentials::Profile { file, name } = &settings.credentials {
        let mut files = EnvConfigFiles::builder();
        files = match file {
            Some(file) => files.with_file(EnvConfigFileKind::Credentials, file),
            None => files.include_default_credentials_file(true),
        };
        let files = files.build();
        let provider = ProfileFileCredentialsProvider::builder()
            .configure(&ProviderConfig::default().with_region(Some(region)))
            .profile_files(files.clone())
            .profile_name(name)
            .build();
        config = config
            .profile_files(files)
            .profile_name(name)
            .credentials_provider(provider);
    }
    let config = config.load().await;
    let mut config = aws_sdk_ec2::config::Builder::from(&config).interceptor(WholeAnswers);
    config.set_endpoint_url(settings.endpoint.clone());
    Client::from_conf(config.build())
}
