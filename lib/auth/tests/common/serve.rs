//! A resolver on a zone.

use postel_auth::dns::Dns;
use postel_auth::testing::{Zone, ZoneServer};

/// A server for the zone, and a resolver that asks it.
pub(crate) async fn serve(zone: Zone) -> (ZoneServer, Dns) {
    let server = ZoneServer::start(zone).await.unwrap();
    let dns = Dns::server(server.address()).unwrap();
    (server, dns)
}
