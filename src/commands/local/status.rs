//! The report of `local status` and `local start`.

use std::path::PathBuf;

use serde::Serialize;

use crate::output::{Report, one_line};
use sensorctl_local::daemon::Running;

/// `local status` as data.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    running: bool,
    endpoint: Option<String>,
    pid: Option<u32>,
    data_dir: PathBuf,
    region: Option<String>,
    version: Option<String>,
    /// How long things take: `none`, `aws` or `aws/10`.
    timing: Option<String>,
    /// The durability of acknowledged writes: `process` or `full`.
    durable: Option<String>,
    /// The injected faults, in the form of `--faults`.
    faults: Option<String>,
    /// Notices of the local cloud, such as damage that it found.
    notices: Vec<String>,
}

impl Status {
    pub(super) fn new(about: Option<&Running>, data_dir: PathBuf) -> Self {
        Status {
            running: about.is_some(),
            endpoint: about.map(|running| running.endpoint.clone()),
            pid: about.map(|running| running.pid),
            region: about.map(|running| running.region.clone()),
            version: about.map(|running| running.version.clone()),
            timing: about.map(|running| running.timing.to_string()),
            durable: about.map(|running| running.durable.clone()),
            faults: about.map(|running| running.faults.clone()).filter(|faults| !faults.is_empty()),
            notices: about.map(|running| running.notices.clone()).unwrap_or_default(),
            data_dir,
        }
    }
}

impl Report for Status {
    fn table(&self) -> String {
        let data_dir = self.data_dir.display();
        match (&self.endpoint, self.pid, &self.region) {
            (Some(endpoint), Some(pid), Some(region)) => {
                let mut text =
                    format!("running    {endpoint}\nregion     {region}\nprocess    {pid}\nstate in   {data_dir}");
                let known = |name: &str, value: &Option<String>| {
                    let value = value.as_ref().filter(|value| !value.is_empty());
                    value.map(|value| format!("\n{name:<11}{}", one_line(value))).unwrap_or_default()
                };
                text.push_str(&known("timing", &self.timing));
                text.push_str(&known("durable", &self.durable));
                text.push_str(&known("faults", &self.faults));
                for notice in &self.notices {
                    text.push_str("\nnotice     ");
                    text.push_str(&one_line(notice));
                }
                text
            }
            // The error says so, with the data directory.
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensorctl_local::AccessKey;
    use sensorctl_local::LatencyProfile;

    #[test]
    fn notice_is_one_line_whatever_it_quotes() {
        let running = Running {
            endpoint: "http://127.0.0.1:4588".into(),
            region: "us-east-1".into(),
            pid: 1,
            version: "0".into(),
            timing: LatencyProfile::default(),
            durable: "process".into(),
            faults: "kinesis:*=error\u{9b}".into(),
            notices: vec!["damaged: a\u{9b}2J\nnot running\u{202e}".into()],
            access_key: AccessKey { key_id: "A".into(), secret: "S".into() },
        };
        let table = Status::new(Some(&running), "/data".into()).table();
        assert!(table.ends_with("\nnotice     damaged: a\u{fffd}2J\u{fffd}not running\u{fffd}"), "{table:?}");
        assert!(
            table.contains("\ntiming     none\ndurable    process\nfaults     kinesis:*=error\u{fffd}\n"),
            "{table:?}"
        );
    }
}
