//! Flags in arguments that are not parsed yet.

use std::ffi::OsString;

/// When to color, as asked for in arguments that are not read yet; the last one counts.
pub(crate) fn asked_color(arguments: &[OsString]) -> clap::ColorChoice {
    let environment = std::env::var("SENSORCTL_COLOR").ok();
    match asked_for(arguments, |text| text.strip_prefix("--color"), environment.as_deref()) {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

/// The last value of a flag; `rest` gives what stands behind the flag in its word.
pub(crate) fn asked_for<'a>(
    arguments: &'a [OsString],
    rest: impl Fn(&'a str) -> Option<&'a str>,
    environment: Option<&'a str>,
) -> Option<&'a str> {
    let mut asked = environment;
    let mut texts = arguments.iter().skip(1).map_while(|argument| argument.to_str()).take_while(|text| *text != "--");
    while let Some(text) = texts.next() {
        asked = match rest(text) {
            Some("") => texts.next(),
            Some(value) => Some(value.strip_prefix('=').unwrap_or(value)),
            None => continue,
        };
    }
    asked
}
