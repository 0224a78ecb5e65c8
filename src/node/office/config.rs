//! CONFIG: reads and changes directives, and puts the changes into effect.

use super::{NodeOffice, Then, answer, now};
use crate::base::heap;
use crate::cores::bus_core::Outgoing;
use crate::cores::bus_links::{LinkCommand, LinkSettings};
use crate::data::plane::message::{BusCommand, Inquiry, Message, Peer};
use crate::node::boot;
use crate::node::config::{Caller, Changes, Config, reply_help, set_failed};
use crate::resp::Error;
use std::sync::Arc;

impl NodeOffice {
    /// CONFIG in all its forms.
    pub(super) fn config(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        let args: Vec<&[u8]> = command.args.iter().map(Vec::as_slice).collect();
        let subcommand = args[1].to_ascii_lowercase();
        match subcommand.as_slice() {
            b"get" => answer(from, number, command, outgoing, |reply| {
                self.config.reply_get(&args[2..], reply);
                Ok(())
            }),
            b"help" => answer(from, number, command, outgoing, |reply| {
                reply_help(reply);
                Ok(())
            }),
            b"rewrite" => answer(from, number, command, outgoing, |reply| {
                self.config.rewrite(false, self.user_lines())?;
                reply.ok();
                Ok(())
            }),
            _ => {
                let loading = self.is_loading() || self.desk_of_replication.replication.is_loading();
                let caller = Caller { local: command.local, loading };
                let changed = self.config.set(&args[2..], caller);
                let password = changed.as_ref().is_ok_and(|changes| changes.contains("requirepass"));
                let changed = changed.and_then(|changes| self.follow(changes, outgoing));
                match changed {
                    Err(error) => answer(from, number, command, outgoing, |_| Err(error)),
                    Ok(()) => {
                        self.reconfigured(outgoing);
                        if password {
                            self.password_set(outgoing);
                        }
                        let settings = Arc::new(self.config.settings());
                        let then = match settings.maxmemory_clients {
                            0 => Then::Reply(from, number, b"+OK\r\n".to_vec()),
                            _ => Then::Evicted(from, number, None),
                        };
                        self.ask_all(&Inquiry::Adopt(Some(settings), None), then, outgoing);
                    }
                }
            }
        }
    }

    /// Puts into effect what can fail, or undoes all changes.
    fn follow(&mut self, changes: Changes, outgoing: &mut Outgoing) -> Result<(), Error> {
        log::debug!("CONFIG SET {:?}", changes.names().collect::<Vec<_>>());
        let score = ["oom-score-adj", "oom-score-adj-values"].into_iter().find(|name| changes.contains(name));
        if let (Some(name), Err(error)) = (score, self.adjust_oom_score()) {
            log::warn!("Unable to write oom_score_adj: {error}");
            self.config.undo(changes);
            return Err(set_failed(name.as_bytes(), "Failed to set the out-of-memory score."));
        }
        let (name, refusal) = match (changes.contains("port"), changes.contains("bind")) {
            (true, _) => ("port", "Unable to listen on this port. Check server logs."),
            (_, true) => ("bind", "Failed to bind to specified addresses."),
            _ => return Ok(()),
        };
        let mut result = self.listeners.reopen(&self.config);
        match self.listeners.shares() {
            Ok(shares) => outgoing.messages.extend((0..).map(Peer).zip(shares.into_iter().map(Message::Listen))),
            Err(error) => result = Err(error.into()),
        }
        result.map_err(|error| {
            log::warn!("{error}");
            self.config.undo(changes);
            if let Err(error) = self.adjust_oom_score() {
                log::warn!("Unable to write oom_score_adj: {error}");
            }
            set_failed(name.as_bytes(), refusal)
        })
    }

    /// Puts into effect what the bus core itself goes by.
    fn reconfigured(&mut self, outgoing: &mut Outgoing) {
        self.drain.configure(&self.config);
        self.title.show(&self.config);
        heap::give_back_in_background(self.config.flag("jemalloc-bg-thread"));
        let replication = super::replication::options(&self.config);
        self.with_replication(outgoing, |desk| desk.configure(replication));
        self.reconfigure_log(outgoing);
        let options = boot::cluster_options(&self.config, self.cores);
        let Some(desk) = &mut self.desk else { return };
        outgoing.links.push(LinkCommand::Configure(link_settings(&self.config)));
        match desk.cluster.reconfigure(options, now()) {
            Ok(actions) => self.act(actions, Then::Nothing, outgoing),
            Err(error) => log::warn!("The cluster keeps its old settings: {error}"),
        }
    }
}

/// What links of the cluster bus go by.
pub(super) fn link_settings(config: &Config) -> LinkSettings {
    let source = String::from_utf8_lossy(config.text("bind-source-addr"));
    LinkSettings { source: source.parse().ok(), output_limit: config.number("cluster-link-sendbuf-limit") }
}
