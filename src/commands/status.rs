//! `sensorctl status`.

mod resources;
mod seen;
mod verdict;

use std::time::Duration;

use self::seen::{Look, StatusCache, see};
use self::verdict::verdict;
use crate::commands::stack_context::print_settings;
use crate::context::Context;
use crate::error::Error;
use crate::output::print_orphans;
use crate::pipeline::parse_duration;

/// Show whether the pipeline is well, and if not, why
///
/// The state of each resource and how it differs from the settings, the event source mapping, how far it is behind, and
/// the dead letters. Exits with 3 unless all is well. With -v, also show the ARN of each resource, and every setting and
/// where its value came from.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Refresh until interrupted (Ctrl-C); with `-o ndjson` one report a line
    #[arg(short, long)]
    watch: bool,
    /// Wait this long between two refreshes, 1s at least
    #[arg(long, value_name = "DURATION", value_parser = pause, default_value = "10s", requires = "watch")]
    interval: Duration,
}

/// The shortest pause between two refreshes: each makes three calls, whose rates the services limit.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

fn pause(text: &str) -> Result<Duration, String> {
    let pause = parse_duration(text)?;
    if pause < SHORTEST_PAUSE { Err("write 1s or longer".to_owned()) } else { Ok(pause) }
}

pub(super) async fn run(context: &Context, args: StatusArgs) -> Result<(), Error> {
    print_settings(context);
    if !args.watch {
        return show_once(context).await;
    }
    let output = &context.output;
    let stopped = || Error::interrupted("interrupted");
    let mut cache = StatusCache::default();
    loop {
        let look = see(context, &mut cache, Look::Again);
        let (seen, _) = context.or_interrupt(look, stopped).await?;
        output.clear()?;
        output.report(&seen)?;
        if output.is_closed() {
            return Ok(());
        }
        let pause = async {
            tokio::time::sleep(args.interval).await;
            Ok(())
        };
        context.or_interrupt(pause, stopped).await?;
    }
}

async fn show_once(context: &Context) -> Result<(), Error> {
    let (status, orphans) = see(context, &mut StatusCache::default(), Look::Once).await?;
    context.output.report(&status)?;
    print_orphans(&context.output, &orphans);
    verdict(&status)?;
    let count = status.resources.len();
    let proof = match &status.health.not_known()[..] {
        [] => ", and readings pass".to_owned(),
        unknown => format!("; not known: {}", unknown.join(", ")),
    };
    context.output.status(format!("All {count} resources are active and up to date{proof}."));
    context.output.detail("  time to live and backups of the tables: `sensorctl plan` compares them");
    Ok(())
}
