//! Tests of plans: the observed state decides the action, and the ownership decides whether it is allowed.

use serde_json::json;

use super::*;
use crate::error::Error;
use crate::stack::engine::observed::{Properties, State, Tags};
use crate::stack::engine::resource::{Attempt, Readiness, Resource};
use crate::stack::{ArnRegistry, Owner, Session};

/// A resource with an immutable key and a mutable size.
struct Thing {
    kind: Kind,
    existing: bool,
}

impl Resource for Thing {
    fn kind(&self) -> Kind {
        self.kind
    }
    fn name(&self) -> &'static str {
        "readings"
    }
    fn desired(&self, _: &ArnRegistry) -> Properties {
        let size = if self.kind == Kind::Function { "code_sha256" } else { "shards" };
        [("key", json!("id")), (size, json!(2))].into()
    }
    fn is_existing(&self) -> bool {
        self.existing
    }
    fn immutable_properties(&self) -> &'static [&'static str] {
        &["key"]
    }
    fn observe<'a>(&'a self, _: &'a Session) -> Attempt<'a, Observed> {
        unreachable!()
    }
    fn create<'a>(&'a self, _: &'a Session, _: &'a ArnRegistry) -> Attempt<'a, Option<String>> {
        unreachable!()
    }
    fn update<'a>(&'a self, _: &'a Session, _: &'a ArnRegistry, _: &'a Observed, _: &'a [Difference]) -> Attempt<'a> {
        unreachable!()
    }
    fn tag<'a>(&'a self, _: &'a Session, _: &'a Observed, _: Tags) -> Attempt<'a> {
        unreachable!()
    }
    fn poll_ready<'a>(&'a self, _: &'a Session) -> Attempt<'a, Readiness> {
        unreachable!()
    }
    fn delete<'a>(&'a self, _: &'a Session, _: &'a Observed) -> Attempt<'a> {
        unreachable!()
    }
}

const STREAM: Thing = Thing { kind: Kind::Stream, existing: false };
const FUNCTION: Thing = Thing { kind: Kind::Function, existing: false };
const MAPPING: Thing = Thing { kind: Kind::Mapping, existing: false };

fn owner() -> Owner {
    Owner { stage: "default".into(), region: "eu-west-1".into(), tags: Tags::new() }
}

fn blue() -> Tags {
    Owner { stage: "blue".into(), ..owner() }.all_tags()
}

fn found(key: &str, size: i64, tags: Tags) -> Observed {
    let properties = [("key", key.into()), ("shards", size.into()), ("code_sha256", size.into()), ("other", json!(1))];
    Observed { state: State::Active, tags, properties: properties.into(), ..Observed::missing() }
}

fn ours(key: &str, size: i64) -> Observed {
    found(key, size, owner().all_tags())
}

fn adopted(key: &str, size: i64) -> Observed {
    found(key, size, owner().adoption_tags())
}

fn up(thing: &Thing, found: Observed, adopt: bool) -> Result<Step, Error> {
    Plan::up(&owner(), &[thing], vec![found], &ArnRegistry::default(), adopt).map(|mut plan| plan.steps.remove(0))
}

fn down(found: Observed, teardown: &TeardownOptions) -> Step {
    Plan::down(&owner(), &[&STREAM], vec![found], teardown).steps.remove(0)
}

#[test]
fn up_observed_state_decides_the_action() {
    let action = |found| up(&STREAM, found, false).unwrap();
    assert_eq!(action(Observed::missing()).action, Action::Create);
    assert_eq!(action(ours("id", 2)).action, Action::None);
    let update = action(ours("id", 1));
    assert_eq!((update.action, update.reason.as_str()), (Action::Update, "differs in shards"));
    assert_eq!(action(ours("name", 2)).action, Action::Replace);
    let changing = |key| Observed { state: State::Changing("CREATING".into()), ..ours(key, 2) };
    assert_eq!(
        (action(changing("id")).action, action(changing("id")).reason.as_str()),
        (Action::Update, "still CREATING")
    );
    assert_eq!(action(changing("name")).action, Action::Replace, "what no update can change is said at once");
    assert_eq!(action(Observed { state: State::Deleting, ..ours("id", 2) }).action, Action::Create);
}

