//! Differences between the local cloud that runs and the one that `local start` asks for.

use sensorctl_local::daemon::Running;
use sensorctl_local::{Durability, FaultPlan, LatencyProfile};

use crate::error::Error;
use crate::hint_flags::flag_words;

/// The options of a start that were given; what was not given is as it is.
#[derive(Debug, Default)]
pub(super) struct Requested<'a> {
    /// The port; `None` also for "any free one".
    pub port: Option<u16>,
    pub region: Option<&'a str>,
    pub faults: Option<&'a FaultPlan>,
    pub timing: Option<LatencyProfile>,
    pub durability: Option<Durability>,
}

/// One option that runs with another value.
struct Difference {
    property: &'static str,
    found: String,
    wanted: String,
    /// The flag that asks for the value at the next start; `None` where the hint's own flags contain it.
    flag: Option<&'static str>,
}

/// Checks that what runs has the options that were asked for.
///
/// # Errors
/// An option differs; the error names each.
pub(super) fn check(running: &Running, asked: &Requested<'_>) -> Result<(), Error> {
    let differences = differences(running, asked);
    if differences.is_empty() {
        return Ok(());
    }
    let parts = differences.iter().map(|it| format!("{} {} instead of {}", it.property, it.found, it.wanted));
    let parts = parts.collect::<Vec<_>>().join(", ");
    let flags = differences.iter().filter_map(|it| Some(flag_words(it.flag?, &it.wanted)));
    let flags: String = flags.flatten().flat_map(|word| [" ".to_owned(), word]).collect();
    let error = Error::failed(format!("the local cloud at {} already runs with {parts}", running.endpoint))
        .hint(format!("`sensorctl local stop`, then `sensorctl local start{flags}` changes it and keeps its data"))
        .hint("another `--data-dir` holds another local cloud");
    if differences.iter().any(|it| it.property == "faults") {
        return Err(error.hint("`sensorctl local start --help` shows how to change faults while it runs"));
    }
    Err(error)
}

fn differences(running: &Running, asked: &Requested<'_>) -> Vec<Difference> {
    let difference = |property, found: String, wanted: Option<String>, flag| {
        wanted.filter(|wanted| *wanted != found).map(|wanted| Difference { property, found, wanted, flag })
    };
    let port = running.endpoint.rsplit(':').next().unwrap_or_default().to_owned();
    [
        difference("port", port, asked.port.map(|port| port.to_string()), Some("--port")),
        difference("region", running.region.clone(), asked.region.map(str::to_owned), None),
        faults(running, asked),
        difference("timing", running.timing.to_string(), asked.timing.map(|it| it.to_string()), Some("--timing")),
        difference("durability", running.durable.clone(), asked.durability.map(|it| it.to_string()), Some("--durable")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Compares fault plans by meaning: blanks and the seed of no rules change nothing.
fn faults(running: &Running, asked: &Requested<'_>) -> Option<Difference> {
    let wanted = asked.faults?;
    let is_same = match running.faults.parse::<FaultPlan>() {
        Ok(found) => found == *wanted || (found.is_empty() && wanted.is_empty()),
        // The plan of another version.
        Err(_) => running.faults == wanted.to_string(),
    };
    let shown = |plan: &str, is_empty| if is_empty { "none".to_owned() } else { plan.to_owned() };
    (!is_same).then(|| Difference {
        property: "faults",
        found: shown(&running.faults, running.faults.is_empty()),
        wanted: shown(&wanted.to_string(), wanted.is_empty()),
        flag: (!wanted.is_empty()).then_some("--faults"),
    })
}

#[cfg(test)]
mod tests {
    use sensorctl_local::AccessKey;

    use super::*;

    fn running() -> Running {
        Running {
            endpoint: "http://127.0.0.1:4588".into(),
            region: "us-east-1".into(),
            pid: 1,
            version: "0".into(),
            notices: Vec::new(),
            timing: "aws/10".parse().unwrap(),
            durable: "process".into(),
            faults: "seed=7;kinesis:*=throttle@20%".into(),
            access_key: AccessKey { key_id: "AKIA".into(), secret: "none".into() },
        }
    }

    #[test]
    fn start_options_that_were_not_given_or_mean_the_same_do_not_differ() {
        assert!(check(&running(), &Requested::default()).is_ok());
        let faults = " seed=7 ; kinesis:*=throttle@20% ".parse().unwrap();
        let same = Requested {
            port: Some(4588),
            region: Some("us-east-1"),
            faults: Some(&faults),
            timing: Some("aws/10".parse().unwrap()),
            durability: Some(Durability::Process),
        };
        assert!(check(&running(), &same).is_ok());
        let nothing = Running { faults: String::new(), ..running() };
        let only_seed = "seed=3".parse().unwrap();
        assert!(check(&nothing, &Requested { faults: Some(&only_seed), ..Requested::default() }).is_ok());
    }

    #[test]
    fn start_options_that_differ_are_named_with_the_flags_that_change_them() {
        let faults = "kinesis:PutRecords=partial(5%)".parse().unwrap();
        let other = Requested {
            port: Some(5000),
            region: Some("eu-west-1"),
            faults: Some(&faults),
            timing: Some(LatencyProfile::default()),
            durability: Some(Durability::Full),
        };
        let error = check(&running(), &other).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the local cloud at http://127.0.0.1:4588 already runs with port 4588 instead of 5000, region us-east-1 \
             instead of eu-west-1, faults seed=7;kinesis:*=throttle@20% instead of kinesis:PutRecords=partial(5%), \
             timing aws/10 instead of none, durability process instead of full"
        );
        assert_eq!(
            error.hints()[0],
            "`sensorctl local stop`, then `sensorctl local start --port 5000 --faults 'kinesis:PutRecords=partial(5%)' \
             --timing none --durable full` changes it and keeps its data"
        );
        let none = FaultPlan::default();
        let error = check(&running(), &Requested { faults: Some(&none), ..Requested::default() }).unwrap_err();
        assert!(error.to_string().ends_with("faults seed=7;kinesis:*=throttle@20% instead of none"), "{error}");
        assert!(error.hints()[0].contains("then `sensorctl local start` changes"), "{:?}", error.hints());
    }
}
