//! What policy documents say: whether they are the same, and whether they allow something.
//!
//! Evaluated are identity and trust policies: Effect, (Not)Action, (Not)Resource, Principal, wildcards, explicit deny,
//! policy variables, and conditions on text, ARNs, truth values, numbers and dates. What is not understood (another
//! operator, `NotPrincipal`, a malformed statement, a key of which nothing is known) opens no door: it allows nothing, and
//! denies what it may deny. Not evaluated: session and resource policies.
//!
//! Why an evaluator of our own: two crates were tried on the cases of the tests below. Both `iam-rs` 0.8 and
//! `scratchstack-aspen` 0.3 put an empty text where a variable has no value, so that `table/${aws:PrincipalTag/team}*`
//! allows every table to who has no team; take neither `*` as the resource of a request nor a pattern like
//! `arn:aws:dynamodb:*`; and do not evaluate trust policies. `iam-rs` lets `ForAllValues` on a key that it was not told
//! allow everything; `scratchstack-aspen` (last released on the crates of 2022) compares services with their letter
//! case, knows no set operators, and compiles five regular expressions for each comparison.

mod canonical;
mod condition;
mod pattern;
mod statement;

use serde_json::Value;

pub use self::canonical::canonical;
use self::condition::ConditionMatch;
pub use self::pattern::Context;
use self::statement::{Effect, Statement};

/// The version of documents that have variables.
const WITH_VARIABLES: &str = "2012-10-17";

/// A request that policies are asked about.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest<'a> {
    /// `dynamodb:BatchWriteItem`.
    pub action: &'a str,
    /// The ARN; none where the request does not tell: then only a policy for all resources allows it, and one that denies
    /// any denies it.
    pub resource: Option<&'a str>,
    /// The condition keys.
    pub context: Context<'a>,
    /// In a trust policy: the principal that wants the role.
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
        /// The ARNs by which it may be named.
        arns: &'a [&'a str],
    },
}

impl<'a> AuthorizationRequest<'a> {
    /// Returns the question whether an action is allowed on a resource, with no condition key known.
    #[must_use]
    pub fn new(action: &'a str, resource: &'a str) -> Self {
        AuthorizationRequest { action, resource: Some(resource), context: Context::default(), principal: None }
    }
}

/// What policies say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it, and none denies it.
    Allowed,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it.
    Denied,
}

/// What these documents, taken together, say. A document that is none says nothing.
#[must_use]
pub fn decide(policies: &[String], ask: &AuthorizationRequest<'_>) -> Decision {
    let documents: Vec<Value> = policies.iter().filter_map(|policy| serde_json::from_str(policy).ok()).collect();
    evaluate(&documents, ask).0
}

/// What these documents, taken together, say, and whether that is certain: it is not where it hangs on something that is
/// not understood.
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
        // Where nothing allows it, it is not allowed whatever the denial says.
        (ConditionMatch::No, _) => (Decision::NotAllowed, true),
        (ConditionMatch::Unclear, ConditionMatch::No) => (Decision::NotAllowed, false),
        (_, ConditionMatch::Unclear) => (Decision::Denied, false),
        (ConditionMatch::Yes, ConditionMatch::No) => (Decision::Allowed, true),
    }
}

/// Returns the statements of a document; a document without any stands for one that is not understood.
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
