//! Which command needs which actions.

use super::grants::{self, Grant};

/// A command and the actions that it needs of its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommandPermissions {
    /// Name of the subcommand.
    pub command: &'static str,
    /// Groups of actions; none for a command that calls nothing but `sts:GetCallerIdentity`, which every caller may.
    groups: &'static [&'static [Grant]],
}

impl CommandPermissions {
    /// Returns the command of this name.
    #[must_use]
    pub(crate) fn of(command: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|known| known.command == command)
    }

    /// Returns the commands that need permissions.
    pub(crate) fn needing() -> Vec<&'static Self> {
        COMMANDS.iter().filter(|command| !command.is_empty()).collect()
    }

    /// Returns the actions with the command's need of them.
    pub(crate) fn grants(&self) -> impl Iterator<Item = &'static Grant> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    /// Returns whether the command needs no permission.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

const fn command(command: &'static str, groups: &'static [&'static [Grant]]) -> CommandPermissions {
    CommandPermissions { command, groups }
}

/// All public commands, in the order of the documentation.
pub(crate) static COMMANDS: [CommandPermissions; 22] = [
    command("up", &[grants::LOOK, grants::CREATE, grants::CHANGE, grants::REPLACE, grants::VERIFY]),
    command("plan", &[grants::LOOK, grants::ORPHANS]),
    command("status", &[grants::QUICK_LOOK, grants::ORPHANS, grants::LAG]),
    command("put", &[grants::PUT_ONE, grants::PUT_MANY, grants::AGGREGATE, grants::PUT_WAIT]),
    command("simulate", &[grants::SIMULATE, grants::AGGREGATE]),
    command("scan", &[grants::SCAN]),
    command("tail", &[grants::TAIL]),
    command("invoke", &[grants::INVOKE]),
    command("why", &[grants::WHY]),
    command("logs", &[grants::LOGS]),
    command("rejects", &[grants::REJECTS]),
    command("doctor", &[grants::DOCTOR]),
    command("down", &[grants::LOOK, grants::ORPHANS, grants::DELETE, grants::DRAIN]),
    command("size", &[]),
    command("inspect", &[]),
    command("layouts", &[]),
    command("export", &[]),
    command("demo", &[]),
    command("local", &[]),
    command("init", &[]),
    command("completions", &[]),
    command("man", &[]),
];
