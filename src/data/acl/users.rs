//! The table of users, which is made anew with every change, and the files it comes from.

use super::selector::{RuleError, has_blanks};
use super::user::User;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The name of the user that every connection begins as, and that always exists.
pub const DEFAULT: &[u8] = b"default";

/// See the module's header.
#[derive(Clone, Debug)]
pub struct Users {
    by_name: BTreeMap<Box<[u8]>, Arc<User>>,
    next_birth: u64,
}

impl Users {
    /// The default user alone, who may do everything and has this password; an empty one is none.
    pub fn new(password: &[u8]) -> Users {
        let default = Arc::new(User::default_user(password));
        Users { by_name: BTreeMap::from([(default.name.clone(), default)]), next_birth: 1 }
    }

    /// The user of this name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.by_name.get(name)
    }

    /// The user that connections begin as.
    pub fn default_user(&self) -> &Arc<User> {
        self.get(DEFAULT).expect("no change takes the default user away")
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.by_name.values()
    }

    /// The user who `user` is now, if it still exists.
    pub fn successor(&self, user: &User) -> Option<&Arc<User>> {
        self.get(&user.name).filter(|successor| successor.born == user.born)
    }

    /// ACL SETUSER: makes or changes a user, or says what is wrong and changes nothing.
    pub fn set(&mut self, name: &[u8], rules: &[&[u8]], all_channels: bool) -> Result<(), String> {
        let rules = merge_selectors(rules).map_err(|at| {
            let rule = String::from_utf8_lossy(rules[at]);
            format!("Unmatched parenthesis in acl selector starting at '{rule}'.")
        })?;
        let mut user = match self.get(name) {
            Some(user) => User::clone(user),
            None => User::new(name, self.next_birth, all_channels),
        };
        for rule in &rules {
            user.apply(rule, all_channels).map_err(|error| {
                let rule = String::from_utf8_lossy(rule);
                format!("Error in ACL SETUSER modifier '{rule}': {error}")
            })?;
        }
        self.put(user);
        Ok(())
    }

    /// `requirepass` was set.
    pub fn set_default_password(&mut self, password: &[u8]) {
        let mut user = User::clone(self.default_user());
        user.set_only_password(password);
        self.put(user);
    }

    /// ACL DELUSER; whether there was such a user. The default user stays.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        name != DEFAULT && self.by_name.remove(name).is_some()
    }

    fn put(&mut self, mut user: User) {
        user.finish();
        self.next_birth = self.next_birth.max(user.born + 1);
        self.by_name.insert(user.name.clone(), Arc::new(user));
    }

    /// The users that the lines of redis.conf define: a name and its rules, selectors merged.
    pub fn define(&mut self, lines: &[(Vec<u8>, Vec<Vec<u8>>)], all_channels: bool) -> Result<(), String> {
        for (name, rules) in lines {
            let told = String::from_utf8_lossy(name);
            if has_blanks(name) {
                return Err("Spaces not allowed in ACL usernames".to_owned());
            }
            // Only the default user is there already.
            let mut user = match self.get(name) {
                Some(user) => user.reset(all_channels),
                None => User::new(name, self.next_birth, all_channels),
            };
            for rule in rules {
                user.apply(rule, all_channels).map_err(|error| {
                    let rule = String::from_utf8_lossy(rule);
                    format!("Error loading ACL rule '{rule}' for the user named '{told}': {error}")
                })?;
            }
            if !user.is_enabled() {
                log::info!(
                    "The user '{told}' is disabled (there is no 'on' modifier in the user description). Make sure this \
                     is not a configuration error."
                );
            }
            self.put(user);
        }
        Ok(())
    }

    /// The users that the text of an ACL file called `file` defines, in the place of these; or all that is wrong with
    /// it. All but the default user are other users than those who had their names before.
    pub fn read(&self, file: &str, text: &[u8], all_channels: bool) -> Result<Users, String> {
        let mut users = Users { by_name: BTreeMap::new(), next_birth: self.next_birth };
        let mut errors = String::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if !line.is_empty() {
                let place = format!("{file}:{}", index + 1);
                users.read_line(&place, index + 1, line, all_channels, &mut errors);
            }
        }
        if !errors.is_empty() {
            errors.push_str("WARNING: ACL errors detected, no change to the previously active ACL rules was performed");
            return Err(errors);
        }
        if users.get(DEFAULT).is_none() {
            users.put(User::default_user(b""));
        }
        Ok(users)
    }

    fn read_line(&mut self, place: &str, number: usize, line: &[u8], all_channels: bool, errors: &mut String) {
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let [b"user", name, rules @ ..] = words.as_slice() else {
            errors.push_str(&format!("{place} should start with user keyword followed by the username. "));
            return;
        };
        let told = String::from_utf8_lossy(name);
        if has_blanks(name) {
            errors.push_str(&format!("'{place}: username '{told}' contains invalid characters. "));
            return;
        }
        if self.get(name).is_some() {
            errors.push_str(&format!("WARNING: Duplicate user '{told}' found on line {number}. "));
            return;
        }
        let born = if *name == DEFAULT { 0 } else { self.next_birth };
        let mut user = User::new(name, born, all_channels);
        let Ok(rules) = merge_selectors(rules) else {
            errors.push_str(&format!("{place}: Unmatched parenthesis in selector definition."));
            return;
        };
        let mut told_of_syntax = false;
        for rule in &rules {
            let rule = rule.trim_ascii();
            match user.apply(rule, all_channels) {
                Ok(()) => {}
                // What is unknown holds no secret.
                Err(error @ RuleError::UnknownCommand) => {
                    let rule = String::from_utf8_lossy(rule);
                    errors.push_str(&format!("{place}: Error in applying operation '{rule}': {error}. "));
                }
                Err(error) if !told_of_syntax => {
                    errors.push_str(&format!("{place}: {error}. "));
                    told_of_syntax = true;
                }
                Err(_) => {}
            }
        }
        self.put(user);
    }
}

/// Makes one rule of each selector that was split at its blanks; the place of a parenthesis that nothing closes.
pub fn merge_selectors(rules: &[&[u8]]) -> Result<Vec<Vec<u8>>, usize> {
    let mut merged: Vec<Vec<u8>> = Vec::with_capacity(rules.len());
    let mut open: Option<(usize, Vec<u8>)> = None;
    for (at, rule) in rules.iter().enumerate() {
        let closes = rule.ends_with(b")");
        match open.take() {
            Some((start, mut selector)) => {
                selector.push(b' ');
                selector.extend_from_slice(rule);
                if closes {
                    merged.push(selector);
                } else {
                    open = Some((start, selector));
                }
            }
            None if rule.starts_with(b"(") && !closes => open = Some((at, rule.to_vec())),
            None => merged.push(rule.to_vec()),
        }
    }
    match open {
        Some((start, _)) => Err(start),
        None => Ok(merged),
    }
}
