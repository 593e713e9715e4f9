//! Loads from a laptop's to a million readings a second.

mod own_settings;

use proptest::prelude::*;

use super::*;
use crate::pipeline::ReadingSizes;

fn load(sensors: u64, rate: Fixed, bytes: u64) -> Load {
    let sizes = ReadingSizes::of_one(bytes, 12);
    Load { sensors, rate, peak: rate, headroom_percent: 25, sizes, retention_days: Some(90) }
}

fn sized(load: &Load) -> Sizing {
    sized_by(load, AggregationChoice::Auto).unwrap()
}

fn sized_by(load: &Load, aggregation: AggregationChoice) -> Result<Sizing, Error> {
    let options = SizingOptions { aggregation, free_tier: false, region: None };
    size(load, &Pipeline::by_default().unwrap(), &options)
}

fn needed<'a>(sizing: &'a Sizing, key: &str) -> Option<&'a str> {
    sizing.settings.iter().find(|setting| setting.key == key).unwrap().needed.as_deref()
}

fn shards(sizing: &Sizing) -> u64 {
    needed(sizing, "stream.shards").map_or(0, |shards| shards.parse().unwrap())
}

fn usd(sizing: &Sizing, item: &str) -> String {
    sizing.costs.iter().find(|cost| cost.item == item).unwrap().usd.with_cents()
}

#[test]
fn load_of_a_laptop_costs_its_shard_and_little_more() {
    let sizing = sized(&load(10, Fixed::ratio(1, 6), 100));
    assert!(sizing.settings.iter().all(|setting| !setting.changes), "{:?}", sizing.settings);
    assert!(sizing.quotas.is_empty());
    assert_eq!(usd(&sizing, "Kinesis, shards"), "10.95");
    // 438,001 writes a month.
    assert_eq!(usd(&sizing, "DynamoDB, writes"), "0.27");
    assert_eq!(usd(&sizing, "CloudWatch, embedded metrics"), "3.90");
    assert!((Fixed::whole(15)..Fixed::whole(17)).contains(&sizing.total_usd), "{}", sizing.total_usd);
}

#[test]
fn load_of_a_million_readings_a_second_says_quotas_and_what_the_table_costs() {
    let sizing = sized(&load(100_000, Fixed::whole(1_000_000), 100));
    assert!((150..220).contains(&shards(&sizing)), "{}", shards(&sizing));
    let names: Vec<_> = sizing.quotas.iter().map(|quota| quota.name).collect();
    assert_eq!(names, ["DynamoDB, writes of a table", "DynamoDB, writes of a new table"]);
    assert_eq!(sizing.quotas[0].needed, 1_250_000);
    assert_eq!(sizing.put_processes, 3);
    assert_eq!(usd(&sizing, "DynamoDB, writes"), "1,642,500.00");
    let separate = sized_by(&load(100_000, Fixed::whole(1_000_000), 100), AggregationChoice::Never).unwrap();
    assert!(shards(&separate) > 1250 && !separate.aggregated);
}

#[test]
fn peak_far_above_the_average_is_cheaper_on_demand() {
    let mut bursts = load(10_000, Fixed::ONE, 100);
    bursts.peak = Fixed::whole(100_000);
    let sizing = sized(&bursts);
    assert_eq!(needed(&sizing, "stream.mode"), Some("\"on-demand\""));
    assert_eq!(needed(&sizing, "stream.shards"), None);
    assert_eq!(sizing.alternatives[0].choice, "a provisioned stream");
    assert!(sizing.alternatives[0].total_usd > sizing.total_usd);
    assert!(sizing.quotas.iter().any(|quota| quota.name == "Kinesis, bytes of a new on-demand stream"));
}

#[test]
fn settings_of_the_user_decide_what_is_not_sized() {
    let mut pipeline = Pipeline::by_default().unwrap();
    let load = load(1000, Fixed::whole(500), 100);
    let sized = |pipeline: &Pipeline, free_tier| {
        let options =
            SizingOptions { aggregation: AggregationChoice::Auto, free_tier, region: Some("eu-north-1".into()) };
        size(&load, pipeline, &options).unwrap()
    };
    let (plain, free) = (sized(&pipeline, false), sized(&pipeline, true));
    assert!(
        free.total_usd < plain.total_usd && free.costs.iter().any(|cost| cost.arithmetic.to_string().contains("free"))
    );
    let shards = plain.bottlenecks.iter().find(|bottleneck| bottleneck.name == "shards of the account").unwrap();
    assert_eq!(shards.limit, Fixed::whole(1000), "the region has another quota than us-east-1");

    pipeline.mapping.filters = vec!["{}".to_owned()];
    pipeline.mapping.batch_size = 1;
    pipeline.mapping.metrics = true;
    pipeline.function.reserved_concurrency = Some(0);
    pipeline.function.timeout_seconds = 1;
    pipeline.table.billing = Billing::Provisioned { read_units: 7, write_units: 1 };
    pipeline.table.point_in_time_recovery = true;
    pipeline.stream.retention_hours = 200;
    let sizing = sized(&pipeline, false);
    assert!(!sizing.aggregated, "a filter drops aggregates");
    assert_eq!(needed(&sizing, "mapping.batch_size"), Some("1000"), "batches of one do not keep up");
    assert_eq!(needed(&sizing, "function.reserved_concurrency"), Some("1"));
    assert_eq!(needed(&sizing, "table.billing"), Some("{ read_units = 7, write_units = 625 }"));
    for item in [
        "Kinesis, retention above 24 h",
        "Kinesis, retention above 7 days",
        "DynamoDB, point-in-time recovery",
        "DynamoDB, write units",
    ] {
        assert!(sizing.costs.iter().any(|cost| cost.item == item), "{item}");
    }
    assert_eq!(usd(&sizing, "CloudWatch, embedded metrics"), "5.70");
}

