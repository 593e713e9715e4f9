//! The README's tour: each command succeeds, and prints every line that the README shows, in the order of its
//! stream.

use std::process::Stdio;

use crate::support::{Run, TestEnv, repository};

/// A command with the output that the README shows; `…` stands for omitted text.
struct Shown<'a> {
    command: &'a str,
    lines: Vec<&'a str>,
}

/// Returns the commands of all `console` blocks, in their order.
fn tour(readme: &str) -> Vec<Shown<'_>> {
    let blocks = readme.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut tour: Vec<Shown<'_>> = Vec::new();
    for line in blocks.flat_map(str::lines).filter(|line| !line.is_empty()) {
        match line.strip_prefix("$ sensorctl ") {
            Some(command) => tour.push(Shown { command: command.split(" #").next().unwrap(), lines: Vec::new() }),
            None => tour.last_mut().unwrap().lines.push(line),
        }
    }
    tour
}

/// Replaces what differs in each run by `0`: numbers before a unit of time, and ports. Several spaces become one, because
/// the widths of columns differ as well. All other numbers count.
fn normalize(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let is_time =
        |next: Option<&&str>| next.is_some_and(|unit| matches!(unit.trim_end_matches(['.', ';']), "ms" | "s"));
    let shown = words.iter().enumerate().map(|(at, word)| match word.rsplit_once(':') {
        _ if is_time(words.get(at + 1)) => "0",
        Some((address, _)) if address.starts_with("http") => address,
        _ => match word.trim_end_matches(['.', ';']) {
            "ms" | "s" => "s",
            _ => word,
        },
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn readme_tour_matches_real_output() {
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    // On any port: the default port may be in use.
    let env = TestEnv::with_local_cloud();
    let tour = tour(&readme);
    assert!(tour.len() >= 9);
    for Shown { command, lines } in tour {
        let run = Run::of(
            env.command(command.split_whitespace())
                .env("SENSORCTL_OUTPUT", "table")
                .current_dir(repository("."))
                .stdin(Stdio::null()),
        );
        assert_eq!(run.code, 0, "{command}: {}", run.stderr);
        // A terminal shows both streams in one. Each of them keeps its order.
        let [errors, output] = [&run.stderr, &run.stdout].map(|text| text.lines().map(normalize).collect::<Vec<_>>());
        let mut rest = [errors.as_slice(), output.as_slice()];
        for line in lines {
            let wanted = normalize(line.split('…').next().unwrap());
            if wanted.is_empty() || wanted.starts_with("the local cloud runs at") {
                continue;
            }
            let fits = |said: &String| if line.contains('…') { said.starts_with(&wanted) } else { *said == wanted };
            let found = rest.iter_mut().any(|stream| match stream.iter().position(fits) {
                Some(at) => {
                    *stream = &stream[at + 1..];
                    true
                }
                None => false,
            });
            assert!(found, "{command}: no `{wanted}` in the rest of {rest:#?}");
        }
    }
}
