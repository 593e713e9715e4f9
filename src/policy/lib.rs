//! Compares and evaluates IAM policy documents.
//!
//! Supported are identity and trust policies: Effect, (Not)Action, (Not)Resource, Principal, wildcards, explicit deny,
//! policy variables, and conditions on strings, ARNs, booleans, numbers and dates. An unsupported part (another
//! operator, `NotPrincipal`, a malformed statement, a key with an unknown value) grants nothing: it does not allow, and
//! it denies whatever it may deny. Session and resource policies are not evaluated.
//!
//! This evaluator exists because two crates failed the cases of the tests below. Both `iam-rs` 0.8 and
//! `scratchstack-aspen` 0.3 insert an empty string for a variable without a value, so that
//! `table/${aws:PrincipalTag/team}*` allows every table to a caller without a team. Both accept neither `*` as the
//! resource of a request nor a pattern such as `arn:aws:dynamodb:*`, and both do not evaluate trust policies. `iam-rs`
//! allows everything for `ForAllValues` on an unknown key. `scratchstack-aspen` (last released on the crates of 2022)
//! compares services case-sensitively, has no set operators, and compiles five regular expressions for each comparison.

mod canonical;
mod condition;
mod pattern;
mod statement;

use serde_json::Value;

pub use self::canonical::canonical;
use self::condition::ConditionMatch;
pub use self::pattern::Context;
use self::statement::{Effect, Statement};

/// The policy version that supports variables.
const WITH_VARIABLES: &str = "2012-10-17";

/// A request to evaluate against policies.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest<'a> {
    /// `dynamodb:BatchWriteItem`.
    pub action: &'a str,
    /// The ARN. `None` if the request does not name it: then only a policy for all resources allows the request, and a
    /// policy that denies any resource denies it.
    pub resource: Option<&'a str>,
    /// The condition keys.
    pub context: Context<'a>,
    /// The principal that assumes the role, for a trust policy.
    pub principal: Option<Principal<'a>>,
}

/// A principal, as a trust policy names it.
#[derive(Clone, Debug)]
pub enum Principal<'a> {
    /// A service: `lambda.amazonaws.com`.
    Service(&'a str),
    /// A user, role or session.
    Aws {
        /// Its account.
        account: &'a str,
        /// All ARNs that can name it.
        arns: &'a [&'a str],
    },
}

impl<'a> AuthorizationRequest<'a> {
    /// Creates a request for an action on a resource, without condition keys.
    #[must_use]
    pub fn new(action: &'a str, resource: &'a str) -> Self {
        AuthorizationRequest { action, resource: Some(resource), context: Context::default(), principal: None }
    }
}

/// The result of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it, and no statement denies it.
    Allowed,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it.
    Denied,
}

/// Evaluates these documents together. An invalid document has no effect.
#[must_use]
pub fn decide(policies: &[String], ask: &AuthorizationRequest<'_>) -> Decision {
    let documents: Vec<Value> = policies.iter().filter_map(|policy| serde_json::from_str(policy).ok()).collect();
    evaluate(&documents, ask).0
}

/// Evaluates these documents together. Returns the decision and whether it is certain: it is uncertain if it depends on
/// an unsupported part.
#[must_use]
pub fn evaluate(documents: &[Value], ask: &AuthorizationRequest<'_>) -> (Decision, bool) {
    let (mut allowed, mut denied) = (ConditionMatch::No, ConditionMatch::No);
    let add = |so_far: &mut ConditionMatch, covered: ConditionMatch| {
        *so_far = ConditionMatch::any([*so_far, covered].into_iter());
    };
    for statement in documents.iter().flat_map(statements) {
        let covered = statement.covers(ask);
        match statement.effect() {
            Effect::Allow => add(&mut allowed, covered),
            Effect::Deny => add(&mut denied, covered),
            Effect::Unclear if covered == ConditionMatch::No => {}
            Effect::Unclear => {
                add(&mut allowed, ConditionMatch::Unclear);
                add(&mut denied, ConditionMatch::Unclear);
            }
        }
    }
    match (allowed, denied) {
        (_, ConditionMatch::Yes) => (Decision::Denied, true),
        // Without an allowing statement it is not allowed, with or without a denial.
        (ConditionMatch::No, _) => (Decision::NotAllowed, true),
        (ConditionMatch::Unclear, ConditionMatch::No) => (Decision::NotAllowed, false),
        (_, ConditionMatch::Unclear) => (Decision::Denied, false),
        (ConditionMatch::Yes, ConditionMatch::No) => (Decision::Allowed, true),
    }
}

/// Returns the statements of a document. A document without statements counts as an unsupported one.
fn statements(document: &Value) -> Vec<Statement<'_>> {
    let has_variables = document.get("Version").and_then(Value::as_str) == Some(WITH_VARIABLES);
    let statement = |body| Statement { body, has_variables };
    match document.get("Statement") {
        Some(Value::Array(many)) => many.iter().map(statement).collect(),
        Some(one) => vec![statement(one)],
        None => vec![statement(&Value::Null)],
    }
}

#[cfg(test)]
mod tests;
