//! Sends a simulation, and verifies it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{SimulateArgs, expected};
use crate::aws::Clients;
use crate::commands::put;
use crate::context::Context;
use crate::error::Error;
use crate::output::{PutProgress, SimulationReport, units};
use crate::pipeline::prices::{PUT_UNITS, TABLE_WRITES};
use crate::pipeline::{
    AggregationChoice, KinesisStream, Ledger, PutOptions, PutOutcome, PutSummary, SendPlan, SharedLedger,
    SimulationPlan, SimulationSize, Verification, Verifier, put_all, simulated_chunks,
};

/// Price of a million readings, a PUT unit and a write each. The function's invocations add little, because each gets a
/// batch.
const USD_A_MILLION: f64 = PUT_UNITS.usd() + TABLE_WRITES.usd();

pub(super) async fn run(
    context: &Context,
    args: &SimulateArgs,
    plan: SimulationPlan,
    size: SimulationSize,
) -> Result<(), Error> {
    let expected = expected(size);
    let work = described(&plan, args, expected);
    let stream = &context.settings.pipeline.stream.name;
    let is_asked = !args.yes && !context.settings.local;
    if is_asked && !context.output.can_ask() {
        return Err(Error::usage(format!(
            "`simulate` puts {work} into stream {stream}, and there is no terminal to ask on"
        ))
        .hint("`--yes` continues without asking; `--local` uses the local cloud, which costs nothing"));
    }
    let clients = context.clients().await?;
    if is_asked {
        let question = format!("Put {work} into stream {stream} in {}?", clients.region);
        let unasked = || Error::interrupted("interrupted; nothing was sent");
        if !context.or_interrupt(context.output.confirm(&question), unasked).await? {
            return Err(Error::failed("not confirmed; nothing was sent"));
        }
    }
    let plan = Arc::new(plan);
    let ledger = args.verify.then(|| Arc::new(Mutex::new(Ledger::new(Arc::clone(&plan)))));
    let verifier = ledger.clone().map(|ledger| verifier(context, clients, args, &plan, ledger));
    // A random seed was not used before.
    if let Some(verifier) = verifier.as_ref().filter(|_| args.seed.is_some()) {
        let unsent = || Error::interrupted("interrupted; nothing was sent");
        context.or_interrupt(verifier.check_unused(), unsent).await?;
    }
    let send_plan = put::send_plan(context, AggregationChoice::Auto, clients).await?.plan;
    let flags = args.flags_of(&plan);
    let simulation = Simulation { context, clients, plan: Arc::clone(&plan), size, expected, flags };
    let all_sent = CancellationToken::new();
    let sending = async {
        let outcome = simulation.send(ledger, send_plan).await;
        all_sent.cancel();
        outcome
    };
    let watching = async {
        match &verifier {
            Some(verifier) => verifier.watch(&all_sent).await.map(Some),
            None => Ok(None),
        }
    };
    let (outcome, watched) = tokio::join!(sending, watching);
    let compared = match (&verifier, watched) {
        (Some(verifier), Ok(Some(poll))) if !context.interrupt.is_cancelled() => {
            simulation.verify(verifier, &outcome, args, poll).await.map(Some)
        }
        (_, watched) => watched.map(|_| None),
    };
    let (verification, failure) = match compared {
        Ok(verification) => (verification, None),
        Err(failure) => (None, Some(failure)),
    };
    let report = SimulationReport::new(outcome.summary.clone(), &plan, verification);
    context.output.report(&report)?;
    simulation.verdict(outcome, report.verification.as_ref(), failure)
}

/// Returns the readings in words, with their price.
#[expect(clippy::cast_precision_loss, reason = "an approximate price")]
fn described(plan: &SimulationPlan, args: &SimulateArgs, expected: Option<u64>) -> String {
    let sensors =
        if plan.sensors == 1 { "1 sensor".to_owned() } else { format!("{} sensors", units::count(plan.sensors)) };
    match (expected, args.duration) {
        (Some(count), _) => {
            let price = count as f64 / 1e6 * USD_A_MILLION;
            let price = if price < 0.01 { "less than 0.01 USD".to_owned() } else { format!("about {price:.2} USD") };
            format!("{} readings of {sensors} ({price})", units::count(count))
        }
        (None, duration) => format!(
            "readings of {sensors} for {} as fast as possible (about {USD_A_MILLION:.2} USD a million)",
            units::duration(duration.unwrap_or_default())
        ),
    }
}

fn verifier<'a>(
    context: &'a Context,
    clients: &'a Clients,
    args: &SimulateArgs,
    plan: &Arc<SimulationPlan>,
    ledger: SharedLedger,
) -> Verifier<'a> {
    let pipeline = &context.settings.pipeline;
    Verifier {
        clients,
        table: &pipeline.table.name,
        rejects_table: &pipeline.rejects.table.name,
        plan: Arc::clone(plan),
        ledger,
        late_after: args.late_after,
    }
}

struct Simulation<'a> {
    context: &'a Context,
    clients: &'a Clients,
    plan: Arc<SimulationPlan>,
    size: SimulationSize,
    /// The number of readings, if it is known.
    expected: Option<u64>,
    /// The flags that send the same readings again.
    flags: String,
}

