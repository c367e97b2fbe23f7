//! The AWS stand-in (moto) for tests: started on loopback, ended with the test's process.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb as dynamo;
use aws_sdk_s3 as s3;
use postel_core::ports::{Clock, Ids};

use crate::Clients;
use crate::dynamo::{DynamoStore, create_table};

/// How long moto may take to listen.
const START: Duration = Duration::from_secs(60);

/// Starts moto so that it answers one request after the other: its transactions are not proof against
/// threads, DynamoDB's are. The shell waits for the end of its input, so that no server outlives a test that was killed.
const LAUNCH: &str = r#"
server=$(command -v moto_server) || exit 127
python=$(dirname "$server")/python3
[ -x "$python" ] || python=python3
"$python" -c '
from werkzeug import serving
run = serving.run_simple
serving.run_simple = lambda *a, **k: run(*a, **{**k, "threaded": False})
from moto.server import main
main()' -H 127.0.0.1 -p "$1" >/dev/null 2>&1 &
server=$!
cat >/dev/null
kill $server
"#;

/// A moto server. It ends when this is dropped, and when the process ends, however that happens.
pub struct Moto {
    endpoint: String,
    /// Its standard input: the server ends when that closes.
    _child: Child,
}

impl Moto {
    /// Starts `moto_server` from the search path on a free port of 127.0.0.1. `None` where there is none.
    ///
    /// # Errors
    /// Where it does not come to listen.
    pub fn start() -> io::Result<Option<Self>> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let mut child = Command::new("sh")
            .args(["-c", LAUNCH, "moto", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let begun = Instant::now();
        while begun.elapsed() < START {
            if child
                .try_wait()?
                .is_some_and(|status| status.code() == Some(127))
            {
                return Ok(None);
            }
            if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                stream.set_read_timeout(Some(Duration::from_millis(1)))?;
                // Nothing is asked, so nothing is to be read: it only listens.
                let silent = stream.read(&mut [0]).is_err();
                if silent {
                    return Ok(Some(Self {
                        endpoint: format!("http://127.0.0.1:{port}"),
                        _child: child,
                    }));
                }
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "moto_server does not listen",
        ))
    }

    /// Where it listens, for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Clients that talk to it, with credentials that mean nothing.
    #[must_use]
    pub fn clients(&self) -> Clients {
        let dynamo = dynamo::config::Builder::new()
            .behavior_version(dynamo::config::BehaviorVersion::latest())
            .region(dynamo::config::Region::new("eu-west-1"))
            .credentials_provider(dynamo::config::Credentials::new(
                "test", "test", None, None, "test",
            ))
            .endpoint_url(&self.endpoint)
            .build();
        let s3 = s3::config::Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(s3::config::Region::new("eu-west-1"))
            .credentials_provider(s3::config::Credentials::new(
                "test", "test", None, None, "test",
            ))
            .endpoint_url(&self.endpoint)
            .force_path_style(true)
            .build();
        Clients {
            dynamo: dynamo::Client::from_conf(dynamo),
            s3: s3::Client::from_conf(s3),
        }
    }
}

#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "for tests: a stand-in that refuses ends the test"
)]
impl Clients {
    /// Makes a table of this name, and the store in it.
    pub async fn new_store(
        &self,
        table: &str,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> DynamoStore {
        create_table(&self.dynamo, table).await.expect("a table");
        DynamoStore::new(self, table, clock, ids)
    }

    /// Makes a bucket of this name.
    pub async fn new_bucket(&self, name: &str) {
        let place = s3::types::CreateBucketConfiguration::builder()
            .location_constraint(s3::types::BucketLocationConstraint::EuWest1)
            .build();
        let made = self
            .s3
            .create_bucket()
            .bucket(name)
            .create_bucket_configuration(place)
            .send()
            .await;
        made.expect("a bucket");
    }

    /// Puts an object, as SES does.
    pub async fn put_object(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let put = self
            .s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(bytes.to_vec().into());
        put.send().await.expect("an object");
    }
}
