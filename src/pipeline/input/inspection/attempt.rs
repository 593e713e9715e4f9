//! Attempts to read the beginning of a file with some options.

use std::io::Cursor;

use super::super::keys::TEMPERATURE;
use super::super::options::InputOptions;
use super::super::parser::Input;
use super::candidate::{Candidate, Refusal};
use super::head::Head;
use super::outcome::Outcome;
use crate::error::Error;
use crate::pipeline::{ColumnMapping, Layouts};

/// Reasons for which a recognized layout refuses values that other options would take.
const WRONG_DATA: [&str; 7] =
    ["unit", "time-unit", "unset-time", "leap-second", "decimal-sign", "wrong-encoding", "second-quantity"];

/// An attempt to read the head.
pub(super) struct Attempt {
    pub options: InputOptions,
    pub result: Result<Outcome, Error>,
    /// Attempts that differ in one thing, where nothing tells which is right; this one is the first.
    pub choices: Vec<(InputOptions, Outcome)>,
    /// In what they differ.
    pub question: Question,
    /// True if the names of the file say why it is not read.
    pub is_refusal: bool,
}

/// A question that a file leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// The form of its times.
    TimeFormat,
    /// Which column is the temperature.
    Temperature,
    /// Which column holds the times of the readings.
    Time,
    /// The meaning of its columns, which have no names.
    Columns,
}

impl Attempt {
    fn new(options: InputOptions, result: Result<Outcome, Error>) -> Self {
        Attempt { options, result, choices: Vec::new(), question: Question::TimeFormat, is_refusal: false }
    }

    /// Takes the best of attempts that differ in the form of times; all of them where several are as good.
    fn best_of(attempts: Vec<Attempt>) -> Option<Self> {
        let best = attempts
            .iter()
            .map(Attempt::score)
            .max_by_key(|(accepted, rejected)| (*accepted, std::cmp::Reverse(*rejected)))?;
        let mut as_good = attempts.into_iter().filter(|attempt| attempt.score() == best);
        let mut first = as_good.next()?;
        let others: Vec<_> = as_good.filter_map(|other| Some((other.options, other.result.ok()?))).collect();
        if let (Ok(outcome), false) = (&first.result, others.is_empty()) {
            first.choices = std::iter::once((first.options.clone(), outcome.clone())).chain(others).collect();
        }
        Some(first)
    }

    /// Takes all attempts that read anything as choices of what the file does not tell.
    fn of_choices(attempts: Vec<Attempt>, question: Question) -> Option<Self> {
        let (mut all, unread): (Vec<_>, Vec<_>) = attempts.into_iter().partition(|attempt| attempt.readings() > 0);
        if all.is_empty() {
            return unread.into_iter().next();
        }
        let alone = |attempt: &Attempt| Some((attempt.options.clone(), attempt.result.as_ref().ok()?.clone()));
        let choices = all.iter().flat_map(|attempt| {
            let forms = attempt.choices.clone();
            if forms.is_empty() { alone(attempt).into_iter().collect() } else { forms }
        });
        let choices = choices.collect();
        Some(Attempt { choices, question, ..all.swap_remove(0) })
    }

    pub(super) fn readings(&self) -> u64 {
        self.result.as_ref().map_or(0, |outcome| outcome.accepted)
    }

    pub(super) fn rejected(&self) -> u64 {
        self.result.as_ref().map_or(0, |outcome| outcome.rejected)
    }

    /// Returns whether lines are rejected for their values, and not for missing names.
    pub(super) fn refuses_wrong_data(&self) -> bool {
        self.result.as_ref().is_ok_and(|outcome| WRONG_DATA.iter().any(|code| outcome.reasons.contains_key(code)))
    }

    /// Returns whether rows are rejected because the label of the sensor does not tell their series apart.
    pub(super) fn has_other_series(&self) -> bool {
        self.result.as_ref().is_ok_and(|outcome| outcome.reasons.contains_key("other-series"))
    }

    fn score(&self) -> (u64, u64) {
        self.result.as_ref().map_or((0, u64::MAX), |outcome| (outcome.accepted, outcome.rejected))
    }

    fn replaced(&self) -> u64 {
        self.result.as_ref().map_or(0, |outcome| outcome.counts.replaced_in_input)
    }

    /// Returns whether so many readings replace another that their time or sensor was not read whole.
    pub(super) fn replaces_many(&self) -> bool {
        self.replaced() * 10 > self.readings()
    }

    /// Returns whether it names columns that the file does not name.
    pub(super) fn guesses_columns(&self, given: &InputOptions) -> bool {
        !self.options.columns.is_empty() && given.columns.is_empty()
    }

    /// Returns whether it gives more readings, or as many with fewer rejected lines, or with fewer that replace another, as
    /// those of several sensors taken for one do. Where none does, one that reads lines
    /// and says why it rejects them is better than one that reads none.
    pub(super) fn is_better_than(&self, other: &Attempt) -> bool {
        let ((more, rejected), (fewer, others)) = (self.score(), other.score());
        let tells_more = || self.result.is_ok() && rejected > 0 && other.result.is_err();
        let replaces_fewer = || rejected == others && self.replaced() < other.replaced();
        more > fewer || more == fewer && if more > 0 { rejected < others || replaces_fewer() } else { tells_more() }
    }

