//! DynamoDB (moto) against the suite for stores.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use postel_aws::testing::Moto;
use postel_core::ports::Store;
use postel_core::testing::{CountingIds, ManualClock};

/// One server for all cases; each has a table of its own.
fn moto() -> &'static Moto {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    MOTO.get_or_init(|| {
        let started = Moto::start().unwrap();
        started.expect(
            "moto_server is not on the PATH: run tests/tools/install.sh, then tests by `make test`",
        )
    })
}

async fn make() -> (Arc<dyn Store>, ()) {
    static TABLES: AtomicU32 = AtomicU32::new(0);
    let name = format!("postel-{}", TABLES.fetch_add(1, Ordering::Relaxed));
    let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
    let ids = Arc::new(CountingIds::new());
    let store = moto().clients().new_store(&name, clock, ids).await;
    (Arc::new(store), ())
}

postel_core::store_conformance!(make);
