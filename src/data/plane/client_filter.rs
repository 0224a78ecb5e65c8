//! Which clients CLIENT LIST shows and CLIENT KILL kills.

use super::client::Client;
use super::connection::client_type;
use crate::base::ids::ClientId;
use crate::data::acl::Users;
use crate::data::command::number;
use crate::resp::Error;

/// Kinds of connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientType {
    /// An ordinary client.
    Normal,
    /// A replica of this node.
    Replica,
    /// A subscriber.
    PubSub,
    /// This node's primary.
    Primary,
}

/// Conditions that must all hold.
#[derive(Clone, Debug, Default)]
pub struct ClientFilter {
    ids: Option<Vec<u64>>,
    kind: Option<ClientType>,
    addr: Option<Vec<u8>>,
    laddr: Option<Vec<u8>>,
    user: Option<Vec<u8>>,
    skip: Option<ClientId>,
    /// Who asked, to be dealt with last.
    pub asked_by: Option<ClientId>,
}

impl ClientFilter {
    /// The arguments of CLIENT LIST.
    pub fn for_list(args: &[&[u8]]) -> Result<ClientFilter, Error> {
        match args {
            [] => Ok(ClientFilter::default()),
            [word, kind] if word.eq_ignore_ascii_case(b"type") => {
                Ok(ClientFilter { kind: Some(client_type(kind)?), ..Default::default() })
            }
            [word, ids @ ..] if word.eq_ignore_ascii_case(b"id") && !ids.is_empty() => {
                let ids = ids.iter().map(|id| number::parse_i64(id).map(|id| id as u64));
                let ids = ids.collect::<Option<Vec<u64>>>().ok_or(Error::new("ERR Invalid client ID"))?;
                Ok(ClientFilter { ids: Some(ids), ..Default::default() })
            }
            _ => Err(Error::Syntax),
        }
    }

    /// The arguments of CLIENT KILL by client `me`; whether they are of the old form, an address alone.
    pub fn for_kill(args: &[&[u8]], me: ClientId, users: &Users) -> Result<(ClientFilter, bool), Error> {
        let mut filter = ClientFilter { asked_by: Some(me), ..Default::default() };
        if let [addr] = args {
            filter.addr = Some(addr.to_vec());
            return Ok((filter, true));
        }
        if args.len() % 2 == 1 {
            return Err(Error::Syntax);
        }
        filter.skip = Some(me);
        for pair in args.chunks_exact(2) {
            let value = pair[1];
            match pair[0].to_ascii_lowercase().as_slice() {
                b"id" => match number::parse_i64(value) {
                    Some(id) if id > 0 => filter.ids = Some(vec![id as u64]),
                    _ => return Err(Error::new("ERR client-id should be greater than 0")),
                },
                b"type" => filter.kind = Some(client_type(value)?),
                b"addr" => filter.addr = Some(value.to_vec()),
                b"laddr" => filter.laddr = Some(value.to_vec()),
                b"user" if users.get(value).is_some() => filter.user = Some(value.to_vec()),
                b"user" => {
                    return Err(Error::new(format!("ERR No such user '{}'", String::from_utf8_lossy(value))));
                }
                b"skipme" if value.eq_ignore_ascii_case(b"yes") => filter.skip = Some(me),
                b"skipme" if value.eq_ignore_ascii_case(b"no") => filter.skip = None,
                _ => return Err(Error::Syntax),
            }
        }
        Ok((filter, false))
    }

    /// Whether all conditions hold for `client`.
    pub fn matches(&self, client: &Client) -> bool {
        let session = &client.session;
        let kind = if session.subscriptions.is_some() { ClientType::PubSub } else { ClientType::Normal };
        self.matches_connection(session.id, kind, &session.addr, &session.laddr, &session.user.name)
    }

    /// Whether all conditions hold for this connection.
    pub fn matches_connection(&self, id: ClientId, kind: ClientType, addr: &str, laddr: &str, user: &[u8]) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&id.0))
            && self.kind.is_none_or(|wanted| wanted == kind)
            && self.addr.as_ref().is_none_or(|wanted| wanted == addr.as_bytes())
            && self.laddr.as_ref().is_none_or(|wanted| wanted == laddr.as_bytes())
            && self.user.as_ref().is_none_or(|wanted| wanted == user)
            && self.skip != Some(id)
    }
}
