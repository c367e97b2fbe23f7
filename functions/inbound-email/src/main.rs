//! The Lambda function that takes SES's mail. Builds and starts, nothing else.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use postel_aws::Clients;
use postel_aws::sqs::Batch;
use postel_inbound_email::{Config, Inbound, SystemClock, SystemIds, time_left};

#[tokio::main]
async fn main() -> Result<(), Error> {
    // Never below INFO: what others write there holds whole events and items, so addresses and texts.
    tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::INFO)
        .init();
    let config = Config::read(|name| std::env::var(name).ok())?;
    let clients = Clients::from_env().await;
    let dns = postel_auth::dns::Dns::system()?;
    let inbound = Inbound::wired(
        &clients,
        &config,
        dns,
        Arc::new(SystemClock),
        Arc::new(SystemIds),
    );
    let handle = |event: LambdaEvent<Batch>| {
        let limit = time_left(&SystemClock, event.context.deadline);
        let inbound = inbound.clone();
        async move { Ok::<_, Error>(inbound.handle(event.payload, limit).await) }
    };
    lambda_runtime::run(service_fn(handle)).await
}
