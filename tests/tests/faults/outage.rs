//! A provider that is down, or holds the account, for an hour.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use postel_core::ledger::Row;

use crate::house::{House, clock, twilio_at};
use crate::vendor::{Answer, Door, Said, Vendor};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

async fn waiting(house: &House, rows: u32, valid: SignedDuration) -> Vec<Row> {
    let mut all = Vec::new();
    for n in 0..rows {
        all.push(house.row(n, valid).await);
    }
    all
}

async fn states(house: &House, rows: &[Row]) -> BTreeMap<&'static str, usize> {
    let mut states = BTreeMap::new();
    for row in rows {
        *states
            .entry(house.now(row).await.state.as_str())
            .or_default() += 1;
    }
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_hour_without_the_provider_every_text_goes_out_once() {
    let clock = clock();
    let vendor = Vendor::start(clock.clone());
    vendor.door(Door::Refuses);
    let house = House::with(clock.clone(), vec![twilio_at(&vendor, &clock)]).await;
    let rows = waiting(&house, 1_000, SignedDuration::from_hours(24)).await;
    for _ in 0..60 {
        house.later(MINUTE).await;
    }
    assert_eq!(states(&house, &rows).await, [("waiting", 1_000)].into());
    for row in &rows {
        let attempts = house.now(row).await.attempts;
        assert!(
            (5..=15).contains(&attempts),
            "the back-off holds: {attempts}"
        );
    }
    vendor.door(Door::Open);
    // The longest wait between two attempts.
    for _ in 0..15 {
        house.later(MINUTE).await;
    }
    assert_eq!(states(&house, &rows).await, [("sent", 1_000)].into());
    let mut texts: BTreeMap<String, u32> = BTreeMap::new();
    for text in vendor.texts() {
        *texts.entry(text.body).or_default() += 1;
    }
    assert_eq!((texts.len(), texts.values().max()), (1_000, Some(&1)));
    assert_eq!(vendor.sends(), 1_000);
    assert_eq!((house.reserved().await, house.told().await), (1_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_are_valid_for_less_than_the_outage_expire_and_are_told() {
    let clock = clock();
    let vendor = Vendor::start(clock.clone());
    vendor.door(Door::Refuses);
    let house = House::with(clock.clone(), vec![twilio_at(&vendor, &clock)]).await;
    let rows = waiting(&house, 100, SignedDuration::from_mins(30)).await;
    for _ in 0..29 {
        house.later(MINUTE).await;
    }
    assert_eq!(states(&house, &rows).await, [("waiting", 100)].into());
    house.later(MINUTE).await;
    assert_eq!(
        states(&house, &rows).await,
        [("expired", 100)].into(),
        "to the minute"
    );
    vendor.door(Door::Open);
    for _ in 0..60 {
        house.later(MINUTE).await;
    }
    assert_eq!((vendor.sends(), vendor.texts().len()), (0, 0));
    assert_eq!((house.reserved().await, house.told().await), (0, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_on_hold_is_probed_once_a_minute_and_all_goes_out_when_it_is_mended() {
    let clock = clock();
    let vendor = Vendor::start(clock.clone());
    vendor.decides(|_| Answer::new(false, Said::Error(401, 20_003, None)));
    let house = House::with(clock.clone(), vec![twilio_at(&vendor, &clock)]).await;
    let rows = waiting(&house, 500, SignedDuration::from_hours(24)).await;
    for _ in 0..60 {
        house.later(MINUTE).await;
    }
    assert_eq!(states(&house, &rows).await, [("waiting", 500)].into());
    // Those in flight when the first was answered, then one a minute.
    assert!(
        (12..=16 + 61).contains(&vendor.sends()),
        "{} probes",
        vendor.sends()
    );
    let asked = vendor.sends();
    vendor.says([]);
    for _ in 0..7 {
        house.later(MINUTE).await;
    }
    assert_eq!(states(&house, &rows).await, [("sent", 500)].into());
    assert_eq!((vendor.sends() - asked, vendor.texts().len()), (500, 500));
    assert_eq!((house.reserved().await, house.told().await), (500, 0));
}
