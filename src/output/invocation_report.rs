//! The report of `invoke`.

use serde::Serialize;

use super::{Report, one_line};
use crate::operate::{FunctionInvocation, InvocationUsage};

/// The report of an invocation: all of it as data, one line for a person.
#[derive(Debug, Serialize)]
pub(crate) struct InvocationReport<'a> {
    /// The result of the call.
    #[serde(flatten)]
    pub invocation: &'a FunctionInvocation,
    /// True if the log is shown to a person.
    #[serde(skip)]
    pub shows_log: bool,
}

impl Report for InvocationReport<'_> {
    fn table(&self) -> String {
        let FunctionInvocation { status, executed_version, answer, function_error, usage, log } = self.invocation;
        let version = one_line(executed_version.as_deref().unwrap_or("unknown"));
        let mut lines = Vec::new();
        let counts = self.invocation.counts();
        if let Some(counts) = &counts {
            lines.push(counts.summary());
        }
        lines.extend(usage.as_ref().map(InvocationUsage::summary));
        // Without counts, the answer and the log say it.
        if counts.is_none() || self.shows_log {
            lines.extend([format!("status   {status}"), format!("version  {version}")]);
            lines.extend(function_error.as_deref().map(|error| format!("error    {}", one_line(error))));
            lines.push(format!("answer   {}", one_line(answer.get())));
            lines.extend((!log.is_empty()).then(|| "log".to_owned()));
            lines.extend(log.iter().map(|line| format!("  {}", one_line(&line.replace('\t', "  ")))));
        }
        lines.join("\n")
    }
}