#[test]
fn up_replaces_only_failed_functions() {
    let broken = || Observed { state: State::Failed("broken".into()), ..ours("id", 2) };
    assert_eq!(up(&FUNCTION, broken(), false).unwrap().action, Action::Replace);
    assert_eq!(up(&STREAM, broken(), false).unwrap().action, Action::Update);
}

#[test]
fn unmanaged_resource_is_refused_and_never_deleted() {
    for tags in [Tags::new(), blue()] {
        let error = up(&STREAM, found("id", 2, tags.clone()), false).unwrap_err();
        assert!(error.to_string().contains("readings in eu-west-1: ") && !error.hints().is_empty());
        assert_eq!(down(found("id", 2, tags), &TeardownOptions::default()).action, Action::Keep);
    }
}

#[test]
fn up_reports_all_unmanaged_resources_at_once() {
    let found = vec![found("id", 2, Tags::new()), found("id", 2, blue())];
    let error = Plan::up(&owner(), &[&STREAM, &FUNCTION], found, &ArnRegistry::default(), false).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("\n  stream         readings in") && said.contains("\n  function       readings in"),
        "{said}"
    );
    assert!(!error.hints().iter().any(|hint| hint.contains("--adopt")), "another stage's is not to be taken over");
}

#[test]
fn unmanaged_resource_is_adopted_on_request_and_other_stage_never() {
    assert!(up(&STREAM, found("id", 2, Tags::new()), false).unwrap_err().hints()[1].contains("--adopt"));
    let step = up(&STREAM, found("id", 1, Tags::new()), true).unwrap();
    assert!(step.adopts && step.action == Action::Update);
    let changed: Vec<_> = step.differences.iter().map(|difference| difference.property).collect();
    assert_eq!(changed, ["shards", "tags"]);
    assert!(up(&STREAM, found("id", 2, blue()), true).is_err());
}

#[test]
fn adopted_resource_is_updated_and_deleted_only_if_named() {
    assert_eq!(up(&STREAM, adopted("id", 2), false).unwrap().action, Action::None);
    assert_eq!(up(&STREAM, adopted("id", 1), false).unwrap().action, Action::Update);
    for (found, adopt) in [(adopted("name", 2), false), (found("name", 2, Tags::new()), true)] {
        let error = up(&STREAM, found, adopt).unwrap_err();
        assert!(error.to_string().contains("no update can change its key"), "{error}");
    }
    let broken = Observed { state: State::Failed("broken".into()), ..adopted("id", 2) };
    assert!(up(&FUNCTION, broken, false).unwrap_err().to_string().contains("broken"));
    let named = |name: &str| TeardownOptions { delete_adopted: vec![name.into()], ..TeardownOptions::default() };
    assert_eq!(down(adopted("id", 2), &TeardownOptions::default()).action, Action::Keep);
    assert_eq!(down(adopted("id", 2), &named("table")).action, Action::Keep);
    assert_eq!(down(adopted("id", 2), &named("stream")).action, Action::Delete);
    assert_eq!(down(adopted("id", 2), &named("readings")).action, Action::Delete);
}

#[test]
fn down_keeps_dependencies_of_kept_adopted_resource() {
    let actions = |mapping| {
        let found = vec![ours("id", 2), ours("id", 2), mapping];
        let plan = Plan::down(&owner(), &[&STREAM, &FUNCTION, &MAPPING], found, &TeardownOptions::default());
        plan.steps.iter().map(|step| step.action).collect::<Vec<_>>()
    };
    assert_eq!(actions(ours("id", 2)), [Action::Delete; 3]);
    assert_eq!(actions(adopted("id", 2)), [Action::Keep; 3]);
}

