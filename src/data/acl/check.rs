//! Whether a user may use a command with its arguments.

use super::selector::Selector;
use super::user::User;
use crate::data::command::spec::keys::{self, KeyUse};
use crate::data::command::spec::{Spec, flag};
use crate::resp::Error;

/// What no selector allows: of the several refusals the last in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    /// The command.
    Command,
    /// The key that is this argument.
    Key(usize),
    /// The channel that is this argument.
    Channel(usize),
}

impl Denied {
    /// Why a command that was queued can't be executed any more.
    pub fn at_exec(self) -> &'static str {
        match self {
            Denied::Command => "no permission to execute the command or subcommand",
            Denied::Key(_) => "no permission to touch the specified keys",
            Denied::Channel(_) => "no permission to access one of the channels used as arguments",
        }
    }

    /// Why a script can't call a command.
    pub fn in_script(self) -> &'static str {
        match self {
            Denied::Command => "can't run this command or subcommand",
            Denied::Key(_) => "can't access at least one of the keys mentioned in the command arguments",
            Denied::Channel(_) => "can't publish to the channel mentioned in the command",
        }
    }

    /// What a client is told.
    pub fn error(self, spec: &Spec) -> Error {
        match self {
            Denied::Command => {
                Error::new(format!("NOPERM this user has no permissions to run the '{}' command", spec.full_name()))
            }
            Denied::Key(_) => {
                Error::new("NOPERM this user has no permissions to access one of the keys used as arguments")
            }
            Denied::Channel(_) => {
                Error::new("NOPERM this user has no permissions to access one of the channels used as arguments")
            }
        }
    }
}

impl User {
    /// Whether it may use this command with these arguments: one selector must allow all of it.
    pub fn check(&self, spec: &Spec, args: &[&[u8]]) -> Result<(), Denied> {
        if self.is_unrestricted() {
            return Ok(());
        }
        let mut found = None;
        let mut worst = Denied::Command;
        for selector in self.selectors() {
            match selector.check(spec, args, &mut found) {
                Ok(()) => return Ok(()),
                Err(denied) => worst = worst.max(denied),
            }
        }
        Err(worst)
    }

    /// Whether it may use this command, and may read every key beside.
    fn reads_all_keys(&self, spec: &Spec, args: &[&[u8]]) -> bool {
        let mut found = None;
        self.is_unrestricted()
            || self
                .selectors()
                .any(|selector| selector.check(spec, args, &mut found).is_ok() && selector.reads_all_keys())
    }
}

impl Selector {
    /// `found`: the command's keys, once they were needed.
    fn check(&self, spec: &Spec, args: &[&[u8]], found: &mut Option<Vec<KeyUse>>) -> Result<(), Denied> {
        if !spec.is(flag::NO_AUTH) && !self.commands.allow(spec, args) {
            return Err(Denied::Command);
        }
        if !self.allows_all_keys() && spec.has_keys() {
            let found = found.get_or_insert_with(|| {
                let mut found = Vec::new();
                keys::key_positions(spec, args, &mut found);
                found
            });
            if let Some(key) = found.iter().find(|key| !self.allows_key(args[key.position], key.access)) {
                return Err(Denied::Key(key.position));
            }
        }
        if !self.allows_all_channels() {
            let (channels, are_patterns) = channels_of(spec, args.len());
            for position in channels {
                if !self.allows_channel(args[position], are_patterns) {
                    return Err(Denied::Channel(position));
                }
            }
        }
        Ok(())
    }
}

/// Which arguments are channels that a command uses, and whether they are patterns. Leaving one is always allowed.
fn channels_of(spec: &Spec, argc: usize) -> (std::ops::Range<usize>, bool) {
    match spec.full_name() {
        "publish" | "spublish" => (1..2.min(argc), false),
        "subscribe" | "ssubscribe" => (1..argc, false),
        "psubscribe" => (1..argc, true),
        _ => (0..0, false),
    }
}

/// What SORT's BY and GET are refused with: which keys they reach is not told by the arguments, so all must be allowed.
pub fn sort_refusal(user: &User, spec: &Spec, args: &[&[u8]]) -> Result<(), Error> {
    if !matches!(spec.full_name(), "sort" | "sort_ro") {
        return Ok(());
    }
    let Some(option) = keys::sort_reach(args) else { return Ok(()) };
    if user.reads_all_keys(spec, args) {
        return Ok(());
    }
    Err(Error::new(format!("ERR {option} option of SORT denied due to insufficient ACL permissions.")))
}
