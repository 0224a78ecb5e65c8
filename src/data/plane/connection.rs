//! Commands about the connection itself: PING, HELLO, AUTH, SELECT, CLIENT ... Run on the core that has
//! the connection.

use super::Pause;
use super::Plane;
use super::ask::{Finish, Next};
use super::client::{Hold, ReplyMode};
use super::client_filter::{ClientFilter, ClientType};
use super::dispatch::{Flow, Request};
use super::message::{Answer, Inquiry, Peer};
use super::tracking::Mode;
use crate::base::ids::ClientId;
use crate::base::limits;
use crate::data::acl::DEFAULT;
use crate::data::command::{SessionHandler, help, number};
use crate::resp::{Error, Proto};
use std::sync::Arc;

/// Handlers of this file.
pub const HANDLERS: &[(&str, SessionHandler)] = &[
    ("ping", ping),
    ("echo", echo),
    ("hello", hello),
    ("auth", auth),
    ("select", select),
    ("quit", quit),
    ("reset", reset),
    ("readonly", |plane, at, _| plane.set_readonly(at, true)),
    ("readwrite", |plane, at, _| plane.set_readonly(at, false)),
    ("asking", asking),
    ("client|id", client_id),
    ("client|getname", getname),
    ("client|setname", setname),
    ("client|reply", client_reply),
    ("client|no-evict", no_evict),
    ("client|info", client_info),
    ("client|help", client_help),
];

/// Handlers that wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[
    ("client|list", client_list),
    ("client|kill", client_kill),
    ("client|pause", client_pause),
    ("client|unpause", client_unpause),
    ("client|unblock", client_unblock),
];

