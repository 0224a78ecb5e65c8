//! ACL: the commands that change users, and their file. A change is answered when every data core goes by it.

use super::{NodeOffice, Then, answer};
use crate::cores::bus_core::Outgoing;
use crate::data::acl::{DEFAULT, Users};
use crate::data::command::help;
use crate::data::plane::message::{BusCommand, Inquiry, Peer};
use crate::resp::quote::quote;
use crate::resp::{Error, Proto, Reply};
use std::io::Read;
use std::sync::Arc;

/// The most bits ACL GENPASS makes. Source: Redis 7.0 `GENPASS_MAX_BITS`.
const MAX_PASSWORD_BITS: i64 = 4096;

const NO_FILE: &str = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via \
                       the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration \
                       file set) in order to store users in the Redis configuration.";

impl NodeOffice {
    /// ACL in those forms that change something, or need the node.
    pub(super) fn acl(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        let args: Vec<&[u8]> = command.args.iter().map(Vec::as_slice).collect();
        let done = match args[1].to_ascii_lowercase().as_slice() {
            b"setuser" => self.set_user(args[2], &args[3..]).map(|users| (Some(users), ok())),
            b"deluser" => self.delete_users(&args[2..]).map(|(users, count)| (Some(users), integer(count))),
            b"load" => self.load_users().map(|users| (Some(users), ok())),
            b"save" => self.save_users().map(|()| (None, ok())),
            b"genpass" => generate(&args).map(|password| (None, bulk(&password))),
            _ => Err(help::syntax_error(&args)),
        };
        match done {
            Err(error) => answer(from, number, command, outgoing, |_| Err(error)),
            Ok((None, reply)) => answer(from, number, command, outgoing, |to| {
                to.raw(&reply);
                Ok(())
            }),
            Ok((Some(users), reply)) => {
                self.users = Arc::new(users);
                self.close_lost_users(outgoing);
                let inquiry = Inquiry::AdoptUsers(self.users.clone(), Some(command.client));
                self.ask_all(&inquiry, Then::Reply(from, number, reply), outgoing);
            }
        }
    }

    /// `requirepass` was set: it is the default user's password.
    pub(super) fn password_set(&mut self, outgoing: &mut Outgoing) {
        Arc::make_mut(&mut self.users).set_default_password(self.config.text("requirepass"));
        self.ask_all(&Inquiry::AdoptUsers(self.users.clone(), None), Then::Nothing, outgoing);
    }

    /// The lines that define the users in redis.conf; none if they have a file of their own.
    pub(super) fn user_lines(&self) -> Vec<Vec<u8>> {
        match self.config.path("aclfile") {
            Some(_) => Vec::new(),
            None => self.users.iter().map(|user| readable(&user.line())).collect(),
        }
    }

    fn set_user(&self, name: &[u8], rules: &[&[u8]]) -> Result<Users, Error> {
        if name.iter().any(|byte| byte.is_ascii_whitespace() || *byte == 0x0b || *byte == 0) {
            return Err(Error::new("ERR Usernames can't contain spaces or null characters"));
        }
        let mut users = Users::clone(&self.users);
        users.set(name, rules, self.config.new_users_hear_all()).map_err(|error| Error::new(format!("ERR {error}")))?;
        Ok(users)
    }

    fn delete_users(&self, names: &[&[u8]]) -> Result<(Users, usize), Error> {
        if names.contains(&DEFAULT) {
            return Err(Error::new("ERR The 'default' user cannot be removed"));
        }
        let mut users = Users::clone(&self.users);
        let count = names.iter().filter(|name| users.remove(name)).count();
        Ok((users, count))
    }

    fn load_users(&self) -> Result<Users, Error> {
        if self.config.path("aclfile").is_none() {
            return Err(Error::new(NO_FILE));
        }
        self.config.users_of_file(&self.users).map_err(|errors| Error::new(format!("ERR {errors}")))
    }

    fn save_users(&self) -> Result<(), Error> {
        let path = self.config.path("aclfile").ok_or(Error::new(NO_FILE))?;
        let lines: Vec<Vec<u8>> = self.users.iter().map(|user| [user.line(), b"\n".to_vec()].concat()).collect();
        crate::node::config::replace_file(&path, &lines.concat()).map_err(|error| {
            log::warn!("Writing ACL file for ACL SAVE: {error}");
            Error::new(
                "ERR There was an error trying to save the ACLs. Please check the server logs for more information",
            )
        })
    }
}

/// ACL GENPASS: random digits of the system, which is the one place that nobody can foresee them from.
fn generate(args: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let bits = match args {
        [_, _] => 256,
        [_, _, bits] => std::str::from_utf8(bits).ok().and_then(|bits| bits.parse().ok()).ok_or(Error::NotAnInteger)?,
        _ => return Err(help::syntax_error(args)),
    };
    if !(1..=MAX_PASSWORD_BITS).contains(&bits) {
        return Err(Error::new(format!(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to \
             {MAX_PASSWORD_BITS}"
        )));
    }
    let digits = (bits as usize).div_ceil(4);
    let mut random = vec![0; digits];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random));
    read.map_err(|error| Error::new(format!("ERR {error}")))?;
    Ok(random.iter().map(|byte| b"0123456789abcdef"[usize::from(byte & 15)]).collect())
}

/// A line whose words are read back from redis.conf as they are.
fn readable(line: &[u8]) -> Vec<u8> {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'');
    let word = |word: &[u8]| if word.iter().all(is_plain) { word.to_vec() } else { quote(word) };
    line.split(|byte| *byte == b' ').map(word).collect::<Vec<_>>().join(&b' ')
}

fn ok() -> Vec<u8> {
    b"+OK\r\n".to_vec()
}

fn integer(number: usize) -> Vec<u8> {
    format!(":{number}\r\n").into_bytes()
}

fn bulk(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Reply::new(&mut bytes, Proto::Resp2).bulk(text);
    bytes
}