#[test]
fn existing_resource_is_kept_with_any_ownership() {
    let existing = Thing { existing: true, ..STREAM };
    let up = |found| up(&existing, found, false);
    for tags in [owner().all_tags(), Tags::new(), blue()] {
        assert_eq!(up(found("id", 2, tags.clone())).unwrap().action, Action::Keep);
        let down = Plan::down(&owner(), &[&existing], vec![found("id", 2, tags)], &TeardownOptions::default());
        assert_eq!(down.steps[0].action, Action::Keep);
    }
    assert!(up(Observed::missing()).unwrap_err().to_string().contains("does not exist"));
    assert!(up(found("name", 2, Tags::new())).unwrap_err().to_string().contains("its key is \"name\""));
}

#[test]
fn newer_function_code_is_reported() {
    let of = |version: &str, size| {
        let mut found = ours("id", size);
        found.tags.insert("sensorctl:version".into(), version.into());
        up(&FUNCTION, found, false).unwrap().newer_code
    };
    assert_eq!(of("99.0.0", 1).as_deref(), Some("99.0.0"));
    assert_eq!(of("99.0.0", 2), None, "the code is the same");
    assert_eq!(of("0.0.1", 1), None);
}

#[test]
fn mapping_is_replaced_with_its_stream() {
    let plan = |stream| {
        let found = vec![stream, ours("id", 2)];
        Plan::up(&owner(), &[&STREAM, &MAPPING], found, &ArnRegistry::default(), false).unwrap().steps.remove(1)
    };
    assert_eq!(plan(ours("id", 2)).action, Action::None);
    assert_eq!(plan(Observed::missing()).action, Action::Replace);
    assert_eq!(plan(ours("name", 2)).action, Action::Replace);
    let found = vec![Observed::missing(), adopted("id", 2)];
    let plan = Plan::up(&owner(), &[&STREAM, &MAPPING], found, &ArnRegistry::default(), false).unwrap();
    assert_eq!(plan.steps[1].action, Action::None);
    assert!(plan.steps[1].found.warnings[0].contains("has its position in the previous one"));
}

#[test]
fn function_is_replaced_with_its_role_unless_unmanaged() {
    let role = Thing { kind: Kind::Role, existing: false };
    let try_plan = |of_role: Observed, of_function: Observed| {
        Plan::up(&owner(), &[&role, &FUNCTION], vec![of_role, of_function], &ArnRegistry::default(), false)
    };
    let plan = |of_role: Observed, of_function: Observed| try_plan(of_role, of_function).unwrap();
    let replaced = plan(Observed::missing(), ours("id", 2));
    assert_eq!(replaced.steps[1].action, Action::Replace);
    assert!(
        replaced.delete_before_create(&replaced.steps[1]),
        "else the next run would not know, if this one were killed in between"
    );
    assert_eq!(plan(ours("id", 2), ours("id", 2)).steps[1].action, Action::None);
    let named = |role: &str| {
        let mut function = ours("id", 2);
        function.properties.insert("role", json!(format!("arn:aws:iam::1:role/{role}")));
        plan(Observed::missing(), function).steps[1].action
    };
    assert_eq!((named("readings"), named("another")), (Action::Replace, Action::None));
    let refused = try_plan(Observed::missing(), adopted("id", 2)).unwrap_err();
    assert!(refused.to_string().contains("KMSAccessDeniedException"), "{refused}");
    assert!(refused.hints()[0].contains("role.name"), "{refused}");
}

/// Returns which step goes first, and whether partial batch responses are held back, for an observed function and
/// mapping.
fn order(function: Observed, mapping: Observed) -> (bool, bool, Plan) {
    let references = ArnRegistry::default();
    let plan = Plan::up(&owner(), &[&FUNCTION, &MAPPING], vec![function, mapping], &references, false).unwrap();
    (plan.mapping_first, references.holds_back_partial_batch(), plan)
}

/// Returns a managed mapping with or without partial batch responses, changed some seconds ago or long ago.
fn mapping(has: bool, enabled: bool, in_force_after: &str) -> Observed {
    let mut found = ours("id", 2);
    let types = if has { json!(["ReportBatchItemFailures"]) } else { json!([]) };
    found.properties.extend([("response_types", types), ("enabled", json!(enabled))]);
    found.details.extend([("in_force_after", in_force_after.to_owned()), ("lags", "180".to_owned())]);
    found
}

