//! The report of `local status` and `local start`.

use std::path::PathBuf;

use serde::Serialize;

use super::{Report, one_line};

/// `local status` as data.
#[derive(Debug, Serialize)]
pub(crate) struct LocalStatus {
    /// True if it runs.
    pub running: bool,
    /// Its address.
    pub endpoint: Option<String>,
    /// Its process.
    pub pid: Option<u32>,
    /// Its data directory.
    pub data_dir: PathBuf,
    /// Its region.
    pub region: Option<String>,
    /// The version of sensorctl that it runs.
    pub version: Option<String>,
    /// How long things take: `none`, `aws` or `aws/10`.
    pub timing: Option<String>,
    /// The durability of acknowledged writes: `process` or `full`.
    pub durable: Option<String>,
    /// The injected faults, in the form of `--faults`.
    pub faults: Option<String>,
    /// Notices of the local cloud, such as damage that it found.
    pub notices: Vec<String>,
}

impl Report for LocalStatus {
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

    #[test]
    fn notice_is_one_line_whatever_it_quotes() {
        let status = LocalStatus {
            running: true,
            endpoint: Some("http://127.0.0.1:4588".into()),
            pid: Some(1),
            data_dir: "/data".into(),
            region: Some("us-east-1".into()),
            version: Some("0".into()),
            timing: Some("none".into()),
            durable: Some("process".into()),
            faults: Some("kinesis:*=error\u{9b}".into()),
            notices: vec!["damaged: a\u{9b}2J\nnot running\u{202e}".into()],
        };
        let table = status.table();
        assert!(table.ends_with("\nnotice     damaged: a\u{fffd}2J\u{fffd}not running\u{fffd}"), "{table:?}");
        assert!(
            table.contains("\ntiming     none\ndurable    process\nfaults     kinesis:*=error\u{fffd}\n"),
            "{table:?}"
        );
    }
}
