//! The connections of replication as clients are told of them: CLIENT LIST, CLIENT KILL.

use super::now;
use crate::base::ids::{ClientId, CoreId};
use crate::data::plane::client_filter::{ClientFilter, ClientType};
use crate::replication::LinkId;
use std::collections::BTreeMap;

/// The core that ids of the bus core's own connections name: no data core.
const BUS: CoreId = CoreId(u8::MAX);

/// See the module's header.
#[derive(Default)]
pub(super) struct Connections(BTreeMap<LinkId, Connection>);

struct Connection {
    kind: ClientType,
    id: ClientId,
    addr: String,
    laddr: String,
    /// Unix time in ms.
    since: u64,
}

impl Connections {
    /// A connection is made, or was taken over from a data core, where it had an id.
    pub fn add(&mut self, link: LinkId, kind: ClientType, id: Option<ClientId>, addr: String, laddr: String) {
        let id = id.unwrap_or_else(|| ClientId::new(link.0, BUS));
        self.0.insert(link, Connection { kind, id, addr, laddr, since: now().unix_ms });
    }

    /// It is no more.
    pub fn remove(&mut self, link: LinkId) {
        self.0.remove(&link);
    }

    /// Those that match.
    pub fn matching(&self, filter: &ClientFilter) -> Vec<LinkId> {
        self.0.iter().filter(|(_, connection)| connection.is(filter)).map(|(link, _)| *link).collect()
    }

    /// The lines of those that match.
    pub fn lines(&self, filter: &ClientFilter) -> Vec<(ClientId, String)> {
        let matching = self.0.values().filter(|connection| connection.is(filter));
        matching.map(|connection| (connection.id, connection.line())).collect()
    }
}

impl Connection {
    fn is(&self, filter: &ClientFilter) -> bool {
        filter.matches_connection(self.id, self.kind, &self.addr, &self.laddr)
    }

    fn line(&self) -> String {
        let (flags, command) = if self.kind == ClientType::Primary { ("M", "NULL") } else { ("S", "replconf") };
        let age = now().unix_ms.saturating_sub(self.since) / 1000;
        format!(
            "id={} addr={} laddr={} fd=-1 name= age={age} idle=0 flags={flags} db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 \
             qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd={command} \
             user=default redir=-1 resp=2",
            self.id.0, self.addr, self.laddr
        )
    }
}
