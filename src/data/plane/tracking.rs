//! Client-side caching as a client asks for it: CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO. Part of the
//! client's session, on the core that has it; what follows from it is done in [`invalidation`](super::invalidation).

use super::Plane;
use super::ask::Next;
use super::dispatch::{Flow, Outcome, Request};
use super::message::{Answer, Inquiry, Message, Notice, Peer};
use super::redirect::command_keys;
use crate::base::ids::ClientId;
use crate::base::limits;
use crate::data::command::spec::flag;
use crate::data::command::{Command, Run, SessionHandler, number};
use crate::data::origin::Origin;
use crate::data::store::Prefixes;
use crate::resp::Error;
use std::collections::BTreeSet;

/// Handlers of this file.
pub const HANDLERS: &[(&str, SessionHandler)] =
    &[("client|caching", caching), ("client|getredir", getredir), ("client|trackinginfo", tracking_info)];

/// Handlers that wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[("client|tracking", tracking)];

/// How a client tracks keys.
pub struct Tracking {
    /// Which keys.
    pub mode: Mode,
    /// Who is told in its place.
    pub redirect: Option<Redirect>,
    /// Whether it is told of what it has changed itself.
    pub no_loop: bool,
}

/// Which keys a client tracks.
pub enum Mode {
    /// Those that it has read.
    Reads(Choice),
    /// All that begin with one of these.
    Broadcast(BTreeSet<Box<[u8]>>),
}

/// Of which commands the keys count as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Of all that read.
    Every,
    /// OPTIN: of those that come after CLIENT CACHING YES.
    Chosen(Caching),
    /// OPTOUT: of those that do not come after CLIENT CACHING NO.
    Others(Caching),
}

/// Whether CLIENT CACHING was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caching {
    /// It was not.
    #[default]
    Unsaid,
    /// Of the next command or transaction.
    Next,
    /// Of this one.
    This,
}

/// A client that is told in another's place.
pub struct Redirect {
    /// Its number, as it was given.
    pub id: ClientId,
    /// Where it is.
    pub to: Origin,
    /// Whether it was found to be gone.
    pub broken: bool,
}

impl Choice {
    fn caching(&mut self) -> Option<&mut Caching> {
        match self {
            Choice::Every => None,
            Choice::Chosen(caching) | Choice::Others(caching) => Some(caching),
        }
    }

    /// Whether the keys of the command being executed count.
    fn counts(self) -> bool {
        match self {
            Choice::Every => true,
            Choice::Chosen(caching) => caching != Caching::Unsaid,
            Choice::Others(caching) => caching == Caching::Unsaid,
        }
    }
}

type Done = Result<Flow, Error>;

/// The arguments of CLIENT TRACKING.
#[derive(Default)]
struct Wish {
    redirect: Option<i64>,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    no_loop: bool,
    prefixes: Vec<Box<[u8]>>,
}

impl Wish {
    fn parse(mut args: &[&[u8]]) -> Result<Wish, Error> {
        let mut wish = Wish::default();
        while let [option, rest @ ..] = args {
            args = rest;
            match (option.to_ascii_lowercase().as_slice(), rest) {
                (b"redirect", [id, rest @ ..]) => {
                    if wish.redirect.is_some() {
                        return Err(Error::new("ERR A client can only redirect to a single other client"));
                    }
                    wish.redirect = Some(number::parse_i64(id).ok_or(Error::NotAnInteger)?).filter(|id| *id != 0);
                    args = rest;
                }
                (b"prefix", [prefix, rest @ ..]) => {
                    wish.prefixes.push(Box::from(*prefix));
                    args = rest;
                }
                (b"bcast", _) => wish.broadcast = true,
                (b"optin", _) => wish.opt_in = true,
                (b"optout", _) => wish.opt_out = true,
                (b"noloop", _) => wish.no_loop = true,
                _ => return Err(Error::Syntax),
            }
        }
        Ok(wish)
    }

    /// Whether what is wished goes together, and with how the client tracks already. Texts and order are Redis's.
    fn check(&self, current: Option<&Tracking>) -> Result<(), Error> {
        if !self.broadcast && !self.prefixes.is_empty() {
            return Err(Error::new("ERR PREFIX option requires BCAST mode to be enabled"));
        }
        let mode = current.map(|tracking| &tracking.mode);
        if mode.is_some_and(|mode| matches!(mode, Mode::Broadcast(_)) != self.broadcast) {
            return Err(Error::new(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
            ));
        }
        if self.broadcast && (self.opt_in || self.opt_out) {
            return Err(Error::new("ERR OPTIN and OPTOUT are not compatible with BCAST"));
        }
        if self.opt_in && self.opt_out {
            return Err(Error::new("ERR You can't specify both OPTIN mode and OPTOUT mode"));
        }
        let switches = match mode {
            Some(Mode::Reads(Choice::Chosen(_))) => self.opt_out,
            Some(Mode::Reads(Choice::Others(_))) => self.opt_in,
            _ => false,
        };
        if switches {
            return Err(Error::new(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
            ));
        }
        self.check_prefixes(match mode {
            Some(Mode::Broadcast(prefixes)) => Some(prefixes),
            _ => None,
        })
    }

