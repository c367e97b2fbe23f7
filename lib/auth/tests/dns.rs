//! The resolver against a real server on loopback: TTLs, absence, aliases, long answers, silence.
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/serve.rs"]
mod serve;

use std::time::{Duration, Instant};

use postel_auth::dns::{Dns, Mx, Unanswered};
use postel_auth::testing::{Data, Zone};
use tokio::net::UdpSocket;

use serve::serve;

fn a(last: u8) -> Data {
    Data::A([192, 0, 2, last].into())
}

#[tokio::test]
async fn every_type_comes_back_as_it_was_put_in() {
    let zone = Zone::new()
        .with("a.example", 60, a(1))
        .with("a.example", 60, a(2))
        .with("a.example", 60, Data::Aaaa("2001:db8::1".parse().unwrap()))
        .with("a.example", 60, Data::Mx(10, "MX.a.example.".into()))
        .with("a.example", 60, Data::Mx(0, String::new()))
        .with(
            "a.example",
            60,
            Data::Txt(vec![b"one ".to_vec(), b"\xffrecord".to_vec()]),
        )
        .with("a.example", 60, Data::Txt(vec![]))
        .with("1.2.0.192.in-addr.arpa", 60, Data::Ptr("A.example".into()))
        .with("odd name:x/y.example", 60, a(3));
    let (_server, dns) = serve(zone).await;
    assert_eq!(
        dns.a("A.Example.").await.unwrap(),
        ["192.0.2.1", "192.0.2.2"].map(|s| s.parse::<std::net::Ipv4Addr>().unwrap())
    );
    assert_eq!(dns.aaaa("a.example").await.unwrap().len(), 1);
    let mx = |preference, exchange: &str| Mx {
        preference,
        exchange: exchange.into(),
    };
    assert_eq!(
        dns.mx("a.example").await.unwrap(),
        [mx(10, "mx.a.example"), mx(0, "")]
    );
    assert_eq!(dns.txt("a.example").await.unwrap(), [b"one \xffrecord"]);
    assert_eq!(
        dns.ptr("192.0.2.1".parse().unwrap()).await.unwrap(),
        ["a.example"]
    );
    assert_eq!(dns.a("odd name:x/y.example").await.unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_told_apart_from_no_answer() {
    let zone = Zone::new()
        .with("a.example", 60, a(1))
        .with("broken.example", 60, Data::Failure)
        .with("broken.example", 60, a(1));
    let (_server, dns) = serve(zone).await;
    assert_eq!(dns.txt("a.example").await, Ok(vec![]), "NODATA");
    assert_eq!(dns.txt("b.example").await, Ok(vec![]), "NXDOMAIN");
    assert_eq!(dns.txt("broken.example").await, Err(Unanswered), "SERVFAIL");
    assert_eq!(dns.a("broken.example").await.unwrap().len(), 1);
    let long = "x".repeat(64) + ".example";
    for impossible in ["", ".", "a..example", ".example", long.as_str()] {
        assert_eq!(dns.txt(impossible).await, Ok(vec![]), "{impossible}");
    }
}

#[tokio::test]
async fn answers_are_kept_for_their_ttl_and_no_longer() {
    let zone = Zone::new()
        .negative_ttl(3)
        .with("short.example", 3, a(1))
        .with("long.example", 60, a(1))
        .with("zero.example", 0, a(1));
    let (server, dns) = serve(zone).await;
    let ask = async |name: &str| dns.a(name).await.unwrap().len();
    for _ in 0..3 {
        assert_eq!(ask("short.example").await, 1);
        assert_eq!(ask("long.example").await, 1);
        assert_eq!(ask("absent.example").await, 0);
        assert_eq!(ask("zero.example").await, 1);
    }
    assert_eq!(server.asked("short.example"), 1);
    assert_eq!(
        server.asked("absent.example"),
        1,
        "RFC 2308: absence is kept too"
    );
    assert_eq!(server.asked("zero.example"), 3);
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    for _ in 0..2 {
        assert_eq!(ask("short.example").await, 1);
        assert_eq!(ask("long.example").await, 1);
        assert_eq!(ask("absent.example").await, 0);
    }
    assert_eq!(server.asked("short.example"), 2);
    assert_eq!(server.asked("long.example"), 1);
    assert_eq!(server.asked("absent.example"), 2);
}

#[tokio::test]
async fn failures_are_asked_again() {
    let (server, dns) = serve(Zone::new().with("broken.example", 60, Data::Failure)).await;
    assert_eq!(dns.a("broken.example").await, Err(Unanswered));
    let once = server.asked("broken.example");
    assert_eq!(dns.a("broken.example").await, Err(Unanswered));
    assert!(server.asked("broken.example") > once);
}

#[tokio::test]
async fn aliases_are_followed_and_the_shortest_ttl_counts() {
    let zone = Zone::new()
        .with("www.example", 0, Data::Cname("host.example".into()))
        .with("host.example", 60, a(1))
        .with("loop.example", 60, Data::Cname("loop.example".into()))
        .with("dangling.example", 0, Data::Cname("gone.example".into()));
    let (server, dns) = serve(zone).await;
    for _ in 0..2 {
        assert_eq!(dns.a("www.example").await.unwrap().len(), 1);
        assert_eq!(dns.a("dangling.example").await.unwrap().len(), 0);
    }
    assert_eq!(
        server.asked("www.example"),
        2,
        "the alias itself may not be kept"
    );
    assert_eq!(server.asked("dangling.example"), 2);
    assert_eq!(dns.a("loop.example").await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_too_long_for_udp_comes_by_tcp() {
    let long = "v=spf1 ".to_owned() + &"ip4:192.0.2.1 ".repeat(300) + "-all";
    let (server, dns) = serve(Zone::new().txt("long.example", &long)).await;
    assert_eq!(dns.txt("long.example").await.unwrap(), [long.into_bytes()]);
    assert_eq!(server.asked("long.example"), 2);
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dns = Dns::server(silent.local_addr().unwrap()).unwrap();
    let start = Instant::now();
    assert_eq!(dns.a("a.example").await, Err(Unanswered));
    assert!(start.elapsed() < Duration::from_secs(8));
}

/// Answers with the question's id, so that the rubbish is read at all.
async fn answer_rubbish(socket: UdpSocket) {
    let mut buffer = [0; 1500];
    let mut round: u8 = 0;
    while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
        round = round.wrapping_add(1);
        let question = buffer.get(..length).unwrap_or_default();
        let reply = match round % 3 {
            0 => question.get(..2).unwrap_or_default().to_vec(),
            1 => [question.get(..2).unwrap_or_default(), &[0xff; 40]].concat(),
            _ => [question, &[0xc0; 300]].concat(),
        };
        drop(socket.send_to(&reply, client).await);
    }
}

#[tokio::test]
async fn rubbish_is_no_answer() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dns = Dns::server(socket.local_addr().unwrap()).unwrap();
    let server = tokio::spawn(answer_rubbish(socket));
    let dns = dns.within(Duration::from_secs(2));
    for name in ["a.example", "b.example", "c.example"] {
        assert_eq!(dns.txt(name).await, Err(Unanswered), "{name}");
    }
    server.abort();
}

#[tokio::test]
async fn a_dropped_server_is_gone_and_a_deadline_is_kept() {
    let (server, dns) = serve(
        Zone::new()
            .with("a.example", 0, a(1))
            .with("b.example", 60, a(1)),
    )
    .await;
    assert_eq!(dns.a("a.example").await.unwrap().len(), 1);
    assert_eq!(dns.a("b.example").await.unwrap().len(), 1);
    drop(server);
    let start = Instant::now();
    let dns = dns.within(Duration::from_millis(200));
    assert_eq!(dns.a("a.example").await, Err(Unanswered));
    assert!(start.elapsed() < Duration::from_secs(2));
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(dns.a("a.example").await, Err(Unanswered));
    assert_eq!(
        dns.a("b.example").await.unwrap().len(),
        1,
        "the cache knows"
    );
}
