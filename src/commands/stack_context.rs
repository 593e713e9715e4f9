//! The desired stack and the cloud that holds it, for `up`, `plan`, `status`, `down` and `demo`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future;

use crate::aws::AwsFailure;
use crate::context::Context;
use crate::error::Error;
use crate::observer::Observer;
use crate::output::{ReportScope, ResourceRef};
use crate::settings::{self, Setting, SettingOrigin, StartingPosition};
use crate::stack::{
    Action, Architecture, ArnRegistry, DEFAULT_STAGE, FunctionArtifact, Kind, Observed, Orphans, Owner, Plan,
    STARTED_AT, Session, Stack, StackEvent, StackObserver, Step,
};

/// AWS support has said up to 15 minutes of a role's propagation (docs/facts/retries.md, Role propagation).
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// An observer that shows nothing.
pub(super) struct NoProgress;

impl Observer<StackEvent> for NoProgress {
    fn on(&self, _: &StackEvent) {}
}

/// Under `-v`: every setting, and where its value came from. Said before any call, so also where none succeeds.
pub(super) fn print_settings(context: &Context) {
    for Setting { key, value, origin } in &context.settings.origins {
        context.output.detail(format!("  {:<44} {origin}", format!("{key} = {value}")));
    }
}

/// A stack, as it was observed.
pub(super) struct StackContext {
    /// The services.
    pub session: Session,
    /// The desired resources.
    pub stack: Stack,
    /// The ARNs known so far.
    pub references: ArnRegistry,
    /// The account that it is in.
    pub account: String,
    /// The observed state of the resources.
    pub found: Vec<Observed>,
    /// Resources of this stage under other names, where they were looked for.
    pub orphans: Orphans,
}

/// The resources to observe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DiscoveryScope {
    /// The resources that the settings name.
    Configured,
    /// Also what this stage has under other names.
    Stage,
}

impl StackContext {
    /// Returns the scope of a report on a plan. Orphans that the plan deletes, as with `down --orphans`, are not in it.
    pub(super) fn report_scope(&self, plan: &Plan) -> ReportScope {
        let deletes_orphans = plan.steps.len() > self.stack.resources().len();
        ReportScope {
            account: self.account.clone(),
            region: self.session.owner.region.clone(),
            stage: self.session.owner.stage.clone(),
            orphans: if deletes_orphans { Vec::new() } else { ResourceRef::of_orphans(&self.orphans) },
        }
    }

    /// Connects, and looks at everything at once.
    ///
    /// # Errors
    /// When there is no cloud to talk to, the function's program does not fit it, or a look failed.
    pub(super) async fn observe(context: &Context, session: Session, scope: DiscoveryScope) -> Result<Self, Error> {
        let artifact = artifact(&context.settings.pipeline.function, session.clients.is_loopback())?;
        Self::seen(context, session, artifact, scope).await
    }

    /// Does the same for a teardown, without the function's program, so that it works where there is no program.
    ///
    /// # Errors
    /// When there is no cloud to talk to, or a look failed.
    pub(super) async fn to_take_down(context: &Context, session: Session) -> Result<Self, Error> {
        Self::seen(context, session, FunctionArtifact::empty(), DiscoveryScope::Stage).await
    }

    async fn seen(
        context: &Context,
        session: Session,
        artifact: FunctionArtifact,
        scope: DiscoveryScope,
    ) -> Result<Self, Error> {
        let settings = &context.settings.pipeline;
        let stack = Stack::new(settings, artifact);
        let references = ArnRegistry::default();
        let orphans = async {
            Ok(match scope {
                DiscoveryScope::Configured => Orphans::default(),
                DiscoveryScope::Stage => Orphans::find(&session, settings, None).await,
            })
        };
        let account = async { account(&session).await.map_err(|failure| vec![failure]) };
        let looks = futures::try_join!(account, stack.observe(&session, &references), orphans);
        let (account, found, orphans) = match looks {
            Ok(all) => all,
            Err(failures) => return Err(observation_error(&session, failures).await),
        };
        let mut deployment = StackContext { session, stack, references, account, found, orphans };
        deployment.preserve_unmanaged(context, false);
        Ok(deployment)
    }

    /// Does the same with as few calls as possible: without the settings in [`crate::stack::NOT_READ_QUICKLY`], the tags
    /// at once, orphans where their tags show some, and the account from an ARN.
    ///
    /// # Errors
    /// As [`StackContext::observe`].
    pub(super) async fn observe_quickly(
        context: &Context,
        session: Session,
        scope: DiscoveryScope,
    ) -> Result<Self, Error> {
        let session = Session { quick: Some(Arc::default()), ..session };
        let settings = &context.settings.pipeline;
        let stack = Stack::new(settings, artifact(&settings.function, session.clients.is_loopback())?);
        let references = ArnRegistry::default();
        let found = match stack.observe(&session, &references).await {
            Ok(found) => found,
            Err(failures) => return Err(observation_error(&session, failures).await),
        };
        let account = match found.iter().find_map(|found| account_in(found.arn.as_deref()?)) {
            Some(account) => account,
            None => match session.in_time(("STS", "GetCallerIdentity"), "the caller", account(&session)).await {
                Ok(account) => account,
                Err(failure) => return Err(observation_error(&session, vec![failure]).await),
            },
        };
        let mapping = references.known(Kind::Mapping);
        let orphans = match scope {
            DiscoveryScope::Configured => Orphans::default(),
            DiscoveryScope::Stage => {
                let find = async { Ok(Orphans::find(&session, settings, mapping.as_deref()).await) };
                let found = session.in_time(("AWS", "search for orphans"), "the stage", find).await;
                found.unwrap_or_else(|failure| Orphans::not_searched(&failure.to_string()))
            }
        };
        let mut deployment = StackContext { session, stack, references, account, found, orphans };
        deployment.preserve_unmanaged(context, false);
        Ok(deployment)
    }

