//! A snapshot of the primary on its way: into the loader's thread, then in the place of the data.

use crate::cores::bus_core::Outgoing;
use crate::cores::clock;
use crate::cores::streams::StreamCommand;
use crate::data::plane::message::{Inquiry, Message, Order, Peer};
use crate::data::rdb::load::Plan;
use crate::data::store::Store;
use crate::node::loader::SnapshotLoader;
use crate::node::office::{NodeOffice, Then};
use crate::resp::Error;
use crate::slot::owner::OwnerMap;
use std::sync::Arc;

impl NodeOffice {
    pub(super) fn begin_load(&mut self, spooled: bool, outgoing: &mut Outgoing) {
        let plan = Plan {
            cores: self.cores,
            owners: OwnerMap::even(self.cores),
            hasher: self.desk_of_replication.hasher,
            seed: clock::unix_us(),
            now: clock::unix_us() / 1000,
            keep_expired: true,
            replace: false,
        };
        let desk = &mut self.desk_of_replication;
        let settings = Arc::new(self.config.settings());
        let folder = spooled.then(|| self.config.dir());
        let bell = desk.bell.try_clone();
        let loader = bell.and_then(|bell| SnapshotLoader::start(plan, settings, folder, bell));
        match loader {
            Ok(loader) => desk.loader = Some(loader),
            Err(error) => {
                self.with_replication(outgoing, |replication| replication.loaded(Err(error.to_string())));
            }
        }
    }

    pub(super) fn load(&mut self, bytes: Vec<u8>, outgoing: &mut Outgoing) {
        let desk = &mut self.desk_of_replication;
        let Some(loader) = &mut desk.loader else { return };
        let was_full = loader.is_full();
        loader.push(bytes);
        if let (Some(link), false, true) = (desk.upstream, was_full, loader.is_full()) {
            outgoing.streams.push(StreamCommand::Pause(link, true));
        }
    }

    /// Looks after the loader: it may have room again, or a result.
    pub(in crate::node::office) fn look_after_loader(&mut self, outgoing: &mut Outgoing) {
        let desk = &mut self.desk_of_replication;
        let Some(loader) = &mut desk.loader else { return };
        let was_full = loader.is_full();
        loader.hand_over();
        if let (Some(link), true, false) = (desk.upstream, was_full, loader.is_full()) {
            outgoing.streams.push(StreamCommand::Pause(link, false));
        }
        match loader.result() {
            None => {}
            Some(Ok(loaded)) => {
                desk.loader = None;
                log::info!("MASTER <-> REPLICA sync: {} keys loaded", loaded.keys);
                desk.loaded = Some(loaded);
                self.put_in_place(outgoing);
            }
            Some(Err(reason)) => {
                desk.loader = None;
                self.with_replication(outgoing, |replication| replication.loaded(Err(reason)));
            }
        }
    }

    /// Has the data cores delete what `inquiry` says. They hear of it by another way than of stores that take the place of
    /// theirs, so these wait until all have done it.
    pub(in crate::node::office) fn empty(&mut self, inquiry: &Inquiry, outgoing: &mut Outgoing) {
        self.desk_of_replication.emptying += 1;
        self.ask_all(inquiry, Then::Emptied, outgoing);
    }

    /// All data cores have deleted what they were told to.
    pub(in crate::node::office) fn emptied(&mut self, outgoing: &mut Outgoing) {
        self.desk_of_replication.emptying -= 1;
        self.put_in_place(outgoing);
    }

    /// Puts what was loaded in the place of the data, if the old data is gone.
    fn put_in_place(&mut self, outgoing: &mut Outgoing) {
        let desk = &mut self.desk_of_replication;
        let Some(loaded) = desk.loaded.take_if(|_| desk.emptying == 0) else { return };
        self.saving.facts.loaded = (loaded.keys, loaded.expired.len() as u64);
        let db = loaded.facts.replication_db.and_then(|db| usize::try_from(db).ok()).unwrap_or(0);
        let stores: Vec<Box<Store>> = loaded.stores.into_iter().map(Box::new).collect();
        self.last += 1;
        self.desk_of_replication.replacing = Some((self.last, db));
        let order = Order::Replace(stores, loaded.functions);
        outgoing.push((Peer(0), Message::Order(self.last, Box::new(order))));
    }

    /// The old stores are back: the new ones serve.
    #[expect(clippy::vec_box, reason = "stores travel in boxes")]
    pub(in crate::node::office) fn replaced(&mut self, number: u64, old: Vec<Box<Store>>, outgoing: &mut Outgoing) {
        // Giving much memory back takes its time.
        let freeing = std::thread::Builder::new().name("freeing".into()).spawn(move || drop(old));
        if let Err(error) = freeing {
            log::warn!("The old data is freed by the bus core: {error}");
        }
        if let Some((_, db)) = self.desk_of_replication.replacing.take_if(|(expected, _)| *expected == number) {
            self.with_replication(outgoing, |replication| replication.loaded(Ok(db)));
            self.restart_log(outgoing);
        }
    }

    /// The snapshot that was loaded can't serve.
    pub(in crate::node::office) fn refused(&mut self, number: u64, error: &Error, outgoing: &mut Outgoing) {
        if self.desk_of_replication.replacing.take_if(|(expected, _)| *expected == number).is_some() {
            self.with_replication(outgoing, |replication| replication.loaded(Err(error.to_string())));
        }
    }
}
