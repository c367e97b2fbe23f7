//! The AWS clients, made once for each process and shared.

use aws_sdk_dynamodb::Client as Dynamo;
use aws_sdk_s3::Client as S3;

/// Clients for all services that the AWS home uses. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Clients {
    pub(crate) dynamo: Dynamo,
    pub(crate) s3: S3,
}

impl Clients {
    /// Region, credentials and endpoints as Lambda (or the machine) sets them in the environment.
    ///
    /// An endpoint of one's own (`AWS_ENDPOINT_URL`) is a stand-in, which has no host name for each bucket.
    pub async fn from_env() -> Self {
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .load()
            .await;
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(config.endpoint_url().is_some())
            .build();
        Self {
            dynamo: Dynamo::new(&config),
            s3: S3::from_conf(s3),
        }
    }
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clients")
    }
}