    /// No key may have two of a client's prefixes.
    fn check_prefixes(&self, current: Option<&BTreeSet<Box<[u8]>>>) -> Result<(), Error> {
        let overlap = |a: &[u8], b: &[u8]| a.starts_with(b) || b.starts_with(a);
        let text = |prefix: &[u8]| String::from_utf8_lossy(prefix).into_owned();
        let refuse = |prefix: &[u8], what: &str, other: &[u8]| {
            let (prefix, other) = (text(prefix), text(other));
            Err(Error::new(format!(
                "ERR Prefix '{prefix}' overlaps with {what} prefix '{other}'. Prefixes for a single client must not overlap."
            )))
        };
        for (place, prefix) in self.prefixes.iter().enumerate() {
            if let Some(other) = current.into_iter().flatten().find(|other| overlap(other, prefix)) {
                return refuse(prefix, "an existing", other);
            }
            if let Some(other) = self.prefixes[place + 1..].iter().find(|other| overlap(other, prefix)) {
                return refuse(prefix, "another provided", other);
            }
        }
        if current.map_or(0, BTreeSet::len) + self.prefixes.len() > limits::MAX_PREFIXES {
            return Err(Error::new("ERR too many prefixes"));
        }
        Ok(())
    }
}

fn tracking(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let wish = Wish::parse(&request.args[3..])?;
    let on = request.args[2].eq_ignore_ascii_case(b"on");
    if !on && !request.args[2].eq_ignore_ascii_case(b"off") {
        return Err(Error::Syntax);
    }
    let Some(id) = wish.redirect else { return plane.track(at, on.then_some(wish), None) };
    let id = ClientId(id as u64);
    let core = Some(id.core()).filter(|core| core.index() < plane.options.cores);
    let next: Next = Box::new(move |plane, at, answers| match answers[..] {
        [Answer::Client(Some(client))] => {
            let redirect = Redirect { id, to: Origin { core: id.core(), client }, broken: false };
            plane.track(at, on.then_some(wish), Some(redirect))
        }
        _ => Err(Error::new("ERR The client ID you want redirect to does not exist")),
    });
    plane.ask_then(at, core.map(Peer::from).into_iter(), Inquiry::FindClient(id), next)
}

