//! Questions on the terminal.

use std::io::{self, Write};

use super::escape::one_line;
use super::{Output, wrap};
use crate::error::Error;

impl Output {
    /// Asks a yes-or-no question on the terminal; anything but `y` or `yes` is no.
    ///
    /// # Errors
    /// When the answer cannot be read.
    pub async fn confirm(&self, question: &str) -> Result<bool, Error> {
        let failed = |error: io::Error| Error::failed("could not ask").with_source(error);
        let mut stderr = io::stderr().lock();
        write!(stderr, "{}", self.prompt(question)).and_then(|()| stderr.flush()).map_err(failed)?;
        drop(stderr);
        let mut open_line = OpenLine { output: self, answered: false };
        // On a thread of its own, so that Ctrl-C ends the wait; it never returns where no answer comes.
        let reading = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            io::stdin().read_line(&mut answer).map(|_| answer)
        });
        let answer = reading.await.map_err(|error| failed(io::Error::other(error)))?.map_err(failed)?;
        open_line.answered = answer.ends_with('\n');
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    fn prompt(&self, question: &str) -> String {
        let text = prompt(&self.hint_flags.complete(question));
        self.stderr_width().map_or(text.clone(), |width| wrap::wrapped(&text, width, 0))
    }
}

/// A question as it is asked: it may name what a service answered.
fn prompt(question: &str) -> String {
    format!("{} [y/N] ", one_line(question))
}

/// A question whose line an answer will end; whatever is said instead begins a new one.
struct OpenLine<'a> {
    output: &'a Output,
    answered: bool,
}

impl Drop for OpenLine<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.output.print_line("");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_cannot_pretend_to_be_another_one() {
        let asked = prompt("Delete all in account 1\r\x1b[2K\nDelete nothing\u{202e}?");
        assert_eq!(asked, "Delete all in account 1\u{fffd}\u{fffd}[2K\u{fffd}Delete nothing\u{fffd}? [y/N] ");
    }
}
