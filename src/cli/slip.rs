//! A slip in a command's name.

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue};

use super::Cli;
use crate::nearest::nearest;

/// With the command that was meant. Clap itself looks for a command that was meant, but not for one that `help` was asked of.
pub fn suggested(mut error: clap::Error) -> clap::Error {
    let known = error.get(ContextKind::SuggestedSubcommand);
    if let (Some(ContextValue::String(written)), None) =
        (error.get(ContextKind::InvalidSubcommand), known)
    {
        let commands = Cli::command();
        let mut names = commands.get_subcommands().map(clap::Command::get_name);
        if let Some(name) = nearest(written, &mut names) {
            let names = ContextValue::Strings(vec![name.to_owned()]);
            error.insert(ContextKind::SuggestedSubcommand, names);
        }
    }
    error
}