    /// Reads the resources of these kinds again.
    ///
    /// # Errors
    /// When a look failed.
    pub(super) async fn refresh(&mut self, kinds: &[Kind]) -> Result<(), Error> {
        let StackContext { session, stack, .. } = self;
        let looks = stack.resources().into_iter().enumerate().filter(|(_, resource)| kinds.contains(&resource.kind()));
        let looks = looks.map(async |(at, resource)| Ok((at, session.observe(resource).await?)));
        match future::try_join_all(looks).await {
            Ok(seen) => {
                for (at, found) in seen {
                    self.found[at] = found;
                }
                Ok(())
            }
            Err(failure) => Err(observation_error(&self.session, vec![failure]).await),
        }
    }

    /// Returns the ARNs that the resources have or will have.
    #[must_use]
    pub(super) fn expected_arns(&self) -> BTreeMap<Kind, String> {
        let mut arns = self.stack.expected_arns(&self.account, &self.session.clients.region);
        let known = Kind::ALL.into_iter().filter_map(|kind| Some((kind, self.references.known(kind)?)));
        arns.extend(known);
        arns
    }

    /// Leaves unmanaged resources as they were found, except for what the settings ask for; with `adopt` also those that are
    /// about to be adopted.
    pub(super) fn preserve_unmanaged(&mut self, context: &Context, adopt: bool) {
        let is_asked = |key: &str| context.settings.origin(key).is_some_and(|origin| *origin != SettingOrigin::Default);
        self.stack.keep(&self.session.owner, &self.found, adopt, &is_asked);
    }
}

/// Returns the error of looks that failed: one as it is, several with a line each.
async fn observation_error(session: &Session, failures: Vec<AwsFailure>) -> Error {
    // A look may have failed before the account was known.
    let failures = future::join_all(failures.into_iter().map(|failure| session.clients.with_account_context(failure)));
    let mut failures: Vec<AwsFailure> = failures.await;
    if failures.len() == 1 {
        return failures.remove(0).into();
    }
    let lines: Vec<_> = failures.iter().map(|failure| format!("  {failure}")).collect();
    let hints = failures.iter().flat_map(|failure| Error::from(failure.clone()).hints().to_vec());
    let mut error = Error::failed(format!("{} calls were denied:\n{}", failures.len(), lines.join("\n")));
    for hint in hints {
        if !error.hints().contains(&hint) {
            error = error.hint(hint);
        }
    }
    error.hint("`sensorctl export policy` prints the policy that allows all that sensorctl does")
}

/// Says where the settings ask for a starting position that the mapping, once made, cannot take any more.
pub(super) fn tell_starting_position(context: &Context, plan: &Plan) {
    let stays = |step: &&Step| {
        let is_made = matches!(step.action, Action::Create | Action::Replace);
        step.kind == Kind::Mapping && step.found.exists() && !is_made
    };
    let began = plan.steps.iter().find(stays).and_then(|step| step.found.details.get(STARTED_AT));
    let wanted = match context.settings.pipeline.mapping.starting_position {
        StartingPosition::Auto => return,
        StartingPosition::TrimHorizon => "TRIM_HORIZON".to_owned(),
        StartingPosition::Latest => "LATEST".to_owned(),
        StartingPosition::At(time) => time.to_string(),
    };
    if let Some(began) = began.filter(|began| !began.is_empty() && **began != wanted) {
        let origin = context.settings.origin("mapping.starting_position").cloned().unwrap_or(SettingOrigin::Default);
        context.output.note(format!(
            "`mapping.starting_position` ({origin}) applies only when the mapping is created; this one began at {began}"
        ));
    }
}

/// The services, as the settings name them.
///
/// # Errors
/// When there is no cloud to talk to.
pub(super) async fn session(
    context: &Context,
    timeout: Duration,
    observer: Arc<StackObserver>,
) -> Result<Session, Error> {
    let clients = context.clients().await?;
    let settings = &context.settings;
    let owner = Owner {
        stage: settings.stage.clone().unwrap_or_else(|| DEFAULT_STAGE.to_owned()),
        region: clients.region.clone(),
        tags: settings.pipeline.tags.clone(),
    };
    let schedule = clients.schedule(timeout);
    let clients = clients.clone();
    Ok(Session { clients, owner, schedule, delete_consumers: false, observer, recent: Arc::default(), quick: None })
}

/// Returns the account in an ARN.
fn account_in(arn: &str) -> Option<String> {
    let account = arn.split(':').nth(4)?;
    (account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit())).then(|| account.to_owned())
}

/// Returns the account; transient failures are retried as for every other call.
async fn account(session: &Session) -> Result<String, AwsFailure> {
    session.read_only().retry(|| async { session.clients.account().await.map(str::to_owned) }, |_, _| {}).await
}

/// The function that was asked for: on AWS for `x86_64` wherever this runs, nearby for this machine.
fn artifact(function: &settings::Function, is_nearby: bool) -> Result<FunctionArtifact, Error> {
    let asked = function.architecture.and_then(Architecture::named);
    let artifact = match &function.zip {
        Some(path) => FunctionArtifact::read(path)?,
        None => FunctionArtifact::bundled_for(asked, is_nearby)?,
    };
    artifact.check_for(artifact.destination(asked, is_nearby))?;
    Ok(artifact)
}