#[test]
fn load_that_nothing_carries_is_refused() {
    let refused = |load: &Load| sized_by(load, AggregationChoice::Auto).unwrap_err().to_string();
    assert!(refused(&load(1, Fixed::whole(900), 100)).contains("one sensor takes 1,125 write units a second"));
}

fn any_load() -> impl Strategy<Value = Load> {
    let rate = prop_oneof![1..10_000_000u64, 1..10_000_000_000u64, 1..2_000_000_000_000u64];
    let sizes = (51..3000u64, 1..100u64).prop_map(|(data, key)| ReadingSizes::of_one(data, key));
    (rate, 1..40u64, 0..100u64, sizes, 1..5000u64, 1..400u64).prop_map(|(rate, peak, headroom, sizes, spread, days)| {
        let (rate, peak) = (Fixed::millionths(rate), Fixed::millionths(rate * peak));
        // Enough sensors that the partition of each takes its readings.
        let sensors = peak.ceil().max(1) * 2 * sizes.write_units / 1000 + spread;
        Load { sensors, rate, peak, headroom_percent: headroom, sizes, retention_days: Some(days) }
    })
}

/// Returns the figures that must not fall when a load grows.
fn needs(sizing: &Sizing) -> Vec<(&'static str, Fixed)> {
    let figure = |name: &str| sizing.flow.iter().find(|figure| figure.name == name).unwrap().value;
    let mut needs = vec![
        ("total", sizing.total_usd),
        ("records", figure("records")),
        ("bytes", figure("bytes")),
        ("writes", figure("writes")),
        ("put processes", Fixed::whole(sizing.put_processes)),
    ];
    if needed(sizing, "stream.mode") == Some("\"provisioned\"") {
        needs.push(("shards", Fixed::whole(shards(sizing))));
    }
    needs
}

proptest! {
    #[test]
    fn every_limit_holds_and_every_sum_is_that_of_its_terms(load in any_load(), aggregated: bool) {
        let choice = if aggregated { AggregationChoice::Auto } else { AggregationChoice::Never };
        let sizing = sized_by(&load, choice).unwrap();
        for bottleneck in &sizing.bottlenecks {
            prop_assert!(bottleneck.percent <= Fixed::whole(100), "{bottleneck:?}");
            prop_assert_eq!(bottleneck.arithmetic.recomputed().tidy(), bottleneck.used);
        }
        let nearest = sizing.bottlenecks.iter().map(|bottleneck| bottleneck.percent).max().unwrap();
        prop_assert_eq!(sizing.bottlenecks[0].percent, nearest);
        let next = sizing.bottlenecks.iter().find(|bottleneck| Some(bottleneck.name) == sizing.next_bottleneck).unwrap();
        prop_assert!(next.reached_at.unwrap() >= load.peak, "{next:?}");
        let mut sum = Fixed::ZERO;
        for cost in &sizing.costs {
            prop_assert_eq!(cost.arithmetic.recomputed().cents(), cost.usd, "{:?}", cost);
            sum = sum.plus(cost.usd);
        }
        prop_assert_eq!(sum, sizing.total_usd);
        for figure in &sizing.flow {
            prop_assert_eq!(figure.arithmetic.recomputed().tidy(), figure.value);
        }
        prop_assert!(sizing.quotas.iter().all(|quota| quota.needed > quota.default));
    }

    #[test]
    fn load_that_grows_never_needs_less(load in any_load(), more in 100..300u64, headroom in 0..50u64, days in 0..100u64) {
        let grown = |load: &Load| Load {
            rate: load.rate.times(Fixed::ratio(more, 100)),
            peak: load.peak.times(Fixed::ratio(more, 100)),
            headroom_percent: load.headroom_percent + headroom,
            retention_days: load.retention_days.map(|kept| kept + days),
            sensors: load.sensors,
            sizes: load.sizes,
        };
        let with_more_sensors = Load { sensors: load.sensors * 6, ..load };
        let (less, more) = (sized(&with_more_sensors), sized(&grown(&with_more_sensors)));
        let is_same_mode = needed(&less, "stream.mode") == needed(&more, "stream.mode");
        for (less, more) in needs(&less).into_iter().zip(needs(&more)) {
            prop_assert!(less.1 <= more.1 || (!is_same_mode && less.0 != "total"), "{less:?} {more:?}");
        }
    }

    #[test]
    fn larger_readings_never_need_less(load in any_load(), bytes in 0..5000u64) {
        let ReadingSizes { data_bytes, key_bytes, .. } = load.sizes;
        let sizes = ReadingSizes::of_one(data_bytes + bytes, key_bytes);
        let sensors = load.sensors * 8;
        let (small, large) = (Load { sensors, ..load.clone() }, Load { sensors, sizes, ..load });
        let separate = |load: &Load| sized_by(load, AggregationChoice::Never).unwrap();
        let (small, large) = (separate(&small), separate(&large));
        prop_assert!(shards(&small) <= shards(&large) || needed(&large, "stream.mode") == Some("\"on-demand\""));
        prop_assert!(usd_of(&small, "DynamoDB, storage") <= usd_of(&large, "DynamoDB, storage"));
        prop_assert!(usd_of(&small, "DynamoDB, writes") <= usd_of(&large, "DynamoDB, writes"));
    }
}

fn usd_of(sizing: &Sizing, item: &str) -> Fixed {
    sizing.costs.iter().find(|cost| cost.item == item).unwrap().usd
}
