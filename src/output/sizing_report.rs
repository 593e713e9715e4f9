//! The report of `size`.

use serde::Serialize;

use super::{Report, Squeeze, table_of_rows, units};
use crate::operate::{NeededSetting, Sizing};

/// The needs and costs of a load.
#[derive(Debug, Serialize)]
pub(crate) struct SizingReport {
    #[serde(flatten)]
    sizing: Sizing,
    /// The command that sets what must be set; nothing where all is set, or where no command can.
    command: Option<String>,
    /// The same as a part of the settings file.
    toml: Option<String>,
    /// The sample that was measured.
    sample: Option<SampleSummary>,
}

/// The sample whose readings were measured.
#[derive(Debug, Serialize)]
pub(crate) struct SampleSummary {
    /// Its readings.
    pub readings: u64,
    /// Its different sensors.
    pub sensors: u64,
    /// Its lines that are not readings.
    pub rejected: u64,
}

impl SizingReport {
    /// Reports a sizing with the command that sets what it needs.
    #[must_use]
    pub(crate) fn new(sizing: Sizing, command: Option<String>, sample: Option<SampleSummary>) -> Self {
        let toml = sizing.settings.iter().any(|setting| setting.changes).then(|| toml(&sizing.settings));
        SizingReport { sizing, command, toml, sample }
    }

    fn load(&self) -> String {
        let load = &self.sizing.load;
        let measured =
            self.sample.as_ref().map(|sample| format!(" (measured on {})", units::counted(sample.readings, "reading")));
        let measured = measured.unwrap_or_default();
        let kept = load
            .retention_days
            .map_or("kept for good".to_owned(), |days| format!("kept for {}", units::counted(days, "day")));
        format!(
            "load: {}, {} readings/s, {} at the peak and {} % headroom, {} bytes a reading{measured}, rows {kept}",
            units::counted(load.sensors, "sensor"),
            load.readings_per_second,
            load.peak_readings_per_second,
            load.headroom_percent,
            load.reading_bytes,
        )
    }

    fn settings(&self) -> Vec<String> {
        let mut lines = vec!["settings".to_owned()];
        for NeededSetting { key, now, needed, changes, reason } in &self.sizing.settings {
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "left out".to_owned());
            let now = if *changes { format!(" (now {})", shown(now)) } else { String::new() };
            lines.push(format!("  {key} = {}{now}: {reason}", shown(needed)));
        }
        let form = if self.sizing.aggregated { "readings share records" } else { "each reading is a record" };
        let processes = match self.sizing.put_processes {
            1 => "one `put` process".to_owned(),
            more => format!("{} `put` processes", units::count(more)),
        };
        lines.push(format!("  sending: {form}, {processes}"));
        let Some(toml) = &self.toml else {
            lines.push("nothing to set: the settings hold this load".to_owned());
            return lines;
        };
        lines.push(match &self.command {
            Some(command) => format!("to set them: `{command}`, or in sensorctl.toml"),
            None => "to set them, in sensorctl.toml".to_owned(),
        });
        lines.extend(toml.lines().map(|line| format!("  {line}")));
        lines
    }

    fn limits(&self) -> Vec<String> {
        let rows = self.sizing.bottlenecks.iter().map(|limit| {
            let used = format!("{} of {} {}", limit.used, limit.limit, limit.unit);
            [format!("{} %", limit.percent), limit.name.to_owned(), used, limit.raised_by.to_owned()].to_vec()
        });
        let columns = ["at the peak", "limit", "used", "raised by"];
        let squeezes = [Squeeze::Drop("raised by"), Squeeze::Drop("used")];
        let table = table_of_rows(&columns, &rows.collect::<Vec<_>>(), &squeezes);
        let mut lines: Vec<_> = table.lines().map(str::to_owned).collect();
        let next = self.sizing.bottlenecks.iter().find(|limit| Some(limit.name) == self.sizing.next_bottleneck);
        if let Some(next) = next {
            let at = next.reached_at.map_or(String::new(), |at| format!(", at a peak of about {at} readings/s"));
            lines.push(format!("next bottleneck: {}{at}; raised by {}", next.name, next.raised_by));
        }
        for quota in &self.sizing.quotas {
            let code = quota.code.map_or(String::new(), |code| format!(" ({code})"));
            lines.push(format!(
                "to raise: {}{code}, from {} to {} {}: {}",
                quota.name,
                units::count(quota.default),
                units::count(quota.needed),
                quota.unit,
                quota.how
            ));
        }
        lines
    }

    fn costs(&self) -> Vec<String> {
        let sizing = &self.sizing;
        let prices = &sizing.prices;
        let mut lines = vec![format!(
            "{} a month, prices of {} in {} ({})",
            prices.currency, prices.date, prices.region, prices.source
        )];
        let wide = sizing.total_usd.with_cents().len();
        for cost in &sizing.costs {
            lines.push(format!("  {:>wide$}  {}: {}", cost.usd.with_cents(), cost.item, cost.arithmetic));
        }
        lines.push(format!("  {}  in all", sizing.total_usd.with_cents()));
        for other in &sizing.alternatives {
            let shards = other.shards.map_or(String::new(), |shards| format!(", shards: {}", units::count(shards)));
            lines.push(format!("  {:>wide$}  with {}{shards}", other.total_usd.with_cents(), other.choice));
        }
        let free =
            sizing.costs.iter().filter_map(|cost| Some(format!("{}: {} {}", cost.item, cost.free_units?, cost.unit)));
        let free = free.collect::<Vec<_>>().join("; ");
        let taken = if sizing.free_tier_applied { "taken off" } else { "not taken off; `--free-tier` does" };
        lines.push(format!("free tiers of an account, {taken}: {free}"));
        lines
    }
}

impl Report for SizingReport {
    fn table(&self) -> String {
        let flow = self.sizing.flow.iter().map(|figure| {
            let (name, value, unit) = (figure.name, figure.value, figure.unit);
            format!("  {name}: {value} {unit} = {}", figure.arithmetic)
        });
        let flow = std::iter::once("flow, on average".to_owned()).chain(flow).collect();
        let parts =
            [vec![self.load()], self.settings(), self.limits(), flow, self.costs(), self.sizing.assumptions.clone()];
        parts.map(|lines| lines.join("\n")).join("\n\n")
    }
}

/// Returns the settings that must be set as a part of the settings file.
fn toml(settings: &[NeededSetting]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut open = "";
    for setting in settings.iter().filter(|setting| setting.changes) {
        let (section, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if section != open {
            lines.push(format!("[{section}]"));
            open = section;
        }
        lines.push(match &setting.needed {
            Some(value) => format!("{name} = {value}"),
            None => format!("# {name}: left out"),
        });
    }
    lines.join("\n")
}
