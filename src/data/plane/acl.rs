//! ACL on a data core: whether a client may use a command, whose rights a script has, what the ACL commands tell of the
//! table of users, and what follows when that changes. The bus core makes the changes.

use super::Plane;
use super::ask::Finish;
use super::dispatch::{Flow, Request};
use super::message::{Answer, Inquiry};
use crate::base::ids::ClientId;
use crate::data::acl::{Context, DenialLog, Denied, Entry, Reason, Selector, User, Users, sort_refusal};
use crate::data::command::spec::{acl, all};
use crate::data::command::{Command, SessionHandler, help, number};
use crate::resp::{Error, Reply};
use std::sync::Arc;

/// Handlers of this file that need nobody else.
pub const HANDLERS: &[(&str, SessionHandler)] = &[
    ("acl|cat", cat),
    ("acl|dryrun", dry_run),
    ("acl|getuser", get_user),
    ("acl|help", acl_help),
    ("acl|list", list),
    ("acl|users", users),
    ("acl|whoami", who_am_i),
];

/// Handlers that wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[
    ("acl|deluser", to_bus),
    ("acl|genpass", to_bus),
    ("acl|load", to_bus),
    ("acl|log", log),
    ("acl|save", to_bus),
    ("acl|setuser", to_bus),
];

type Done = Result<Flow, Error>;

/// Whose rights a script has, and who is told of in the log if they do not suffice. Not for those who may do everything.
#[derive(Clone)]
pub struct Behalf {
    /// The user.
    pub user: Arc<User>,
    /// The client's line.
    pub client: String,
}

fn to_bus(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    plane.ask_bus(at, request.args)
}

fn who_am_i(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let user = plane.clients[at].session.user.clone();
    plane.reply(at).bulk(&user.name);
    Ok(Flow::Done)
}

fn list(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let users = plane.users.clone();
    let mut reply = plane.reply(at);
    reply.array(users.iter().len());
    users.iter().for_each(|user| reply.bulk(&user.line()));
    Ok(Flow::Done)
}

fn users(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let users = plane.users.clone();
    let mut reply = plane.reply(at);
    reply.array(users.iter().len());
    users.iter().for_each(|user| reply.bulk(&user.name));
    Ok(Flow::Done)
}

fn cat(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    match request.args {
        [_, _] => {
            let mut reply = plane.reply(at);
            reply.array(acl::NAMES.len());
            acl::NAMES.iter().for_each(|(_, name)| reply.bulk(name.as_bytes()));
        }
        [_, _, name] => {
            let category = acl::by_name(name).ok_or_else(|| {
                let shown = String::from_utf8_lossy(&name[..name.len().min(128)]);
                Error::new(format!("ERR Unknown category '{shown}'"))
            })?;
            let members = || all().iter().filter(|spec| spec.categories() & category != 0);
            let mut reply = plane.reply(at);
            reply.array(members().count());
            members().for_each(|spec| reply.bulk(spec.full_name().as_bytes()));
        }
        args => return Err(help::syntax_error(args)),
    }
    Ok(Flow::Done)
}

fn get_user(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let found = plane.users.get(request.args[2]).cloned();
    let mut reply = plane.reply(at);
    let Some(user) = found else {
        reply.null();
        return Ok(Flow::Done);
    };
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.passwords().len());
    user.passwords().for_each(|hash| reply.bulk(hash));
    write_selector(user.root(), &mut reply);
    reply.bulk(b"selectors");
    reply.array(user.others().len());
    for selector in user.others() {
        reply.map(3);
        write_selector(selector, &mut reply);
    }
    Ok(Flow::Done)
}

fn write_selector(selector: &Selector, reply: &mut Reply<'_>) {
    reply.bulk(b"commands");
    reply.bulk(selector.command_rules());
    reply.bulk(b"keys");
    reply.bulk(&selector.key_rules());
    reply.bulk(b"channels");
    reply.bulk(&selector.channel_rules());
}

fn dry_run(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let [_, _, name, args @ ..] = request.args else { return Err(help::syntax_error(request.args)) };
    let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let user = plane.users.get(name).cloned();
    let user = user.ok_or_else(|| Error::new(format!("ERR User '{}' not found", shown(name))))?;
    let unknown = || Error::new(format!("ERR Command '{}' not found", shown(args[0])));
    let spec = plane.registry.find(args).ok_or_else(unknown)?.spec;
    spec.check_arity(args.len())?;
    let (kind, what) = match user.check(spec, args) {
        Ok(()) => {
            plane.reply(at).ok();
            return Ok(Flow::Done);
        }
        Err(Denied::Command) => {
            let text = format!("This user has no permissions to run the '{}' command", spec.full_name());
            plane.reply(at).bulk(text.as_bytes());
            return Ok(Flow::Done);
        }
        Err(Denied::Key(place)) => ("key", args[place]),
        Err(Denied::Channel(place)) => ("channel", args[place]),
    };
    let text = [b"This user has no permissions to access the '", what, b"' ", kind.as_bytes()].concat();
    plane.reply(at).bulk(&text);
    Ok(Flow::Done)
}

