//! `export policy`: the policy of a caller, or that of the function's role.

use clap::builder::PossibleValuesParser;

use crate::context::Context;
use crate::error::Error;
use crate::operate::{self, CommandPermissions, Place, PolicyLimit};
use crate::output::{Warning, units};
use crate::settings::Permissions;
use crate::stack::Stack;

/// The value of `--for` that stands for the function's role.
const FUNCTION: &str = "function";

/// Print the IAM policy that a caller needs for this pipeline, and for nothing else
///
/// It names the resources of the settings and stage, in the account and region of the credentials. docs/permissions.md
/// has a table of the commands and the actions that each needs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sensorctl export policy > caller.json
  sensorctl export policy --for put,scan              # a caller that puts and reads, and changes nothing else
  sensorctl export policy --for function              # what `up` gives to the function's role
  sensorctl export policy --account 123456789012 --region eu-central-1   # without credentials")]
pub(super) struct PolicyArgs {
    /// Commands that the caller runs, or `function` for the function's role [default: every command]
    #[arg(long = "for", value_name = "COMMAND", value_delimiter = ',', hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(identities()))]
    commands: Vec<String>,
    /// Account of the resources, `*` for any [default: that of the credentials]
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,
}

fn identities() -> impl Iterator<Item = &'static str> {
    operate::COMMANDS.iter().map(|command| command.command).chain([FUNCTION])
}

fn account(text: &str) -> Result<String, String> {
    let is_id = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_id || text == "*" { Ok(text.to_owned()) } else { Err("an account is twelve digits, or `*` for any".into()) }
}

pub(super) async fn run(context: &Context, args: PolicyArgs) -> Result<(), Error> {
    let asked = args.commands.iter().map(String::as_str).filter(|name| *name != FUNCTION);
    let asked: Vec<_> = asked.filter_map(CommandPermissions::of).collect();
    let for_function = args.commands.iter().any(|name| name == FUNCTION);
    if for_function && !asked.is_empty() {
        return Err(Error::usage("`--for function` is the policy of the function's role, which runs no command")
            .hint("ask for the policies one after the other: they belong to different identities"));
    }
    let commands = if args.commands.is_empty() { operate::COMMANDS.iter().collect() } else { asked };
    if !for_function && commands.iter().all(|command| command.is_empty()) {
        let names: Vec<_> = commands.iter().map(|command| format!("`{}`", command.command)).collect();
        return Err(Error::usage(format!("no permission is needed for {}", names.join(", "))));
    }
    let (account, region) = place(context, args.account, &args.commands).await?;
    let place = Place { account: &account, region: &region };
    let settings = &context.settings.pipeline;
    let document = if for_function {
        if settings.role.permissions == Permissions::Managed {
            context.output.note(
                "`role.permissions` is \"managed\": `up` attaches managed policies instead of this one, which is enough",
            );
        }
        Stack::role_policy(settings, &account, &region)
    } else {
        operate::caller_policy(&commands, settings, place)
    };
    context.output.bytes(format!("{document:#}\n").as_bytes())?;
    let characters = operate::policy_characters(&document);
    if characters > operate::MANAGED_POLICY.characters && !for_function {
        context.output.warn(&Warning::LongPolicy {
            characters,
            limit: operate::MANAGED_POLICY.characters,
            commands: split(context, &commands, place),
        });
    } else {
        context.output.note(fits(characters));
    }
    Ok(())
}

/// Returns account and region: those that were named, else those of the credentials.
async fn place(context: &Context, account: Option<String>, commands: &[String]) -> Result<(String, String), Error> {
    if let Some(account) = account {
        let configured = context.settings.region.clone().filter(|_| !context.settings.local);
        let region = match configured {
            Some(region) => region,
            // A profile may have one. Making clients is no call.
            None => match context.clients().await {
                Ok(clients) => clients.region.clone(),
                Err(_) if !context.settings.local => {
                    context.output.note("no region is set, so the policy is for all regions of the partition `aws`");
                    "*".to_owned()
                }
                Err(error) => return Err(error),
            },
        };
        return Ok((account, region));
    }
    let clients = context.clients().await?;
    let account = clients.account().await.map_err(|failure| {
        let narrowed = (!commands.is_empty()).then(|| ["--for".to_owned(), commands.join(",")]);
        let words = narrowed.into_iter().flatten().chain(["--account".to_owned(), "123456789012".to_owned()]);
        let command = context.settings.hints.command("export policy", words);
        Error::from(failure).hint(format!("{command} needs no credentials"))
    })?;
    Ok((account.to_owned(), clients.region.clone()))
}

/// Returns the commands that print policies which fit, and together allow the same.
fn split(context: &Context, commands: &[&CommandPermissions], place: Place<'_>) -> Vec<String> {
    let groups = operate::groups_that_fit(commands, &context.settings.pipeline, place);
    let groups = groups.into_iter().map(|group| {
        let names: Vec<_> = group.iter().map(|command| command.command).collect();
        let mut words = vec!["--for".to_owned(), names.join(",")];
        if !context.settings.local {
            words.extend(["--account".to_owned(), place.account.to_owned()]);
        }
        context.settings.hints.command("export policy", words)
    });
    groups.collect()
}

/// Says where a policy of this size can stand.
fn fits(characters: usize) -> String {
    let told = |limits: Vec<&PolicyLimit>| {
        let limits = limits.iter().map(|limit| format!("{} ({})", limit.place, units::count(limit.characters as u64)));
        limits.collect::<Vec<_>>().join(", ")
    };
    let (fitting, others): (Vec<_>, Vec<_>) =
        operate::POLICY_LIMITS.iter().partition(|limit| characters <= limit.characters);
    let fitting = if fitting.is_empty() { "nothing".to_owned() } else { told(fitting) };
    let others = if others.is_empty() { String::new() } else { format!("; too long for {}", told(others)) };
    format!("{} characters without white space: fits {fitting}{others}", units::count(characters as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_note_names_where_the_policy_fits_and_where_not() {
        assert_eq!(
            fits(3000),
            "3,000 characters without white space: fits the inline policies of a group (5,120), a managed policy (6,144), \
             the inline policies of a role (10,240); too long for the inline policies of a user (2,048)"
        );
        assert!(fits(10).ends_with("the inline policies of a role (10,240)"));
        assert!(fits(20_000).contains("fits nothing; too long for"));
    }

    #[test]
    fn account_is_twelve_digits_or_any() {
        assert_eq!(account("123456789012").as_deref(), Ok("123456789012"));
        assert_eq!(account("*").as_deref(), Ok("*"));
        for wrong in ["", "12345678901", "1234567890123", "12345678901x", "**"] {
            assert!(account(wrong).is_err(), "{wrong}");
        }
    }
}
