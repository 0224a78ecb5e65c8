//! The connections of replication as clients are told of them: CLIENT LIST, CLIENT KILL.

use super::now;
use crate::base::ids::{ClientId, CoreId};
use crate::data::acl::{User, Users};
use crate::data::plane::client_filter::{ClientFilter, ClientType};
use crate::replication::LinkId;
use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// As whom it acts; none: it is the node's own.
    user: Option<Arc<User>>,
    /// Unix time in ms.
    since: u64,
}

impl Connections {
    /// A connection is made to a primary, or was taken over from a data core, where it had an id and a user.
    pub fn add(&mut self, link: LinkId, client: Option<(ClientId, Arc<User>)>, addr: String, laddr: String) {
        let kind = if client.is_some() { ClientType::Replica } else { ClientType::Primary };
        let (id, user) = client.map_or((ClientId::new(link.0, BUS), None), |(id, user)| (id, Some(user)));
        self.0.insert(link, Connection { kind, id, addr, laddr, user, since: now().unix_ms });
    }

    /// It is no more.
    pub fn remove(&mut self, link: LinkId) {
        self.0.remove(&link);
    }

    /// Those that match.
    pub fn matching(&self, filter: &ClientFilter) -> Vec<LinkId> {
        self.0.iter().filter(|(_, connection)| connection.is(filter)).map(|(link, _)| *link).collect()
    }

    /// Those whose user is not one of `users` any more.
    pub fn of_lost_users(&self, users: &Users) -> Vec<LinkId> {
        let lost =
            |connection: &Connection| connection.user.as_ref().is_some_and(|user| users.successor(user).is_none());
        self.0.iter().filter(|(_, connection)| lost(connection)).map(|(link, _)| *link).collect()
    }

    /// The lines of those that match.
    pub fn lines(&self, filter: &ClientFilter) -> Vec<(ClientId, String)> {
        let matching = self.0.values().filter(|connection| connection.is(filter));
        matching.map(|connection| (connection.id, connection.line())).collect()
    }
}

impl Connection {
    fn is(&self, filter: &ClientFilter) -> bool {
        filter.matches_connection(self.id, self.kind, &self.addr, &self.laddr, self.user_name())
    }

    fn user_name(&self) -> &[u8] {
        self.user.as_ref().map_or(b"(superuser)", |user| &user.name)
    }

    fn line(&self) -> String {
        let (flags, command) = if self.kind == ClientType::Primary { ("M", "NULL") } else { ("S", "replconf") };
        let age = now().unix_ms.saturating_sub(self.since) / 1000;
        format!(
            "id={} addr={} laddr={} fd=-1 name= age={age} idle=0 flags={flags} db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 \
             qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd={command} \
             user={} redir=-1 resp=2",
            self.id.0,
            self.addr,
            self.laddr,
            String::from_utf8_lossy(self.user_name())
        )
    }
}
