//! Sizing again with the settings that `size` recommends.

use super::*;
use crate::settings::Capacity;

/// Settings that a load may meet.
fn any_settings() -> impl Strategy<Value = Pipeline> {
    let batch = prop_oneof![Just(1), 1..20i32, 1..2000i32, Just(10_000)];
    let memory = prop_oneof![128..600i32, 128..4000i32];
    let capacity = prop_oneof![Just(Capacity::OnDemand), (1..50i32).prop_map(Capacity::Shards)];
    let billing = prop_oneof![
        3 => Just(Billing::OnDemand),
        1 => (1..50i32, 1..500i32).prop_map(|(read_units, write_units)| Billing::Provisioned { read_units, write_units }),
    ];
    let reserved = prop_oneof![Just(None), (0..50i32).prop_map(Some)];
    let mapping = (batch, 0..=300i32, 1..=10i32, any::<bool>());
    (mapping, memory, 1..60i32, capacity, billing, reserved).prop_map(
        |((batch_size, window_seconds, parallelization, metrics), memory_mb, timeout, capacity, billing, reserved)| {
            let mut pipeline = Pipeline::by_default().unwrap();
            let mapping = &mut pipeline.mapping;
            (mapping.batch_size, mapping.window_seconds) = (batch_size, window_seconds);
            (mapping.parallelization, mapping.metrics) = (parallelization, metrics);
            (pipeline.function.memory_mb, pipeline.function.timeout_seconds) = (memory_mb, timeout);
            pipeline.function.reserved_concurrency = reserved;
            (pipeline.stream.capacity, pipeline.table.billing) = (capacity, billing);
            pipeline
        },
    )
}

/// Returns the settings with those that a sizing needs.
fn with_needed(pipeline: &Pipeline, sizing: &Sizing) -> Pipeline {
    let mut pipeline = pipeline.clone();
    let number = |setting: &NeededSetting| setting.needed.as_ref().unwrap().parse::<i32>().unwrap();
    for setting in sizing.settings.iter().filter(|setting| setting.changes) {
        match setting.key {
            // The shards follow, which belong to a provisioned stream.
            "stream.mode" => pipeline.stream.capacity = Capacity::OnDemand,
            "stream.shards" if setting.needed.is_none() => pipeline.stream.capacity = Capacity::OnDemand,
            "stream.shards" => pipeline.stream.capacity = Capacity::Shards(number(setting)),
            "mapping.parallelization" => pipeline.mapping.parallelization = number(setting),
            "mapping.batch_size" => pipeline.mapping.batch_size = number(setting),
            "function.memory_mb" => pipeline.function.memory_mb = number(setting),
            "function.timeout_seconds" => pipeline.function.timeout_seconds = number(setting),
            "function.reserved_concurrency" => pipeline.function.reserved_concurrency = Some(number(setting)),
            "table.billing" => {
                let units: Vec<i32> = setting
                    .needed
                    .as_ref()
                    .unwrap()
                    .split(|letter: char| !letter.is_ascii_digit())
                    .filter_map(|word| word.parse().ok())
                    .collect();
                pipeline.table.billing = Billing::Provisioned { read_units: units[0], write_units: units[1] };
            }
            other => panic!("{other} has no field here"),
        }
    }
    pipeline
}

fn sized_with(load: &Load, pipeline: &Pipeline, aggregation: AggregationChoice) -> Result<Sizing, Error> {
    size(load, pipeline, &SizingOptions { aggregation, free_tier: false, region: None })
}

/// Sizes a load with the settings that it is said to need, and demands the same answer; returns both.
fn sized_again(load: &Load, pipeline: &Pipeline, aggregation: AggregationChoice) -> Option<(Sizing, Sizing, Pipeline)> {
    let first = sized_with(load, pipeline, aggregation).ok()?;
    let settled = with_needed(pipeline, &first);
    let again = sized_with(load, &settled, aggregation).unwrap();
    Some((first, again, settled))
}

fn of_tester(sensors: u64, rate: &str, settings: impl FnOnce(&mut Pipeline)) -> (Load, Pipeline) {
    let mut pipeline = Pipeline::by_default().unwrap();
    settings(&mut pipeline);
    let load = Load { retention_days: None, ..load(sensors, Fixed::parse(rate).unwrap(), 100) };
    (load, pipeline)
}

#[test]
fn stream_is_not_called_cheaper_by_the_batches_that_only_the_other_may_keep() {
    let small = of_tester(20_193, "23", |pipeline| pipeline.mapping.batch_size = 1);
    let windows = of_tester(588, "294.54", |pipeline| {
        let mapping = &mut pipeline.mapping;
        (mapping.batch_size, mapping.window_seconds) = (1, 300);
        (mapping.parallelization, mapping.metrics) = (10, true);
    });
    for (load, pipeline) in [small, windows] {
        let (first, again, _) = sized_again(&load, &pipeline, AggregationChoice::Never).unwrap();
        assert!(again.settings.iter().all(|setting| !setting.changes), "{:?}", again.settings);
        assert_eq!((first.total_usd, &first.alternatives), (again.total_usd, &again.alternatives));
        let other = first.alternatives.iter().find(|other| other.choice.ends_with("stream")).unwrap();
        assert!(other.total_usd >= first.total_usd, "{other:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn sizing_with_its_own_settings_changes_nothing(load in any_load(), pipeline in any_settings(), aggregated: bool) {
        let choice = if aggregated { AggregationChoice::Auto } else { AggregationChoice::Never };
        let Some((first, again, settled)) = sized_again(&load, &pipeline, choice) else { return Ok(()) };
        for setting in &again.settings {
            prop_assert!(!setting.changes, "{setting:?} of {:?}", again.settings);
        }
        prop_assert_eq!((&first.costs, first.total_usd), (&again.costs, again.total_usd));
        prop_assert_eq!((&first.alternatives, &first.bottlenecks), (&again.alternatives, &again.bottlenecks));
        for other in &first.alternatives {
            let (mut pipeline, mut choice) = (settled.clone(), choice);
            match other.choice {
                "a record for each reading" => choice = AggregationChoice::Never,
                "an on-demand table" => pipeline.table.billing = Billing::OnDemand,
                "a provisioned table" => pipeline.table.billing = Billing::Provisioned { read_units: 5, write_units: 1 },
                // The mode of the stream is chosen by `size` itself.
                _ => {
                    prop_assert!(other.total_usd >= first.total_usd, "{other:?} of {}", first.total_usd);
                    continue;
                }
            }
            let tried = sized_with(&load, &pipeline, choice).unwrap();
            prop_assert!(tried.total_usd <= other.total_usd, "{other:?}: {}", tried.total_usd);
        }
    }
}
