//! Attempts to read the beginning of a file with some options.

use std::io::Cursor;

use super::super::options::InputOptions;
use super::super::parser::Input;
use super::candidate::Candidate;
use super::head::Head;
use super::outcome::Outcome;
use crate::error::Error;
use crate::pipeline::Layouts;

/// Reasons for which a recognized layout refuses values that other options would take.
const WRONG_DATA: [&str; 6] = ["unit", "time-unit", "unset-time", "leap-second", "decimal-sign", "wrong-encoding"];

/// An attempt to read the head.
pub(super) struct Attempt {
    pub options: InputOptions,
    pub result: Result<Outcome, Error>,
    /// Attempts that differ in the form of times alone, where the values do not tell which is right; this one is the first.
    pub choices: Vec<(InputOptions, Outcome)>,
}

impl Attempt {
    fn new(options: InputOptions, result: Result<Outcome, Error>) -> Self {
        Attempt { options, result, choices: Vec::new() }
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

    pub(super) fn readings(&self) -> u64 {
        self.result.as_ref().map_or(0, |outcome| outcome.accepted)
    }

    /// Returns whether lines are rejected for their values, and not for missing names.
    pub(super) fn refuses_wrong_data(&self) -> bool {
        self.result.as_ref().is_ok_and(|outcome| WRONG_DATA.iter().any(|code| outcome.reasons.contains_key(code)))
    }

    fn score(&self) -> (u64, u64) {
        self.result.as_ref().map_or((0, u64::MAX), |outcome| (outcome.accepted, outcome.rejected))
    }

    /// Returns whether it gives more readings, or as many with fewer rejected lines. Where none does, one that reads lines
    /// and says why it rejects them is better than one that reads none.
    pub(super) fn is_better_than(&self, other: &Attempt) -> bool {
        let ((more, rejected), (fewer, others)) = (self.score(), other.score());
        let tells_more = || self.result.is_ok() && rejected > 0 && other.result.is_err();
        more > fewer || more == fewer && if more > 0 { rejected < others } else { tells_more() }
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
        let Candidate { options, time_formats } = candidate;
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
        Attempt::best_of(again).unwrap_or_else(|| read(options))
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
