//! Decides whether readings are aggregated: with `--aggregation auto` only where every reader that can be seen takes
//! aggregates apart.

use std::collections::BTreeMap;

use super::aggregation::Aggregation;
use crate::aws::{AwsFailure, FailureCause};

/// The consumers that `tail --fan-out` registers; it takes aggregates apart.
pub(crate) const OWN_CONSUMERS: &str = "sensorctl-tail-";
/// The first version whose function takes aggregates apart.
const FIRST_VERSION: [u64; 3] = [0, 1, 0];

/// The value of `--aggregation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AggregationChoice {
    /// Many readings in a record, where all readers of the stream are known to take them apart
    #[default]
    Auto,
    /// Many readings in a record
    Always,
    /// A record for each reading
    Never,
}

/// The tags of a resource.
pub(crate) type ResourceTags = BTreeMap<String, String>;

/// The tags by which the pipeline's own resources are known.
#[derive(Clone, Debug)]
pub(crate) struct PipelineMarks {
    /// Tags that all of them have.
    pub tags: Vec<(String, String)>,
    /// The name of the tag with the version of the function.
    pub version_tag: &'static str,
    /// True if the settings name a function of the user's own.
    pub is_own_function: bool,
}

/// A stream and its readers, as the services describe them.
#[derive(Clone, Debug)]
pub(crate) struct StreamReaders {
    /// True if the service chooses the shard of a record, whatever its keys (`RecordDistributionStrategy` `AUTO`).
    pub is_distributed_by_service: Result<bool, AwsFailure>,
    /// The stream's tags.
    pub tags: Result<ResourceTags, AwsFailure>,
    /// The names of its registered consumers.
    pub consumers: Result<Vec<String>, AwsFailure>,
    /// Its event source mappings.
    pub mappings: Result<Vec<MappingReader>, AwsFailure>,
}

/// An event source mapping of a stream.
#[derive(Clone, Debug)]
pub(crate) struct MappingReader {
    /// The name of its function.
    pub function: String,
    /// Its tags.
    pub tags: ResourceTags,
    /// The function's tags.
    pub function_tags: ResourceTags,
    /// True if it filters records.
    pub has_filter: bool,
    /// The batches of a shard that it has in flight.
    pub parallelization: i32,
}

/// The choice to aggregate readings or not, with a remark if not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AggregationDecision {
    /// The form of the records.
    pub aggregation: Aggregation,
    /// Why not, where that may be a surprise.
    pub note: Option<String>,
}

/// Returns the decision for a stream with these readers.
pub(crate) fn decide(choice: AggregationChoice, readers: &StreamReaders, marks: &PipelineMarks) -> AggregationDecision {
    let off = |note| AggregationDecision { aggregation: Aggregation::Off, note };
    let on = |keeps_group_key| AggregationDecision { aggregation: Aggregation::On { keeps_group_key }, note: None };
    let is_auto_distributed = readers.is_distributed_by_service.as_ref().is_ok_and(|is_so| *is_so);
    match choice {
        AggregationChoice::Never => off(None),
        _ if is_auto_distributed => off(Some(
            "readings are not aggregated: the stream's record distribution is AUTO, with which readers drop aggregates"
                .to_owned(),
        )),
        AggregationChoice::Always => on(true),
        AggregationChoice::Auto => match parallelization(readers, marks) {
            Ok(parallelization) => on(parallelization > 1),
            Err(reason) => off(reason.map(|reason| {
                format!("readings are not aggregated: {reason}; `--aggregation always` aggregates them all the same")
            })),
        },
    }
}

/// Returns the highest parallelization of the stream's mappings.
///
/// # Errors
/// A reader may not take aggregates apart. The text says why, unless the put itself is about to fail for that reason.
fn parallelization(readers: &StreamReaders, marks: &PipelineMarks) -> Result<i32, Option<String>> {
    readers.is_distributed_by_service.as_ref().map_err(reason_of)?;
    let tags = readers.tags.as_ref().map_err(reason_of)?;
    if !marks.are_in(tags) {
        return Err(Some(
            "the stream is not of this pipeline, and its readers may not take aggregates apart".to_owned(),
        ));
    }
    let consumers = readers.consumers.as_ref().map_err(reason_of)?;
    if let Some(consumer) = consumers.iter().find(|name| !name.starts_with(OWN_CONSUMERS)) {
        return Err(Some(format!("the registered consumer `{consumer}` may not take aggregates apart")));
    }
    let mappings = readers.mappings.as_ref().map_err(reason_of)?;
    for MappingReader { function, tags, function_tags, has_filter, .. } in mappings {
        let reason = if !marks.are_in(tags) {
            format!("an event source mapping that is not of this pipeline delivers to `{function}`")
        } else if *has_filter {
            format!("the event source mapping to `{function}` has a filter, which drops aggregates")
        } else if marks.is_own_function {
            format!("`function.zip` makes `{function}` a function of your own, which may not take aggregates apart")
        } else if !function_tags.get(marks.version_tag).is_some_and(|version| takes_aggregates(version)) {
            format!("the function `{function}` is not of a version of sensorctl that takes aggregates apart")
        } else {
            continue;
        };
        return Err(Some(reason));
    }
    Ok(mappings.iter().map(|mapping| mapping.parallelization).max().unwrap_or(1))
}

/// Returns why a look-up does not answer. Where the put fails for the same reason, there is nothing to add.
fn reason_of(failure: &AwsFailure) -> Option<String> {
    let fails_anyway = matches!(
        failure.cause,
        FailureCause::Missing | FailureCause::Credentials | FailureCause::NoCredentials | FailureCause::Unreachable
    );
    let AwsFailure { service, operation, .. } = failure;
    (!fails_anyway).then(|| format!("{service} {operation} failed ({})", failure.said()))
}

