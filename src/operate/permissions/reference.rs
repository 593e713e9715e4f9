//! Writes the example and the table of `docs/permissions.md`.

use super::action_resource::{ActionResource, Place};
use super::command_permissions::{COMMANDS, CommandPermissions};
use super::grants::Need;
use super::policy::caller_policy;
use crate::settings::Pipeline;

/// Rewrites the file instead of comparing it, as insta does with its snapshots.
const BLESS: &str = "INSTA_UPDATE";

fn example() -> String {
    let place = Place { account: "123456789012", region: "eu-central-1" };
    let commands = ["put", "scan"].map(|name| CommandPermissions::of(name).unwrap());
    let policy = caller_policy(&commands, &Pipeline::by_default().unwrap(), place);
    format!("`sensorctl export policy --for put,scan` for the defaults in eu-central-1:\n\n```json\n{policy:#}\n```\n")
}

fn resource(on: ActionResource) -> &'static str {
    match on {
        ActionResource::Everything => "`*`",
        ActionResource::Tables => "both tables",
        ActionResource::Readings => "table of readings",
        ActionResource::DeadLetters => "dead-letter table",
        ActionResource::Stream => "stream",
        ActionResource::Consumers => "consumers of the stream",
        ActionResource::Role => "role",
        ActionResource::PassedRole => "role, passed to Lambda",
        ActionResource::ManagedPolicies => "managed policies",
        ActionResource::InstanceProfiles => "instance profiles",
        ActionResource::Function => "function",
        ActionResource::EventSourceMappings => "event source mappings",
        ActionResource::LogGroup => "log group",
        ActionResource::StreamKey => "key of the stream",
        ActionResource::Callers => "the caller",
    }
}

fn table() -> String {
    let mut text = "| command | actions | on | without them |\n|---|---|---|---|\n".to_owned();
    for command in COMMANDS.iter().filter(|command| !command.is_empty()) {
        let mut name = format!("`{}`", command.command);
        for grant in command.grants() {
            let without = match grant.need {
                Need::Always => "–".to_owned(),
                Need::For(case) => format!("fails for {case}"),
                Need::Instead { case, of } => format!("fails for {case}; for all if `{of}` is denied, too"),
                Need::Fallback(fallback) => fallback.to_owned(),
            };
            let on = resource(grant.on);
            text.push_str(&format!("| {name} | {} | {on} | {without} |\n", grant.actions.join(", ")));
            name.clear();
        }
    }
    let none: Vec<_> = COMMANDS.iter().filter(|it| it.is_empty()).map(|it| format!("`{}`", it.command)).collect();
    format!("{text}\nNo permission is needed for {}.\n", none.join(", "))
}

/// Replaces what stands between two marks.
fn with_section(text: &str, name: &str, section: &str) -> String {
    let (start, end) =
        (format!("<!-- {name}: written by a test, do not edit -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&start).unwrap_or_else(|| panic!("no {start}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    format!("{before}{start}\n{section}\n{end}{after}")
}

#[test]
fn documented_permissions_match_the_table() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/permissions.md");
    let written = std::fs::read_to_string(&path).unwrap();
    let wanted = with_section(&with_section(&written, "example", &example()), "table", &table());
    if std::env::var(BLESS).is_ok_and(|value| value == "always") {
        std::fs::write(&path, &wanted).unwrap();
        return;
    }
    assert!(
        written == wanted,
        "docs/permissions.md is stale; `{BLESS}=always cargo test --lib permissions::reference` rewrites it"
    );
}
