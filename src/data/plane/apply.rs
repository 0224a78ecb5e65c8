//! Executing what the node's primary sends: commands without a client, in the order of the stream.
//!
//! Owned by the data core. The bus core has parsed the stream and found out which core each command belongs to. Time
//! stands still for these commands (`now` is 0): a key is there until the primary deletes it. What a transaction changes
//! is one unit of this node's log as well.

use super::Plane;
use super::functions;
use super::log::Unit;
use super::message::{Inquiry, Message, Notice, Peer, Scope};
use super::script::{Call, Caller, Ended};
use crate::data::command::{Command, Run, keyspace};
use crate::data::exec::Exec;
use crate::data::route::Manner;
use crate::resp::parse::Span;
use crate::resp::{Error, Proto, Reply};
use bumpalo::Bump;
use std::sync::Arc;

/// Commands for one core, or for all.
#[derive(Default)]
pub struct ApplyBatch {
    /// Which part of the stream they are of.
    pub window: u64,
    /// That part's bytes.
    pub stream: Arc<Vec<u8>>,
    /// Where the arguments of all commands lie in it.
    pub spans: Vec<Span>,
    /// For each command its database, how many arguments it has, and whether it is of one transaction with the command
    /// before it.
    pub commands: Vec<(usize, usize, bool)>,
}

impl Plane {
    /// Executes a batch and sends it back.
    pub(super) fn apply(&mut self, from: Peer, batch: Box<ApplyBatch>, bump: &Bump) {
        if self.pause.is_some() || !self.paused_applies.is_empty() {
            // CLIENT PAUSE holds for the primary too, as in Redis.
            self.paused_applies.push((from, batch));
            return;
        }
        if self.must_stall() {
            self.stalled.push((from, Message::Apply(batch)));
            return;
        }
        self.apply_here(&batch, bump);
        self.send(from, Message::Applied(batch));
    }

    /// Executes the batches that waited for the end of a pause.
    pub(super) fn apply_after_pause(&mut self, bump: &Bump) {
        if self.pause.is_none() {
            for (from, batch) in std::mem::take(&mut self.paused_applies) {
                self.apply(from, batch, bump);
            }
        }
    }

    /// Executes a batch on the stores that are here.
    pub(super) fn apply_here(&mut self, batch: &ApplyBatch, bump: &Bump) {
        for (_, store) in self.stores.iter_mut() {
            store.clock.at_zero = self.now.unix_ms;
        }
        self.applying = true;
        let mut first = 0;
        let mut args: Vec<&[u8]> = Vec::new();
        for (number, (db, count, follows)) in batch.commands.iter().enumerate() {
            if !follows && batch.commands.get(number + 1).is_some_and(|(.., follows)| *follows) {
                self.log.resume(Unit::default());
            }
            let spans = &batch.spans[first..first + count];
            first += count;
            args.clear();
            args.extend(spans.iter().map(|span| span.of(&batch.stream)));
            if let Err(error) = self.apply_command(*db, &args, bump) {
                let name = String::from_utf8_lossy(args[0]).into_owned();
                log::warn!("== CRITICAL == This replica can't execute its primary's command '{name}': {error}");
                self.send(self.bus(), Message::Tell(Notice::CannotApply(batch.window, name)));
            }
            if batch.commands.get(number + 1).is_none_or(|(.., follows)| !follows) {
                self.log.end_unit();
            }
        }
        self.applying = false;
    }

    fn apply_command(&mut self, db: usize, args: &[&[u8]], bump: &Bump) -> Result<(), Error> {
        self.stats.commands += 1;
        let result = match self.registry.find(args) {
            _ if db >= self.settings.databases => Err(Error::new("ERR DB index is out of range")),
            Some(command) if !command.spec.arity_fits(args.len()) => Err(Error::Arity(command.spec.full_name().into())),
            Some(command) => match &command.run {
                Run::Keyed(_) => self.apply_keyed(db, args, command, bump),
                Run::Session(_) | Run::Node(_) => self.apply_to_node(db, args, command),
                Run::Script => self.apply_script(db, args, command),
            },
            None => Err(self.registry.refusal(args)),
        };
        if let Some(command) = self.registry.find(args) {
            let now = (self.options.clock)();
            let elapsed = now.saturating_sub(self.now.mono_ns);
            self.now.mono_ns = now;
            self.commands.called(command.id(), 1, elapsed, result.is_err(), self.settings.latency_tracking);
        }
        result
    }

    fn apply_keyed(&mut self, db: usize, args: &[&[u8]], command: &Command, bump: &Bump) -> Result<(), Error> {
        let Run::Keyed(handler) = &command.run else { return Ok(()) };
        let mut reply = std::mem::take(&mut self.unwanted);
        reply.clear();
        let mut exec = Exec {
            stores: &mut self.stores,
            db,
            now: 0,
            reply: Reply::new(&mut reply, Proto::Resp2),
            settings: &self.settings,
            hasher: self.options.hasher,
            effects: &mut self.effects,
            scratch: bump,
            may_block: false,
            woken: None,
            routed: None,
        };
        let result = handler(&mut exec, args);
        self.unwanted = reply;
        self.settle(db, args, None);
        result
    }

    /// Runs a script that an old primary, or an old log, tells word for word: to its end in one go, as its effects are to
    /// come before those of the next command. All stores are here.
    fn apply_script(&mut self, db: usize, args: &[&[u8]], command: &'static Command) -> Result<(), Error> {
        let call = Call {
            debugging: None,
            caller: Caller::Primary,
            args,
            command,
            db,
            proto: Proto::Resp2,
            manner: Manner::default(),
            behalf: None,
            cores: Vec::new(),
        };
        match self.begin_script(call) {
            Ok(Some(Ended { reply, failed: true, .. })) => Err(Error::Bytes(reply.trim_ascii_end()[1..].to_vec())),
            Ok(_) => Ok(()),
            Err((_, error)) => Err(error),
        }
    }

    /// Commands that every core executes its part of.
    fn apply_to_node(&mut self, db: usize, args: &[&[u8]], command: &Command) -> Result<(), Error> {
        let inquiry = match command.spec.full_name() {
            "flushall" => Inquiry::Flush(Scope::All),
            "flushdb" => Inquiry::Flush(Scope::One(db)),
            "swapdb" => {
                let (first, second) = keyspace::parse_swapdb(args[1], args[2], &self.settings)?;
                Inquiry::Swap(first, second)
            }
            name @ ("publish" | "spublish") => {
                self.deliver_message(args[1], args[2], name == "spublish");
                return Ok(());
            }
            name if name.starts_with("function|") => {
                return self.change_functions(&functions::change_of(args)?).map(|_| ());
            }
            _ => return Err(Error::new("ERR it is not a command for replicas")),
        };
        for core in 0..self.options.cores {
            // That of a store that is elsewhere does nothing.
            self.answer_from_store(core, &inquiry);
        }
        Ok(())
    }
}