fn log(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    const SHOWN: usize = 10;
    let count = match request.args {
        [_, _] => SHOWN,
        [_, _, word] if word.eq_ignore_ascii_case(b"reset") => {
            return plane.tell_all_and_ok(at, Inquiry::DenialsReset);
        }
        [_, _, count] => number::parse_i64(count).ok_or(Error::NotAnInteger)?.max(0) as usize,
        args => return Err(help::syntax_error(args)),
    };
    let finish: Finish = Box::new(move |plane, at, answers| {
        let logs =
            answers.into_iter().map(|answer| if let Answer::Denials(entries) = answer { entries } else { Vec::new() });
        let (limit, now) = (plane.settings.acllog_max_len, plane.now.unix_ms);
        DenialLog::merge(logs, limit).write(count, now, &mut plane.reply(at));
    });
    plane.ask(at, plane.data_cores(), Inquiry::Denials, finish)
}

impl Plane {
    /// A client says who it is.
    pub(super) fn authenticate(&mut self, at: u32, name: &[u8], password: &[u8], word: &[u8]) -> Result<(), Error> {
        let Some(user) = self.users.get(name).filter(|user| user.accepts(password)).cloned() else {
            self.stats.denied_auths += 1;
            self.record_denial(self.denial(at, Reason::Auth, word, name));
            return Err(Error::new("WRONGPASS invalid username-password pair or user is disabled."));
        };
        let client = &mut self.clients[at];
        client.session.become_user(user);
        client.refresh_plain();
        Ok(())
    }

    /// Whether a client may use a command, as far as its user's rights go.
    pub(super) fn admit_user(&mut self, at: u32, request: &Request<'_>, command: &Command) -> Result<(), Error> {
        self.check_user(at, request.args, command).map_err(|denied| denied.error(command.spec))
    }

    /// The same for a command that was queued when it was allowed.
    pub(super) fn admit_queued(&mut self, at: u32, request: &Request<'_>, command: &Command) -> Result<(), Error> {
        self.check_user(at, request.args, command).map_err(|denied| {
            Error::new(format!(
                "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This \
                 command is no longer allowed for the following reason: {}",
                denied.at_exec()
            ))
        })?;
        self.admit_sort(at, request, command)
    }

    /// Whether a client may have SORT reach keys that it does not name.
    pub(super) fn admit_sort(&self, at: u32, request: &Request<'_>, command: &Command) -> Result<(), Error> {
        let user = &self.clients[at].session.user;
        if user.is_unrestricted() || self.settings.cluster_enabled {
            return Ok(());
        }
        sort_refusal(user, command.spec, request.args)
    }

    fn check_user(&mut self, at: u32, args: &[&[u8]], command: &Command) -> Result<(), Denied> {
        let user = &self.clients[at].session.user;
        if user.is_unrestricted() {
            return Ok(());
        }
        let Err(denied) = user.check(command.spec, args) else { return Ok(()) };
        let name = user.name.clone();
        let (reason, object) = self.count_denial(denied, args, command);
        self.record_denial(self.denial(at, reason, object, &name));
        Err(denied)
    }

