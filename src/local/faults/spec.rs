//! The text form of a fault plan.
//!
//! ```text
//! SPEC  = ITEM { ";" ITEM }            white space around items is ignored
//! ITEM  = "seed=" NUMBER | CALLS "=" FAULT [ "@" WHEN ]
//! CALLS = SERVICE ":" OPERATION        `*` matches any characters: kinesis:Put*  *:*
//! FAULT = throttle                     rejected with the service's own code for throttling
//!       | hotKey                       writes of items: throttled by the limit of one partition
//!       | error | error(500|503)       rejected as a failure of the service
//!       | denied                       rejected because the caller is not authorized
//!       | drop                         the connection breaks before the call takes effect
//!       | lost                         the call takes effect, then the connection breaks
//!       | hang                         the call takes effect, but sends no response while these faults last
//!       | delay(TIME)                  it takes longer: 200ms, 1.5s; can be combined with the others
//!       | partial | partial(P%)        PutRecords: this share of the records fails (default 50%)
//!       | unprocessed | unprocessed(P%)   BatchWriteItem: this share is unprocessed (default 50%)
//!       | undecryptable                Lambda's reads: variables and filters are an error, as without use of the key
//!       | staleGrant | staleGrant(TIME)   CreateRole: functions created with the role within this time (default 30s)
//!                                    have a key granted to an earlier role of its name: their variables cannot be
//!                                    decrypted, and Invoke fails with KMSAccessDeniedException
//! WHEN  = P% | #N | #N-M               by chance, or the N-th (to M-th) call of the operation; else always
//! ```
//! Rules that name `kinesis:GetRecords`, `kinesis:SubscribeToShard` or `lambda:Invoke`, without `*`, also apply to calls
//! of event source mappings.
//! There `hang` loses the response, and `drop` is an error of the service.
//!
//! Services: `kinesis`, `dynamodb`, `lambda`, `iam`, `sts`, `logs`, `tag`. The first matching rule applies.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::undecryptable;
use crate::members::operations;

/// A fault plan: the faults to inject.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    pub(super) seed: u64,
    pub(super) rules: Vec<Rule>,
    text: String,
}

/// One rule of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    service: String,
    operation: String,
    pub fault: Fault,
    pub when: When,
}

/// A kind of fault; shares are from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    Throttle,
    HotKey,
    Error(u16),
    Denied,
    Drop,
    Lost,
    Hang,
    Delay(Duration),
    Partial(f64),
    Unprocessed(f64),
    Undecryptable,
    /// Grants to functions take a new role for an earlier one of its name, for this time.
    StaleGrant(Duration),
}

/// Selects the calls that a rule affects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum When {
    Always,
    /// By chance, from 0 to 1.
    Share(f64),
    /// By number, from 1, both ends included.
    Calls {
        first: u64,
        last: u64,
    },
}

/// A text that does not parse as a fault plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct SpecError {
    /// Position in the text, in characters from 1.
    pub column: usize,
    message: String,
}

const SERVICES: [&str; 8] = ["kinesis", "dynamodb", "lambda", "iam", "sts", "logs", "tag", "cloudwatch"];
const FAULTS: &str = "throttle, error, denied, drop, lost, hang, delay(200ms), partial, unprocessed, undecryptable, \
                      staleGrant, hotKey";
/// Default duration of a stale grant.
const STALE: Duration = Duration::from_secs(30);
/// Limit of a delay, in seconds: a longer one is a mistake, since clients give up after a minute.
const LONGEST_DELAY: f64 = 600.0;

impl FaultPlan {
    /// Returns whether the plan has no faults.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for FaultPlan {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut plan = FaultPlan { text: text.to_owned(), ..FaultPlan::default() };
        let mut start = 0;
        for item in text.split(';') {
            let at = start + (item.len() - item.trim_start().len());
            start += item.len() + 1;
            let item = Piece { all: text, text: item.trim(), at };
            if item.text.is_empty() {
                continue;
            }
            let Some((calls, rest)) = item.split('=') else {
                return Err(item.wrong("expected `SERVICE:OPERATION=FAULT` or `seed=NUMBER`"));
            };
            if calls.text.trim() == "seed" {
                plan.seed = rest.text.trim().parse().map_err(|_| rest.wrong("a seed is a whole number"))?;
            } else {
                plan.rules.push(Rule::read(&calls, &rest)?);
            }
        }
        Ok(plan)
    }
}