fn answering(in_part: bool) -> Observed {
    let mut found = ours("id", 2);
    let variables = if in_part { json!({"SENSORCTL_PARTIAL_BATCH": "1"}) } else { json!({"OTHER": "1"}) };
    found.properties.insert("environment", variables);
    found
}

#[test]
fn partial_batch_responses_are_held_back_until_mapping_supports_them() {
    let is_held_back = |function: Observed, mapping: Observed| order(function, mapping).1;
    assert!(is_held_back(answering(false), mapping(false, true, "0")), "it learns them now");
    assert!(is_held_back(answering(false), mapping(true, true, "90")), "it learnt them in a run that was killed");
    assert!(is_held_back(Observed::missing(), mapping(false, true, "0")), "a mapping outlives its function");
    assert!(is_held_back(Observed::missing(), mapping(true, true, "90")));
    assert!(is_held_back(answering(true), mapping(false, true, "0")), "another caller removed them from the mapping");
    assert!(is_held_back(answering(false), mapping(false, false, "90")), "disabled a moment ago, it may still deliver");

    assert!(
        !is_held_back(Observed::missing(), Observed::missing()),
        "a new mapping understands them from its first batch"
    );
    assert!(!is_held_back(answering(false), Observed::missing()));
    let mut at_once = mapping(false, true, "0");
    at_once.details.insert("lags", "0".to_owned());
    assert!(!is_held_back(answering(true), at_once.clone()), "it learns them no later than the function could be told");
    assert!(is_held_back(answering(false), at_once));
    assert!(!is_held_back(answering(true), mapping(true, true, "90")), "something else of the mapping was changed");
    assert!(!is_held_back(answering(false), mapping(true, true, "0")));
    assert!(!is_held_back(answering(false), mapping(false, false, "0")), "long disabled, it delivers nothing");
    assert!(!is_held_back(answering(false), Observed { state: State::Deleting, ..mapping(false, true, "90") }));
}

#[test]
fn function_stops_partial_batch_responses_first_beside_mapping_without_them() {
    let (mapping_first, _, plan) = order(answering(true), mapping(false, true, "0"));
    assert!(!mapping_first);
    assert_eq!(plan.steps[0].action, Action::Update);
    assert!(
        plan.steps[0].reason.contains("ReportBatchItemFailures has been in force for 180 s"),
        "{}",
        plan.steps[0].reason
    );
    let (_, _, plan) = order(answering(true), mapping(true, true, "90"));
    assert_eq!(plan.steps[0].action, Action::None);
}

#[test]
fn enabled_mapping_gets_partial_batch_responses_before_the_function() {
    let mapping = |enabled: bool, shards: i64| {
        let mut found = ours("id", shards);
        found.properties.insert("enabled", json!(enabled));
        let mut plan = Plan::up(&owner(), &[&MAPPING], vec![found], &ArnRegistry::default(), false).unwrap();
        plan.steps[0].differences.iter_mut().for_each(|difference| difference.property = "response_types");
        plan
    };
    assert!(super::up::misreads_partial_responses(&mapping(true, 1).steps[0]));
    assert!(!super::up::misreads_partial_responses(&mapping(false, 1).steps[0]), "it delivers nothing");
    assert!(!super::up::misreads_partial_responses(&mapping(true, 2).steps[0]));
    let with = |function: Observed| {
        let plan = Plan::up(&owner(), &[&FUNCTION], vec![function], &ArnRegistry::default(), false).unwrap();
        super::up::is_mapping_first(&[mapping(true, 1).steps, plan.steps].concat())
    };
    assert!(with(ours("id", 2)) && !with(Observed::missing()), "what is not there answers nothing");
    let plan = Plan { mapping_first: true, ..mapping(true, 1) };
    assert!(plan.waits_for(Kind::Function).contains(&Kind::Mapping) && plan.is_needed_ready(Kind::Mapping));
    assert!(!plan.waits_for(Kind::Mapping).contains(&Kind::Function));
}