    /// Returns this attempt; where both read nothing, the other, which is of a layout that was recognized.
    pub(super) fn or_of(self, recognized: Attempt) -> Self {
        if self.readings() == 0 && self.result.is_err() && recognized.result.is_err() { recognized } else { self }
    }
}

impl Head {
    /// Reads the first lines.
    pub(super) fn attempt(&self, options: InputOptions, layouts: &Layouts) -> Attempt {
        let sample = self.sample();
        self.read_with(options, sample, self.is_complete && sample.len() == self.text.len(), layouts)
    }

    /// Reads the first lines with each form that their times may have.
    pub(super) fn attempt_candidate(&self, candidate: Candidate, layouts: &Layouts) -> Option<Attempt> {
        let Candidate { options, time_formats, temperatures, others, times, refusal } = candidate;
        if let Some(Refusal { reason, hints }) = refusal {
            let error = hints.into_iter().fold(Error::usage(format!("{}: {reason}", self.name)), Error::hint);
            return Some(Attempt { is_refusal: true, ..Attempt::new(options, Err(error)) });
        }
        if !times.is_empty() {
            let attempts = times.into_iter().filter_map(|candidate| self.attempt_candidate(candidate, layouts));
            return Attempt::of_choices(attempts.collect(), Question::Time);
        }
        if !others.is_empty() {
            let first = Candidate { time_formats, temperatures, ..Candidate::from(options) };
            let all = std::iter::once(first).chain(others);
            let attempts = all.filter_map(|candidate| self.attempt_candidate(candidate, layouts)).collect();
            return Attempt::of_choices(attempts, Question::Columns);
        }
        if !temperatures.is_empty() {
            let with = |source: String| {
                let mut options = options.clone();
                options.map.insert(0, ColumnMapping { key: TEMPERATURE.to_owned(), source });
                let candidate = Candidate { time_formats: time_formats.clone(), ..Candidate::from(options) };
                self.attempt_candidate(candidate, layouts)
            };
            return Attempt::of_choices(temperatures.into_iter().filter_map(with).collect(), Question::Temperature);
        }
        if time_formats.is_empty() {
            return Some(self.attempt(options, layouts));
        }
        let forms = time_formats.into_iter().map(|form| InputOptions { time_format: Some(form), ..options.clone() });
        Attempt::best_of(forms.map(|options| self.attempt(options, layouts)).collect())
    }

    /// Reads more than the first lines with the options of an attempt.
    pub(super) fn read_again(&self, attempt: Attempt, text: &[u8], layouts: &Layouts) -> Attempt {
        let read = |options| self.read_with(options, text, self.is_complete, layouts);
        if attempt.choices.is_empty() {
            return read(attempt.options);
        }
        // More values may tell which of the forms is right.
        let options = attempt.options;
        let again = attempt.choices.into_iter().map(|(options, _)| read(options)).collect();
        let best = match attempt.question {
            Question::TimeFormat => Attempt::best_of(again),
            question => Attempt::of_choices(again, question),
        };
        best.unwrap_or_else(|| read(options))
    }

    fn read_with(&self, options: InputOptions, text: &[u8], is_complete: bool, layouts: &Layouts) -> Attempt {
        let resolved = match layouts.resolved(&options) {
            Ok(resolved) => resolved,
            // A candidate that lacks a flag fails. For the layout that was typed, this error is the answer.
            Err(error) => return Attempt::new(options, Err(error)),
        };
        let attempt = self.read_resolved(options, &resolved, text, is_complete);
        if attempt.result.is_ok() || !resolved.has_time_format_of_file() {
            return attempt;
        }
        // The first rows do not tell the form of their times: more may.
        let without = InputOptions { time_format: None, encoding: None, ..resolved.clone() };
        let forms = self.open(&without, text).map_or_else(|_| Vec::new(), |input| input.time_forms());
        let with_form = |form: String| {
            let options = InputOptions { time_format: Some(form.clone()), ..attempt.options.clone() };
            let resolved = InputOptions { time_format: Some(form), ..resolved.clone() };
            self.read_resolved(options, &resolved, text, is_complete)
        };
        let best = Attempt::best_of(forms.into_iter().map(with_form).collect());
        best.filter(|best| best.readings() > 0).unwrap_or(attempt)
    }

    fn read_resolved(&self, options: InputOptions, resolved: &InputOptions, text: &[u8], is_complete: bool) -> Attempt {
        // The text is decoded already.
        let resolved = InputOptions { encoding: None, ..resolved.clone() };
        let result = self.open(&resolved, text).and_then(|mut input| {
            input.set_encoding(self.recognized.encoding);
            Outcome::read(input, is_complete)
        });
        Attempt::new(options, result)
    }

    fn open(&self, resolved: &InputOptions, text: &[u8]) -> Result<Input, Error> {
        let text = self.text_for(resolved, text).to_vec();
        Input::open(self.name.as_str().into(), Box::new(Cursor::new(text)), resolved)
    }
}