impl Simulation<'_> {
    async fn send(&self, ledger: Option<SharedLedger>, plan: SendPlan) -> PutOutcome {
        let Simulation { context, clients, size, expected, .. } = self;
        let output = &context.output;
        let progress = PutProgress::new(output, "simulation".to_owned(), false, false);
        let expected = *expected;
        let progress = progress.with_position(move |counts| Some((counts.accepted, expected?)));
        let chunks = simulated_chunks(Arc::clone(&self.plan), *size, ledger);
        // The feeder keeps the rate.
        let options = PutOptions {
            plan,
            rate: None,
            max_errors: None,
            rejects: None,
            checkpoint: None,
            observer: &progress,
            interrupt: &context.interrupt,
        };
        let stream = KinesisStream { clients, name: &context.settings.pipeline.stream.name };
        let outcome = put_all(chunks, &stream, options).await;
        progress.finish(&outcome.summary);
        outcome
    }

    /// Waits until the pipeline has drained.
    async fn verify(
        &self,
        verifier: &Verifier<'_>,
        outcome: &PutOutcome,
        args: &SimulateArgs,
        poll: std::time::Duration,
    ) -> Result<Verification, Error> {
        for record in &outcome.failed {
            verifier.ledger.lock().note_failed(record.line.saturating_sub(1));
        }
        let output = &self.context.output;
        let step = output.progress().step(format!("readings in table {}", verifier.table));
        let waiting = |open: u64| step.waiting(&format!("{} not stored yet", units::count(open)));
        let left = || {
            let open = units::count(verifier.ledger.lock().open());
            Error::interrupted(format!("interrupted; {open} readings were not seen in the table yet"))
        };
        let drained = self.context.or_interrupt(verifier.drain(args.timeout, &waiting), left).await;
        match drained {
            Ok(drained) => {
                let verification = verifier.verification(poll.max(drained));
                if verification.is_good() {
                    step.done("verified");
                } else {
                    step.failed();
                }
                Ok(verification)
            }
            Err(error) => {
                step.failed();
                Err(error)
            }
        }
    }

    /// Returns how it ended.
    fn verdict(
        &self,
        outcome: PutOutcome,
        verification: Option<&Verification>,
        failure: Option<Error>,
    ) -> Result<(), Error> {
        let PutOutcome { summary, stopped, .. } = outcome;
        let ledger = ledger(&summary);
        let with_hint = |error: Error| {
            let hint = "`sensorctl simulate --delete` deletes the rows of simulated sensors";
            if summary.accepted > 0 { error.hint(hint) } else { error }
        };
        if let Some(failure) = failure {
            return Err(with_hint(failure.hint(ledger)));
        }
        if self.context.interrupt.is_cancelled() {
            return Err(with_hint(Error::interrupted(format!("interrupted; {ledger}"))));
        }
        if let Some(error) = stopped {
            return Err(if summary.accepted > 0 { error.hint(ledger) } else { error });
        }
        if let Some(bad) = verification.filter(|verification| !verification.is_good()) {
            return Err(self.explain(bad, &ledger));
        }
        if summary.failed > 0 {
            return Err(with_hint(Error::incomplete(format!("not all readings were put: {ledger}"))));
        }
        if self.size.count.is_some_and(|count| summary.read < count) {
            return Err(Error::incomplete(format!("later readings would have times after 2100: {ledger}"))
                .hint("`--start`, `--interval`, `--outages` and `--sensors` decide their times"));
        }
        let (seed, flags) = (self.plan.seed, &self.flags);
        let output = &self.context.output;
        output.status(format!("Seed {seed}: `{flags}` sends the same readings again."));
        output.status(format!(
            "Next: `sensorctl scan --sensor {} --limit 10` shows rows; `sensorctl simulate --delete` deletes them.",
            SimulationPlan::sensor_id(0)
        ));
        Ok(())
    }

    fn explain(&self, found: &Verification, ledger: &str) -> Error {
        let counts = [
            (found.lost, "lost"),
            (found.replaced, "replaced by other values"),
            (found.dead_letters, "dead letters"),
            (found.late, "late"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts.map(|(count, what)| format!("{} {what}", units::count(*count))).collect();
        let of = units::count(found.distinct);
        let mut error = Error::incomplete(format!("of {of} different readings: {}", counts.join(", ")));
        if found.lost > 0 {
            error =
                error.hint("`sensorctl status` shows whether the function and its mapping work, and its last result");
            error = error
                .hint("a reading that is lost may still come: the mapping retries; a longer `--timeout` waits longer");
        }
        if found.dead_letters > 0 {
            let table = &self.context.settings.pipeline.rejects.table.name;
            error = error.hint(format!(
                "table {table} holds the dead letters: `sensorctl rejects list` shows them with their reasons"
            ));
        }
        if found.replaced > 0 {
            error =
                error.hint("another writer put readings of the same sensor and time; another `--seed` has other times");
        }
        if found.late > 0 {
            error = error.hint("a lower `--rate`, more shards (`stream.shards`) or `mapping.parallelization` keep up");
        }
        error.hint(ledger)
    }
}

fn ledger(summary: &PutSummary) -> String {
    format!(
        "{} sent, {} accepted, {} failed",
        units::count(summary.read),
        units::count(summary.accepted),
        units::count(summary.failed)
    )
}