fn takes_aggregates(version: &str) -> bool {
    let numbers: Option<Vec<u64>> =
        version.split('-').next().map(|core| core.split('.').map_while(|part| part.parse().ok()).collect());
    numbers.is_some_and(|numbers| numbers.len() == FIRST_VERSION.len() && numbers[..] >= FIRST_VERSION[..])
}

impl PipelineMarks {
    fn are_in(&self, tags: &ResourceTags) -> bool {
        self.tags.iter().all(|(name, value)| tags.get(name) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks() -> PipelineMarks {
        PipelineMarks { tags: vec![("stage".into(), "blue".into())], version_tag: "version", is_own_function: false }
    }

    fn tags(pairs: &[(&str, &str)]) -> ResourceTags {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn readers() -> StreamReaders {
        let mapping = MappingReader {
            function: "f".into(),
            tags: tags(&[("stage", "blue")]),
            function_tags: tags(&[("version", "0.1.0")]),
            has_filter: false,
            parallelization: 1,
        };
        StreamReaders {
            is_distributed_by_service: Ok(false),
            tags: Ok(tags(&[("stage", "blue"), ("more", "x")])),
            consumers: Ok(vec!["sensorctl-tail-host-1".into()]),
            mappings: Ok(vec![mapping]),
        }
    }

    fn failure(cause: FailureCause) -> AwsFailure {
        AwsFailure {
            service: "Lambda",
            operation: "ListTags",
            resource: "f".into(),
            location: "here".into(),
            code: Some("AccessDeniedException".into()),
            message: "no".into(),
            cause,
        }
    }

    /// A part of the note, and a change of the readers that leads to it.
    type Refusal<'a> = (&'a str, &'a dyn Fn(&mut StreamReaders));

    const ON: Aggregation = Aggregation::On { keeps_group_key: false };

    #[test]
    fn auto_aggregates_for_own_readers_only() {
        let change = |change: &dyn Fn(&mut StreamReaders)| {
            let mut readers = readers();
            change(&mut readers);
            decide(AggregationChoice::Auto, &readers, &marks())
        };
        let mapping = |readers: &mut StreamReaders, change: &dyn Fn(&mut MappingReader)| {
            change(&mut readers.mappings.as_mut().unwrap()[0]);
        };
        assert_eq!(change(&|_| {}), AggregationDecision { aggregation: ON, note: None });
        assert_eq!(change(&|it| it.mappings = Ok(vec![])).aggregation, ON, "nobody reads it yet");
        let parallel = change(&|it| mapping(it, &|it| it.parallelization = 2));
        assert_eq!(parallel.aggregation, Aggregation::On { keeps_group_key: true });
        let refused: [Refusal<'_>; 9] = [
            ("AUTO", &|it| it.is_distributed_by_service = Ok(true)),
            ("not of this pipeline", &|it| it.tags = Ok(tags(&[("stage", "green")]))),
            ("`firehose`", &|it| it.consumers.as_mut().unwrap().push("firehose".into())),
            ("not of this pipeline delivers to `f`", &|it| mapping(it, &|it| it.tags.clear())),
            ("filter", &|it| mapping(it, &|it| it.has_filter = true)),
            ("`f` is not of a version", &|it| mapping(it, &|it| it.function_tags.clear())),
            ("Lambda ListTags failed (AccessDeniedException: no)", &|it| it.tags = Err(failure(FailureCause::Denied))),
            ("failed", &|it| it.consumers = Err(failure(FailureCause::Other))),
            ("failed", &|it| it.mappings = Err(failure(FailureCause::Throttled))),
        ];
        for (part, refuse) in refused {
            let decision = change(refuse);
            assert_eq!(decision.aggregation, Aggregation::Off, "{part}");
            assert!(decision.note.as_ref().is_some_and(|note| note.contains(part)), "{part}: {:?}", decision.note);
        }
        let own = decide(AggregationChoice::Auto, &readers(), &PipelineMarks { is_own_function: true, ..marks() });
        assert!(own.note.unwrap().contains("function.zip"));
        let missing = change(&|it| it.is_distributed_by_service = Err(failure(FailureCause::Missing)));
        assert_eq!(missing, AggregationDecision { aggregation: Aggregation::Off, note: None }, "the put says it");
    }

    #[test]
    fn always_aggregates_unless_the_service_distributes_records() {
        let denied = StreamReaders {
            is_distributed_by_service: Err(failure(FailureCause::Denied)),
            tags: Err(failure(FailureCause::Denied)),
            consumers: Ok(vec!["firehose".into()]),
            mappings: Err(failure(FailureCause::Denied)),
        };
        let always = decide(AggregationChoice::Always, &denied, &marks());
        assert_eq!(always.aggregation, Aggregation::On { keeps_group_key: true });
        let auto = StreamReaders { is_distributed_by_service: Ok(true), ..readers() };
        let always = decide(AggregationChoice::Always, &auto, &marks());
        assert_eq!((always.aggregation, always.note.is_some()), (Aggregation::Off, true));
        let never = decide(AggregationChoice::Never, &readers(), &marks());
        assert_eq!(never, AggregationDecision { aggregation: Aggregation::Off, note: None });
    }

    #[test]
    fn versions_from_the_first_on_take_aggregates_apart() {
        for (version, takes) in
            [("0.1.0", true), ("0.1.0-dev", true), ("1.2.3", true), ("0.0.9", false), ("new", false)]
        {
            assert_eq!(takes_aggregates(version), takes, "{version}");
        }
    }
}