impl Rule {
    fn read(calls: &Piece<'_>, rest: &Piece<'_>) -> Result<Rule, SpecError> {
        let Some((service, operation)) = calls.split(':') else {
            return Err(calls.wrong("expected `SERVICE:OPERATION` before `=`, such as kinesis:PutRecords"));
        };
        if !SERVICES.iter().any(|name| matches(service.text, name)) {
            return Err(service.wrong(&format!("no service is `{}`; there are {}", service.text, SERVICES.join(", "))));
        }
        let is_name =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'*');
        if !is_name(operation.text) {
            return Err(operation.wrong("an operation is letters, digits and `*`"));
        }
        check_operation(&service, &operation)?;
        let (fault, when) = match rest.split('@') {
            Some((fault, when)) => (fault, when.read_when()?),
            None => (*rest, When::Always),
        };
        let (piece, fault) = (fault, fault.read_fault()?);
        let rule = Rule { service: service.text.to_owned(), operation: operation.text.to_owned(), fault, when };
        let of_service = |name: &&'static str| operations(name).any(|operation| rule.covers(name, operation));
        if SERVICES.iter().any(of_service) {
            return Ok(rule);
        }
        let (name, effect) = (fault.name(), fault.only_operations().join(", "));
        Err(piece.wrong(&format!("`{name}` has no effect on {}, only on {effect}", calls.text)))
    }

    /// Returns whether the rule applies to this operation.
    pub(super) fn covers(&self, service: &str, operation: &str) -> bool {
        let only = self.fault.only_operations();
        let is_possible = only.is_empty() || only.contains(&&*format!("{service}:{operation}"));
        is_possible && matches(&self.service, service) && matches(&self.operation, operation)
    }

    /// Returns whether the rule names this operation itself, without `*`.
    pub(super) fn names(&self, service: &str, operation: &str) -> bool {
        self.service.eq_ignore_ascii_case(service) && self.operation.eq_ignore_ascii_case(operation)
    }
}

impl Fault {
    /// Returns the operations on which the fault has an effect; empty for all.
    fn only_operations(self) -> &'static [&'static str] {
        match self {
            Fault::Partial(_) => &["kinesis:PutRecords"],
            Fault::HotKey => {
                &["dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
            }
            Fault::Unprocessed(_) => &["dynamodb:BatchWriteItem"],
            Fault::StaleGrant(_) => &["iam:CreateRole"],
            Fault::Undecryptable => &undecryptable::OPERATIONS,
            _ => &[],
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Fault::Throttle => "throttle",
            Fault::HotKey => "hotKey",
            Fault::Error(_) => "error",
            Fault::Denied => "denied",
            Fault::Drop => "drop",
            Fault::Lost => "lost",
            Fault::Hang => "hang",
            Fault::Delay(_) => "delay",
            Fault::Partial(_) => "partial",
            Fault::Unprocessed(_) => "unprocessed",
            Fault::Undecryptable => "undecryptable",
            Fault::StaleGrant(_) => "staleGrant",
        }
    }
}

/// A part of the text, with its position.
#[derive(Clone, Copy)]
struct Piece<'a> {
    all: &'a str,
    text: &'a str,
    at: usize,
}

impl<'a> Piece<'a> {
    fn split(&self, separator: char) -> Option<(Piece<'a>, Piece<'a>)> {
        let (before, after) = self.text.split_once(separator)?;
        let part = |text, at| Piece { all: self.all, text, at };
        Some((part(before, self.at), part(after, self.at + before.len() + separator.len_utf8())))
    }

    fn wrong(&self, message: &str) -> SpecError {
        SpecError { column: self.all[..self.at].chars().count() + 1, message: message.to_owned() }
    }

