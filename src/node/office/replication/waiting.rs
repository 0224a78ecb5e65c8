//! WAIT, as the office reads it: what the replicas have is known to [`replication`](crate::replication).

use crate::base::ids::ClientId;
use crate::cores::bus_core::Outgoing;
use crate::data::plane::message::{Answer, BusCommand, Inquiry, Message, Peer};
use crate::node::office::{NodeOffice, Then};
use crate::resp::Error;

impl NodeOffice {
    /// WAIT: what its client has written so far has come here before all data cores have answered.
    pub(in crate::node::office) fn wait(
        &mut self,
        from: Peer,
        number: u64,
        command: &BusCommand,
        outgoing: &mut Outgoing,
    ) {
        let integer = |place: usize| std::str::from_utf8(&command.args[place]).ok().and_then(|text| text.parse().ok());
        let (wanted, timeout): (i64, u64) = (integer(1).unwrap_or(0), integer(2).unwrap_or(0) as u64);
        let wanted = usize::try_from(wanted).unwrap_or(0);
        self.desk_of_replication.waiting.insert(command.client.0, (from, number));
        self.ask_all(&Inquiry::Barrier, Then::Wait(command.client, wanted, timeout, command.answered_ns), outgoing);
    }

    /// All that the client wrote has been logged.
    pub(in crate::node::office) fn wait_for_replicas(
        &mut self,
        client: ClientId,
        wanted: usize,
        timeout: u64,
        answered: u64,
        outgoing: &mut Outgoing,
    ) {
        if self.desk_of_replication.waiting.contains_key(&client.0) {
            self.with_replication(outgoing, |replication| replication.wait(client.0, wanted, timeout, answered));
        }
    }

    /// CLIENT UNBLOCK of one that waits for replicas.
    pub(in crate::node::office) fn end_wait(&mut self, client: ClientId, with_error: bool, outgoing: &mut Outgoing) {
        if !with_error {
            return self.with_replication(outgoing, |replication| replication.end_wait(client.0));
        }
        if let Some((to, number)) = self.desk_of_replication.waiting.remove(&client.0) {
            self.desk_of_replication.replication.wait_no_more(client.0);
            let error = Error::new("UNBLOCKED client unblocked via CLIENT UNBLOCK");
            outgoing.push((to, Message::Answer(number, Answer::Reply(Err(error)))));
        }
    }

    /// The client is gone that waited.
    pub(in crate::node::office) fn wait_no_more(&mut self, client: ClientId) {
        self.desk_of_replication.waiting.remove(&client.0);
        self.desk_of_replication.replication.wait_no_more(client.0);
    }
}
