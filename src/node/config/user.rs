//! `user` lines: checked when they are read, made users of when the node starts.

use super::Config;
use crate::data::acl::{RuleError, User, Users, merge_selectors};

/// A user as a line defines it: a name and its rules, selectors merged.
pub type Declared = (Vec<u8>, Vec<Vec<u8>>);

/// Reads `user <name> <rules>`; `earlier`: what was read before. A command that is unknown is for the start to refuse, as
/// in Redis.
pub fn read(name: &[u8], rules: &[&[u8]], earlier: &[Declared]) -> Result<Declared, String> {
    let refuse = |what: &[u8], error: RuleError| {
        format!("Error in user declaration '{}': {error}", String::from_utf8_lossy(what))
    };
    if earlier.iter().any(|(known, _)| known == name) {
        return Err(refuse(name, RuleError::Duplicate));
    }
    let merged = merge_selectors(rules).map_err(|at| refuse(rules[at], RuleError::Syntax))?;
    let mut trial = User::new(name, 0, false);
    for rule in &merged {
        match trial.apply(rule, false) {
            Ok(()) | Err(RuleError::UnknownCommand) => {}
            Err(error) => return Err(refuse(rule, error)),
        }
    }
    Ok((name.to_vec(), merged))
}

impl Config {
    /// Whether new users may use all channels: `acl-pubsub-default`.
    pub fn new_users_hear_all(&self) -> bool {
        self.choice("acl-pubsub-default") == "allchannels"
    }

    /// The users that the node starts with: those of the ACL file, or those of `user` lines.
    pub fn initial_users(&self) -> Result<Users, String> {
        let mut users = Users::new(self.text("requirepass"));
        if self.path("aclfile").is_none() {
            users.define(&self.users, self.new_users_hear_all())?;
            return Ok(users);
        }
        if !self.users.is_empty() {
            return Err(
                "Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is \
                 invalid. This setup is very likely to lead to configuration errors and security holes, please define \
                 either an ACL file or declare users directly in your redis.conf, but not both."
                    .to_owned(),
            );
        }
        self.users_of_file(&users).map_err(|errors| format!("Aborting Redis startup because of ACL errors: {errors}"))
    }

    /// The users that the ACL file defines, in the place of `users`; or all that is wrong with it.
    pub fn users_of_file(&self, users: &Users) -> Result<Users, String> {
        let name = String::from_utf8_lossy(self.text("aclfile")).into_owned();
        let path = self.path("aclfile").unwrap_or_default();
        let text = std::fs::read(&path).map_err(|error| {
            let words = super::value::system_words(&error);
            format!("Error loading ACLs, opening file '{name}': {words}")
        })?;
        users.read(&name, &text, self.new_users_hear_all())
    }
}