    fn read_fault(&self) -> Result<Fault, SpecError> {
        let (name, argument) = match self.text.split_once('(') {
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')').ok_or_else(|| self.wrong("the `(` is not closed"))?;
                (name, Some(Piece { all: self.all, text: inner, at: self.at + name.len() + 1 }))
            }
            None => (self.text, None),
        };
        let share = || argument.as_ref().map_or(Ok(0.5), Piece::read_share);
        match (name, &argument) {
            ("throttle", None) => Ok(Fault::Throttle),
            ("hotKey", None) => Ok(Fault::HotKey),
            ("error", None) => Ok(Fault::Error(500)),
            ("error", Some(status)) => match status.text {
                "500" => Ok(Fault::Error(500)),
                "503" => Ok(Fault::Error(503)),
                _ => Err(status.wrong("error takes 500 or 503")),
            },
            ("denied", None) => Ok(Fault::Denied),
            ("drop", None) => Ok(Fault::Drop),
            ("lost", None) => Ok(Fault::Lost),
            ("hang", None) => Ok(Fault::Hang),
            ("delay", Some(time)) => time.read_time().map(Fault::Delay),
            ("delay", None) => Err(self.wrong("delay needs a time: delay(200ms)")),
            ("partial", _) => share().map(Fault::Partial),
            ("unprocessed", _) => share().map(Fault::Unprocessed),
            ("undecryptable", None) => Ok(Fault::Undecryptable),
            ("staleGrant", None) => Ok(Fault::StaleGrant(STALE)),
            ("staleGrant", Some(time)) => time.read_time().map(Fault::StaleGrant),
            ("throttle" | "hotKey" | "denied" | "drop" | "lost" | "hang" | "undecryptable", Some(argument)) => {
                Err(argument.wrong(&format!("{name} takes no argument")))
            }
            _ => Err(self.wrong(&format!("no fault is `{name}`; there are {FAULTS}"))),
        }
    }

    fn read_when(&self) -> Result<When, SpecError> {
        let Some(numbers) = self.text.strip_prefix('#') else { return self.read_share().map(When::Share) };
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if 1 <= first && first <= last => Ok(When::Calls { first, last }),
            _ => Err(self.wrong("expected the number of a call, from 1: #3, or #3-5")),
        }
    }

    fn read_share(&self) -> Result<f64, SpecError> {
        let number = self.text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
        match number {
            Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
            _ => Err(self.wrong("expected a share from 0% to 100%, such as 20%")),
        }
    }

    fn read_time(&self) -> Result<Duration, SpecError> {
        let (number, unit) = match (self.text.strip_suffix("ms"), self.text.strip_suffix('s')) {
            (Some(number), _) => (number, 0.001),
            (None, Some(number)) => (number, 1.0),
            _ => ("", 1.0),
        };
        match number.parse::<f64>() {
            Ok(number) if (0.0..=LONGEST_DELAY).contains(&(number * unit)) => {
                Ok(Duration::from_secs_f64(number * unit))
            }
            _ => Err(self.wrong("expected a time up to 600s, such as 200ms or 1.5s")),
        }
    }
}

/// Rejects an operation that the local cloud does not have: its rule would never apply.
fn check_operation(service: &Piece<'_>, operation: &Piece<'_>) -> Result<(), SpecError> {
    let names = || SERVICES.iter().filter(|name| matches(service.text, name)).flat_map(|name| operations(name));
    if names().any(|name| matches(operation.text, name)) {
        return Ok(());
    }
    let likeness = |name: &str| strsim::jaro_winkler(&operation.text.to_lowercase(), &name.to_lowercase());
    let closest = names().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    let suggestion = closest.filter(|name| likeness(name) > 0.8).map(|name| format!("; did you mean `{name}`?"));
    let message = format!(
        "{} has no operation `{}` in the local cloud{}",
        service.text,
        operation.text,
        suggestion.unwrap_or_default()
    );
    Err(operation.wrong(&message))
}

/// Returns whether a name matches a pattern with `*`; matching ignores case.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern.eq_ignore_ascii_case(name) };
    let Some(rest) = name.get(before.len()..) else { return false };
    name[..before.len()].eq_ignore_ascii_case(before)
        && (0..=rest.len()).any(|skip| rest.is_char_boundary(skip) && matches(after, &rest[skip..]))
}

#[cfg(test)]
mod tests;