fn caching(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let Some(tracking) = plane.clients[at].session.tracking.as_deref_mut() else {
        return Err(Error::new(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    let (caching, mode) = match (request.args[2].to_ascii_lowercase().as_slice(), &mut tracking.mode) {
        (b"yes", Mode::Reads(Choice::Chosen(caching))) => (Some(caching), ""),
        (b"no", Mode::Reads(Choice::Others(caching))) => (Some(caching), ""),
        (b"yes", _) => (None, "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."),
        (b"no", _) => (None, "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."),
        _ => return Err(Error::Syntax),
    };
    *caching.ok_or_else(|| Error::new(format!("ERR {mode}")))? = Caching::Next;
    plane.reply(at).ok();
    Ok(Flow::Done)
}

fn getredir(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let redirect = plane.clients[at].session.redirection();
    plane.reply(at).int(redirect);
    Ok(Flow::Done)
}

fn tracking_info(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let session = &plane.clients[at].session;
    let (flags, redirect) = (session.tracking_flags(), session.redirection());
    let prefixes: Vec<Box<[u8]>> = match session.tracking.as_deref() {
        Some(Tracking { mode: Mode::Broadcast(prefixes), .. }) => prefixes.iter().cloned().collect(),
        _ => Vec::new(),
    };
    let mut reply = plane.reply(at);
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.int(redirect);
    reply.bulk(b"prefixes");
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(Flow::Done)
}

impl super::client::Session {
    /// The number of the client that is told in this one's place; 0: none, -1: it does not track.
    pub fn redirection(&self) -> i64 {
        let redirect = |tracking: &Tracking| tracking.redirect.as_ref().map_or(0, |redirect| redirect.id.0 as i64);
        self.tracking.as_deref().map_or(-1, redirect)
    }

    fn tracking_flags(&self) -> Vec<&'static str> {
        let Some(tracking) = self.tracking.as_deref() else { return vec!["off"] };
        let mut flags = vec!["on"];
        match tracking.mode {
            Mode::Broadcast(_) => flags.push("bcast"),
            Mode::Reads(Choice::Every) => {}
            Mode::Reads(Choice::Chosen(caching)) => {
                flags.push("optin");
                flags.extend((caching != Caching::Unsaid).then_some("caching-yes"));
            }
            Mode::Reads(Choice::Others(caching)) => {
                flags.push("optout");
                flags.extend((caching != Caching::Unsaid).then_some("caching-no"));
            }
        }
        flags.extend(tracking.no_loop.then_some("noloop"));
        let broken = tracking.redirect.as_ref().is_some_and(|redirect| redirect.broken);
        flags.extend(broken.then_some("broken_redirect"));
        flags
    }
}

impl Plane {
    /// Lets a client track as it wishes (none: not at all), and answers when every core knows.
    fn track(&mut self, at: u32, wish: Option<Wish>, redirect: Option<Redirect>) -> Done {
        let Some(wish) = wish else {
            self.stop_tracking(at);
            self.reply(at).ok();
            return Ok(Flow::Done);
        };
        let session = &mut self.clients[at].session;
        wish.check(session.tracking.as_deref())?;
        let mut mode = match session.tracking.take().map(|tracking| tracking.mode) {
            Some(Mode::Broadcast(prefixes)) => Mode::Broadcast(prefixes),
            _ if wish.broadcast => Mode::Broadcast(BTreeSet::new()),
            _ if wish.opt_in => Mode::Reads(Choice::Chosen(Caching::Unsaid)),
            _ if wish.opt_out => Mode::Reads(Choice::Others(Caching::Unsaid)),
            _ => Mode::Reads(Choice::Every),
        };
        if let Mode::Broadcast(prefixes) = &mut mode {
            if wish.prefixes.is_empty() {
                prefixes.insert(Box::default());
            }
            prefixes.extend(wish.prefixes);
        }
        let broadcasts = matches!(mode, Mode::Broadcast(_));
        session.tracking = Some(Box::new(Tracking { mode, redirect, no_loop: wish.no_loop }));
        let client = &mut self.clients[at];
        client.refresh_plain();
        let reference = client.reference;
        self.invalidations.clients.insert(reference);
        if !broadcasts {
            self.reply(at).ok();
            return Ok(Flow::Done);
        }
        let prefixes = self.own_prefixes();
        self.tell_all_and_ok(at, Inquiry::HearOf(self.core(), prefixes))
    }

    /// A client tracks no more. What it has read is forgotten when it changes.
    pub(super) fn stop_tracking(&mut self, at: u32) {
        let client = &mut self.clients[at];
        let Some(tracking) = client.session.tracking.take() else { return };
        client.refresh_plain();
        let reference = client.reference;
        self.invalidations.clients.remove(&reference);
        if let Mode::Broadcast(_) = tracking.mode {
            let prefixes = self.own_prefixes();
            for peer in self.other_cores() {
                self.send(peer, Message::Tell(Notice::HearOf(prefixes.clone())));
            }
            self.note_prefixes(self.core(), prefixes);
        }
    }

    /// What keys begin with that clients of this core want to hear of.
    fn own_prefixes(&self) -> Prefixes {
        let trackings = self.invalidations.clients.iter().filter_map(|client| self.clients.get(*client));
        let mut prefixes = BTreeSet::new();
        for client in trackings {
            if let Some(Tracking { mode: Mode::Broadcast(own), .. }) = client.session.tracking.as_deref() {
                prefixes.extend(own.iter().cloned());
            }
        }
        prefixes.into_iter().collect()
    }

    /// Whether keys that a client reads now are to be remembered.
    pub(super) fn tracks_reads(&self, at: u32) -> bool {
        match self.clients.at(at).and_then(|client| client.session.tracking.as_deref()) {
            Some(Tracking { mode: Mode::Reads(choice), .. }) => choice.counts(),
            _ => false,
        }
    }

    /// Remembers the keys that a client's command has read, if it was executed here and the client wants that.
    pub(super) fn remember_read(&mut self, at: u32, request: &Request<'_>) {
        let Some(command) = request.command else { return };
        if request.outcome.get() != Outcome::Not && reads(command) && self.tracks_reads(at) {
            let reader = self.origin(at);
            self.remember_reader(reader, command_keys(command, request.args).into_iter());
        }
    }

    /// Client `at`, as other cores know it.
    pub(super) fn origin(&self, at: u32) -> Origin {
        Origin { core: self.core(), client: self.clients[at].reference }
    }

    /// A command of a client that tracks begins: CLIENT CACHING counts for one command, or one transaction. What it
    /// counted for before, should the command have to be tried again.
    pub(super) fn begin_tracked(&mut self, at: u32, request: &Request<'_>) -> Option<Caching> {
        let session = &mut self.clients[at].session;
        let Some(Tracking { mode: Mode::Reads(choice), .. }) = session.tracking.as_deref_mut() else { return None };
        let caching = choice.caching()?;
        let before = *caching;
        let about_client = request.command.is_some_and(|command| command.spec.full_name().starts_with("client|"));
        if session.multi.is_none() && !about_client {
            *caching = if before == Caching::Next { Caching::This } else { Caching::Unsaid };
        }
        Some(before)
    }

    /// It has to be tried again.
    pub(super) fn restore_caching(&mut self, at: u32, before: Caching) {
        if let Some(Tracking { mode: Mode::Reads(choice), .. }) = self.clients[at].session.tracking.as_deref_mut()
            && let Some(caching) = choice.caching()
        {
            *caching = before;
        }
    }
}

/// Whether the keys of a command are read by it, as client-side caching means it.
pub(super) fn reads(command: &Command) -> bool {
    command.spec.is(flag::READONLY) && matches!(command.run, Run::Keyed(_))
}