    fn count_denial<'a>(&mut self, denied: Denied, args: &[&'a [u8]], command: &Command) -> (Reason, &'a [u8]) {
        match denied {
            Denied::Command => {
                self.stats.denied_commands += 1;
                (Reason::Command, command.spec.full_name().as_bytes())
            }
            Denied::Key(place) => {
                self.stats.denied_keys += 1;
                (Reason::Key, args[place])
            }
            Denied::Channel(place) => {
                self.stats.denied_channels += 1;
                (Reason::Channel, args[place])
            }
        }
    }

    fn denial(&self, at: u32, reason: Reason, object: &[u8], user: &[u8]) -> Entry {
        let context = if self.clients[at].session.multi.is_some() { Context::Multi } else { Context::TopLevel };
        let (object, user, client) = (object.to_vec(), user.into(), self.client_line(at));
        Entry { count: 1, reason, context, object, user, at: self.now.unix_ms, client }
    }

    fn record_denial(&mut self, entry: Entry) {
        self.denials.record(entry, self.settings.acllog_max_len);
    }

    /// Whose rights a script of client `at` has; none: it may do everything.
    pub(super) fn behalf_of(&self, at: u32) -> Option<Box<Behalf>> {
        let user = &self.clients[at].session.user;
        (!user.is_unrestricted()).then(|| Box::new(Behalf { user: user.clone(), client: self.client_line(at) }))
    }

    /// Whether the running script may call a command.
    pub(super) fn admit_in_script(&mut self, request: &Request<'_>, command: &Command) -> Result<(), Error> {
        let Some(behalf) = self.scripts.job.as_ref().and_then(|job| job.behalf.clone()) else { return Ok(()) };
        let Err(denied) = behalf.user.check(command.spec, request.args) else {
            return if self.settings.cluster_enabled {
                Ok(())
            } else {
                sort_refusal(&behalf.user, command.spec, request.args)
            };
        };
        let (reason, object) = self.count_denial(denied, request.args, command);
        let (user, client, at) = (behalf.user.name.clone(), behalf.client, self.now.unix_ms);
        let entry = Entry { count: 1, reason, context: Context::Lua, object: object.to_vec(), user, at, client };
        self.record_denial(entry);
        Err(Error::new(format!("ERR The user executing the script {}", denied.in_script())))
    }

    /// `redis.acl_check_cmd`: 1 or 0, or that there is no such command.
    pub(super) fn check_for_script(&self, args: &[&[u8]]) -> Vec<u8> {
        let Some(command) = self.registry.find(args) else {
            return b"-ERR Invalid command passed to redis.acl_check_cmd()\r\n".to_vec();
        };
        let behalf = self.scripts.job.as_ref().and_then(|job| job.behalf.as_ref());
        let allowed = behalf.is_none_or(|behalf| behalf.user.check(command.spec, args).is_ok());
        if allowed { b":1\r\n".to_vec() } else { b":0\r\n".to_vec() }
    }

    /// The user as which the running script's commands are executed.
    pub(super) fn user_of_script(&self) -> Arc<User> {
        match self.scripts.job.as_ref().and_then(|job| job.behalf.as_ref()) {
            Some(behalf) => behalf.user.clone(),
            None => User::superuser(),
        }
    }

    /// Goes by a new table of users, which client `asked_by` has made. Clients whose user is no more, or who listen to
    /// what it may not hear any more, are closed; that client itself has its reply first.
    pub fn adopt_users(&mut self, users: Arc<Users>, asked_by: Option<ClientId>) {
        self.users = users;
        let open = self.users.default_user().is_open();
        for reference in self.clients.references() {
            let Some(client) = self.clients.get_mut(reference) else { continue };
            let session = &mut client.session;
            let stays = match self.users.successor(&session.user) {
                None => false,
                Some(user) => {
                    let lost = user.may_lose_channels_of(&session.user)
                        && session.subscriptions.as_ref().is_some_and(|heard| !heard.all_allowed(user));
                    session.user = user.clone();
                    !lost
                }
            };
            session.authenticated = session.identified || open;
            let asked = asked_by == Some(session.id);
            client.refresh_plain();
            match (stays, asked) {
                (true, _) => {}
                (false, true) => self.say_goodbye(reference.index),
                (false, false) => self.close(reference.index),
            }
        }
    }
}