/// Whether this is a browser that was tricked into talking to this port: no client begins a command so.
pub(super) fn is_http(args: &[&[u8]]) -> bool {
    args.first().is_some_and(|name| name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:"))
}

impl Plane {
    /// Closes a connection that speaks HTTP, and tells of it once a minute at most.
    pub(super) fn abort_http(&mut self, at: u32) {
        const QUIET_MS: u64 = 60_000;
        if self.now.unix_ms.saturating_sub(self.warned_of_http) > QUIET_MS {
            self.warned_of_http = self.now.unix_ms;
            log::warn!(
                "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. \
                 This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis \
                 instance. Connection aborted."
            );
        }
        self.close(at);
    }
}

type Done = Result<Flow, Error>;

fn ping(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let subscribed = plane.clients[at].session.subscriptions.is_some() && plane.proto(at) == Proto::Resp2;
    let text = match request.args {
        [_] => None,
        [_, text] => Some(*text),
        _ => return Err(Error::Arity("ping".into())),
    };
    let mut reply = plane.reply(at);
    match (subscribed, text) {
        (true, text) => {
            reply.array(2);
            reply.bulk(b"pong");
            reply.bulk(text.unwrap_or(b""));
        }
        (false, Some(text)) => reply.bulk(text),
        (false, None) => reply.simple("PONG"),
    }
    Ok(Flow::Done)
}

fn echo(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    plane.reply(at).bulk(request.args[1]);
    Ok(Flow::Done)
}

fn hello(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let mut proto = plane.proto(at);
    if let Some(version) = request.args.get(1) {
        proto = match number::parse_i64(version) {
            Some(2) => Proto::Resp2,
            Some(3) => Proto::Resp3,
            Some(_) => return Err(Error::new("NOPROTO unsupported protocol version")),
            None => return Err(Error::new("ERR Protocol version is not an integer or out of range")),
        };
    }
    let mut name = None;
    let mut options = request.args.get(2..).unwrap_or_default();
    let mut login = None;
    while let [option, rest @ ..] = options {
        options = match rest {
            [user, password, rest @ ..] if option.eq_ignore_ascii_case(b"auth") => {
                login = Some((*user, *password));
                rest
            }
            [value, rest @ ..] if option.eq_ignore_ascii_case(b"setname") => {
                name = Some(valid_name(value)?);
                rest
            }
            _ => {
                let option = String::from_utf8_lossy(option);
                return Err(Error::new(format!("ERR Syntax error in HELLO option '{option}'")));
            }
        };
    }
    if let Some((user, password)) = login {
        plane.authenticate(at, user, password, request.args[0])?;
    }
    if !plane.clients[at].session.authenticated {
        return Err(Error::new(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    let session = &mut plane.clients[at].session;
    session.proto = proto;
    if let Some(name) = name {
        session.name = name;
    }
    let id = session.id;
    let mode = if plane.settings.cluster_enabled { "cluster" } else { "standalone" };
    let mut reply = plane.reply(at);
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(limits::REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.int(if proto == Proto::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.int(id.0 as i64);
    reply.bulk(b"mode");
    reply.bulk(mode.as_bytes());
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
    Ok(Flow::Done)
}

fn auth(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    match request.args {
        [_, password] => {
            if plane.users.default_user().is_without_password() {
                return Err(Error::new(
                    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
                ));
            }
            plane.authenticate(at, DEFAULT, password, request.args[0])?;
        }
        [_, user, password] => plane.authenticate(at, user, password, request.args[0])?,
        _ => return Err(Error::Syntax),
    }
    plane.reply(at).ok();
    Ok(Flow::Done)
}

fn select(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let index = number::parse_i64(request.args[1]).ok_or(Error::NotAnInteger)?;
    if plane.settings.cluster_enabled && index != 0 {
        return Err(Error::new("ERR SELECT is not allowed in cluster mode"));
    }
    if index < 0 || index as usize >= plane.settings.databases {
        return Err(Error::new("ERR DB index is out of range"));
    }
    plane.clients[at].session.db = index as usize;
    plane.reply(at).ok();
    Ok(Flow::Done)
}

fn quit(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    plane.reply(at).ok();
    plane.say_goodbye(at);
    Ok(Flow::Done)
}

fn reset(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    plane.end_transaction(at);
    plane.forget_watches(at);
    plane.drop_subscriptions(at);
    plane.stop_tracking(at);
    plane.stop_monitoring(at);
    let user = plane.users.default_user().clone();
    let session = &mut plane.clients[at].session;
    session.db = 0;
    session.proto = Proto::Resp2;
    session.name.clear();
    session.reply_mode = ReplyMode::On;
    session.readonly = false;
    session.asking = false;
    session.no_evict = false;
    let open = user.is_open();
    (session.user, session.identified, session.authenticated) = (user, open, open);
    plane.clients[at].refresh_plain();
    plane.reply(at).simple("RESET");
    Ok(Flow::Done)
}

fn asking(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    if !plane.settings.cluster_enabled {
        return Err(Error::new("ERR This instance has cluster support disabled"));
    }
    let client = &mut plane.clients[at];
    client.session.asking = true;
    client.refresh_plain();
    plane.reply(at).ok();
    Ok(Flow::Done)
}

fn client_id(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let id = plane.clients[at].session.id;
    plane.reply(at).int(id.0 as i64);
    Ok(Flow::Done)
}

fn getname(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let name = plane.clients[at].session.name.clone();
    plane.reply(at).bulk_or_null((!name.is_empty()).then_some(&name));
    Ok(Flow::Done)
}

fn setname(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    plane.clients[at].session.name = valid_name(request.args[2])?;
    plane.reply(at).ok();
    Ok(Flow::Done)
}

fn valid_name(name: &[u8]) -> Result<Vec<u8>, Error> {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        Ok(name.to_vec())
    } else {
        Err(Error::new("ERR Client names cannot contain spaces, newlines or special characters."))
    }
}

fn client_reply(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let client = &mut plane.clients[at];
    match request.args[2] {
        mode if mode.eq_ignore_ascii_case(b"on") => {
            client.session.reply_mode = ReplyMode::On;
            client.refresh_plain();
            plane.reply(at).ok();
        }
        mode if mode.eq_ignore_ascii_case(b"off") => client.session.reply_mode = ReplyMode::Off,
        mode if mode.eq_ignore_ascii_case(b"skip") => {
            if client.session.reply_mode != ReplyMode::Off {
                client.session.reply_mode = ReplyMode::SkipNext;
            }
        }
        _ => return Err(Error::Syntax),
    }
    plane.clients[at].refresh_plain();
    Ok(Flow::Done)
}

fn no_evict(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    plane.clients[at].session.no_evict = match request.args[2] {
        mode if mode.eq_ignore_ascii_case(b"on") => true,
        mode if mode.eq_ignore_ascii_case(b"off") => false,
        _ => return Err(Error::Syntax),
    };
    plane.weigh(at);
    plane.reply(at).ok();
    Ok(Flow::Done)
}

fn client_info(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let line = plane.client_line(at);
    plane.reply(at).verbatim(format!("{line}\n").as_bytes());
    Ok(Flow::Done)
}

fn client_list(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let filter = Arc::new(ClientFilter::for_list(&request.args[2..])?);
    let finish: Finish = Box::new(|plane, at, answers| {
        let mut lines: Vec<(ClientId, String)> = answers
            .into_iter()
            .flat_map(|answer| if let Answer::Clients(lines) = answer { lines } else { Vec::new() })
            .collect();
        lines.sort();
        let text: String = lines.into_iter().map(|(_, line)| line + "\n").collect();
        plane.reply(at).verbatim(text.as_bytes());
    });
    plane.ask(at, plane.everybody(), Inquiry::ClientList(filter), finish)
}

fn client_kill(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let (filter, old_style) = ClientFilter::for_kill(&request.args[2..], plane.clients[at].session.id, &plane.users)?;
    let next: Next = Box::new(move |plane, at, answers| {
        let killed: u64 = answers.iter().map(|answer| if let Answer::Count(count) = answer { *count } else { 0 }).sum();
        let mut reply = plane.reply(at);
        match (old_style, killed) {
            (true, 0) => return Err(Error::new("ERR No such client")),
            (true, _) => reply.ok(),
            (false, count) => reply.int(count as i64),
        }
        Ok(Flow::Done)
    });
    plane.ask_then(at, plane.everybody(), Inquiry::ClientKill(Arc::new(filter)), next)
}

fn client_pause(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let all = match request.args.get(3) {
        None => true,
        Some(mode) if mode.eq_ignore_ascii_case(b"all") => true,
        Some(mode) if mode.eq_ignore_ascii_case(b"write") => false,
        Some(_) => return Err(Error::new("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let time = number::parse_i64(request.args[2]).ok_or(Error::new("ERR timeout is not an integer or out of range"))?;
    let time = u64::try_from(time).map_err(|_| Error::new("ERR timeout is negative"))?;
    let mut pause = Pause { until: plane.now.unix_ms.saturating_add(time), all };
    if let Some(standing) = plane.pause {
        // A second pause never shortens or weakens the first. Source: Redis 7.0 `pauseClients`.
        pause.until = pause.until.max(standing.until);
        pause.all |= standing.all;
    }
    plane.tell_all_and_ok(at, Inquiry::Pause(Some(pause)))
}

fn client_unpause(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    plane.tell_all_and_ok(at, Inquiry::Pause(None))
}

fn client_unblock(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let with_error = match request.args.get(3) {
        None => false,
        Some(mode) if mode.eq_ignore_ascii_case(b"timeout") => false,
        Some(mode) if mode.eq_ignore_ascii_case(b"error") => true,
        Some(_) => return Err(Error::new("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let id = number::parse_i64(request.args[2]).ok_or(Error::NotAnInteger)?;
    let id = ClientId(id as u64);
    let core = Some(id.core()).filter(|core| core.index() < plane.options.cores);
    let finish: Finish = Box::new(|plane, at, answers| {
        let found = matches!(answers[..], [Answer::Count(1)]);
        plane.reply(at).int(i64::from(found));
    });
    plane.ask(at, core.map(Peer::from).into_iter(), Inquiry::Unblock { id, with_error }, finish)
}

fn client_help(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    help::write(
        &mut plane.reply(at),
        "CLIENT",
        &[
            "CACHING (YES|NO)",
            "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
            "GETREDIR",
            "    Return the client ID we are redirecting to when tracking is enabled.",
            "GETNAME",
            "    Return the name of the current connection.",
            "ID",
            "    Return the ID of the current connection.",
            "INFO",
            "    Return information about the current client connection.",
            "KILL <ip:port>",
            "    Kill connection made from <ip:port>.",
            "KILL <option> <value> [<option> <value> [...]]",
            "    Kill connections. Options are:",
            "    * ADDR (<ip:port>|<unixsocket>:0)",
            "      Kill connections made from the specified address",
            "    * LADDR (<ip:port>|<unixsocket>:0)",
            "      Kill connections made to specified local address",
            "    * TYPE (normal|master|replica|pubsub)",
            "      Kill connections by type.",
            "    * USER <username>",
            "      Kill connections authenticated by <username>.",
            "    * SKIPME (YES|NO)",
            "      Skip killing current connection (default: yes).",
            "LIST [options ...]",
            "    Return information about client connections. Options:",
            "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
            "      Return clients of specified type.",
            "UNPAUSE",
            "    Stop the current client pause, resuming traffic.",
            "PAUSE <timeout> [WRITE|ALL]",
            "    Suspend all, or just write, clients for <timeout> milliseconds.",
            "REPLY (ON|OFF|SKIP)",
            "    Control the replies sent to the current connection.",
            "SETNAME <name>",
            "    Assign the name <name> to the current connection.",
            "UNBLOCK <clientid> [TIMEOUT|ERROR]",
            "    Unblock the specified blocked client.",
            "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
            "         [OPTIN] [OPTOUT] [NOLOOP]",
            "    Control server assisted client side caching.",
            "TRACKINGINFO",
            "    Report tracking status for the current connection.",
            "NO-EVICT (ON|OFF)",
            "    Protect current client connection from eviction.",
        ],
    );
    Ok(Flow::Done)
}

impl Plane {
    fn set_readonly(&mut self, at: u32, readonly: bool) -> Done {
        if !self.settings.cluster_enabled {
            return Err(Error::new("ERR This instance has cluster support disabled"));
        }
        self.clients[at].session.readonly = readonly;
        self.reply(at).ok();
        Ok(Flow::Done)
    }

    /// Has every data core do something, then answers OK.
    pub(super) fn tell_all_and_ok(&mut self, at: u32, inquiry: Inquiry) -> Done {
        self.ask(at, self.data_cores(), inquiry, Box::new(|plane, at, _| plane.reply(at).ok()))
    }

    /// One line of CLIENT LIST.
    pub(super) fn client_line(&self, at: u32) -> String {
        let client = &self.clients[at];
        let session = &client.session;
        let (sub, psub, ssub) =
            session.subscriptions.as_ref().map_or((0, 0, 0), |subscriptions| subscriptions.counts());
        let multi = session.multi.as_ref().map_or(-1, |transaction| transaction.commands.len() as i64);
        let mut flags = String::new();
        if session.subscriptions.is_some() {
            flags.push('P');
        }
        if session.monitors {
            flags.push('O');
        }
        if session.multi.is_some() {
            flags.push('x');
        }
        if let Some(tracking) = session.tracking.as_deref() {
            flags.push('t');
            if tracking.redirect.as_ref().is_some_and(|redirect| redirect.broken) {
                flags.push('R');
            }
            if matches!(tracking.mode, Mode::Broadcast(_)) {
                flags.push('B');
            }
        }
        if client.waiting.is_some() || client.hold == Some(Hold::Pause) {
            flags.push('b');
        }
        if session.closing {
            flags.push('c');
        }
        if session.readonly {
            flags.push('r');
        }
        if session.no_evict {
            flags.push('e');
        }
        if flags.is_empty() {
            flags.push('N');
        }
        let now = self.now.unix_ms;
        let memory = client.memory();
        format!(
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={flags} db={} sub={sub} psub={psub} ssub={ssub} \
             multi={multi} qbuf={} qbuf-free={} argv-mem=0 multi-mem={} rbs=0 rbp=0 obl=0 oll={} omem={} tot-mem={memory} \
             events=r cmd={} user={} redir={} resp={}",
            session.id.0,
            session.addr,
            session.laddr,
            session.fd,
            String::from_utf8_lossy(&session.name),
            now.saturating_sub(session.created) / 1000,
            now.saturating_sub(session.active) / 1000,
            session.db,
            (client.input.len() + client.reading).saturating_sub(client.parse.passed()),
            client.input.capacity() - client.input.len(),
            session.multi.as_ref().map_or(0, |transaction| transaction.bytes),
            client.queue.len(),
            client.output_bytes(),
            session.last.map_or("NULL", |spec| spec.full_name()),
            String::from_utf8_lossy(&session.user.name),
            session.redirection(),
            if session.proto == Proto::Resp3 { 3 } else { 2 },
        )
    }

    pub(super) fn client_lines(&self, filter: &ClientFilter) -> Vec<(ClientId, String)> {
        self.clients
            .iter()
            .filter(|client| filter.matches(client))
            .map(|client| (client.session.id, self.client_line(client.reference.index)))
            .collect()
    }

    pub(super) fn kill_clients(&mut self, filter: &ClientFilter) -> u64 {
        let victims: Vec<_> =
            self.clients.iter().filter(|client| filter.matches(client)).map(|client| client.reference).collect();
        for victim in &victims {
            if filter.asked_by == Some(self.clients[victim.index].session.id) {
                // The killer is told how many died before it goes itself.
                self.say_goodbye(victim.index);
            } else {
                self.close(victim.index);
            }
        }
        victims.len() as u64
    }
}

/// The client types of CLIENT LIST and CLIENT KILL.
pub(super) fn client_type(name: &[u8]) -> Result<ClientType, Error> {
    match name.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(ClientType::Normal),
        b"slave" | b"replica" => Ok(ClientType::Replica),
        b"pubsub" => Ok(ClientType::PubSub),
        b"master" => Ok(ClientType::Primary),
        other => Err(Error::new(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(other)))),
    }
}