fn acl_help(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    help::write(
        &mut plane.reply(at),
        "ACL",
        &[
            "CAT [<category>]",
            "    List all commands that belong to <category>, or all command categories",
            "    when no category is specified.",
            "DELUSER <username> [<username> ...]",
            "    Delete a list of users.",
            "DRYRUN <username> <command> [<arg> ...]",
            "    Returns whether the user can execute the given command without executing the command.",
            "GETUSER <username>",
            "    Get the user's details.",
            "GENPASS [<bits>]",
            "    Generate a secure 256-bit user password. The optional `bits` argument can",
            "    be used to specify a different size.",
            "LIST",
            "    Show users details in config file format.",
            "LOAD",
            "    Reload users from the ACL file.",
            "LOG [<count> | RESET]",
            "    Show the ACL log entries.",
            "SAVE",
            "    Save the current config to the ACL file.",
            "SETUSER <username> <attribute> [<attribute> ...]",
            "    Create or modify a user with the specified attributes.",
            "USERS",
            "    List all the registered usernames.",
            "WHOAMI",
            "    Return the current connection username.",
        ],
    );
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Connection, Node};
    use super::*;
    use crate::contract::settings::Settings;

    /// Changes a user as the bus core does.
    fn set(node: &mut Node, name: &str, rules: &str) {
        let mut users = Users::clone(&node.planes[0].users);
        let rules: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
        users.set(name.as_bytes(), &rules, false).unwrap_or_else(|error| panic!("{error}"));
        adopt(node, users);
    }

    fn adopt(node: &mut Node, users: Users) {
        let users = Arc::new(users);
        node.planes.iter_mut().for_each(|plane| plane.adopt_users(users.clone(), None));
    }

    fn lives(node: &Node, who: Connection) -> bool {
        node.planes[who.core].clients.get(who.client).is_some()
    }

    const EXEC_REFUSED: &str = "-NOPERM ACLs rules changed between the moment the transaction was accumulated and the \
                                EXEC call. This command is no longer allowed for the following reason: no permission \
                                to touch the specified keys\r\n";

    #[test]
    fn rights_hold_wherever_a_command_is_executed() {
        for cores in [1, 3] {
            let mut node = Node::new(cores, 7, Settings::default());
            set(&mut node, "u", "on nopass +@all -get ~a* (+get ~b*)");
            let (admin, who) = (node.connect(0), node.connect(cores - 1));
            assert_eq!(node.call(who, "AUTH u x"), "+OK\r\n");
            assert_eq!(node.call(who, "ACL WHOAMI"), "$1\r\nu\r\n");
            assert_eq!(node.call(who, "SET a1 1"), "+OK\r\n");
            assert_eq!(
                node.call(who, "GET a1"),
                "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n"
            );
            assert_eq!(node.call(who, "GET b1"), "$-1\r\n");
            assert!(node.call(who, "SUBSCRIBE c").contains("one of the channels used as arguments"));
            let script = "EVAL return(redis.call('set','x','1')) 0";
            assert!(node.call(who, script).starts_with("-ERR The user executing the script can't access at least one"));
            assert_eq!(node.call(who, "EVAL return(redis.acl_check_cmd('get','b')) 0"), ":1\r\n");
            assert_eq!(node.call(who, "EVAL return(redis.acl_check_cmd('get','a')) 0"), "$-1\r\n");
            node.call(who, "MULTI");
            assert_eq!(node.call(who, "SET a2 1"), "+QUEUED\r\n");
            set(&mut node, "u", "resetkeys ~z");
            assert_eq!(node.call(who, "EXEC"), format!("*1\r\n{EXEC_REFUSED}"));
            let log = node.call(admin, "ACL LOG");
            for word in ["\r\nlua\r\n", "\r\nmulti\r\n", "\r\ntoplevel\r\n", "\r\nchannel\r\n"] {
                assert!(log.contains(word), "{word:?} is not in {log:?}");
            }
            assert_eq!(node.call(admin, "ACL LOG RESET"), "+OK\r\n");
            assert_eq!(node.call(admin, "ACL LOG"), "*0\r\n");
        }
    }

    #[test]
    fn who_loses_its_user_or_a_channel_is_closed() {
        let mut node = Node::new(2, 3, Settings::default());
        set(&mut node, "u", "on nopass +@all allchannels");
        let connections: Vec<Connection> = (0..4).map(|number| node.connect(number % 2)).collect();
        let [stranger, hears, silent, hears_other] = connections[..] else { panic!("four") };
        for who in [hears, silent, hears_other] {
            node.call(who, "AUTH u x");
        }
        node.call(hears, "SUBSCRIBE kept");
        node.call(hears_other, "PSUBSCRIBE kept*");
        set(&mut node, "u", "resetchannels &kept");
        assert!(lives(&node, hears) && lives(&node, silent) && !lives(&node, hears_other));
        let mut users = Users::clone(&node.planes[0].users);
        users.remove(b"u");
        adopt(&mut node, users);
        assert!(lives(&node, stranger) && !lives(&node, hears) && !lives(&node, silent));
    }

    #[test]
    fn a_default_user_with_a_password_shuts_out_who_has_not_said_it() {
        let mut node = Node::new(1, 0, Settings::default());
        let before = node.connect(0);
        set(&mut node, "default", ">secret");
        let after = node.connect(0);
        assert_eq!(node.call(before, "PING"), "+PONG\r\n", "it came when none was needed");
        assert_eq!(node.call(after, "PING"), "-NOAUTH Authentication required.\r\n");
        set(&mut node, "default", "nopass");
        assert_eq!(node.call(after, "PING"), "+PONG\r\n");
        set(&mut node, "default", "off");
        assert_eq!(node.call(after, "PING"), "-NOAUTH Authentication required.\r\n");
    }
}
