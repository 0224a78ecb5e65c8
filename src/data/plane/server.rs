//! Commands about the whole node: the keyspace at large (DBSIZE, KEYS, SCAN, FLUSHALL ...), INFO, CONFIG,
//! CLUSTER, SHUTDOWN. They ask every core, or the bus core, and wait for the answers.

use super::Plane;
use super::ask::{Finish, Next};
use super::dispatch::{Flow, Request};
use super::figures::Figures;
use super::info;
use super::message::{Answer, Inquiry, Message, Notice, Peer, ScanPart, Scope};
use crate::base::ids::CoreId;
use crate::data::command::help;
use crate::data::command::keyspace::{self, FlushMode, KeyBatch, ScanOptions};
use crate::data::command::{SessionHandler, number};
use crate::data::store::slot_of_cursor;
use crate::resp::Error;
use crate::slot::Slot;
use rand_xoshiro::rand_core::Rng;

/// Handlers of this file; all wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[
    ("dbsize", dbsize),
    ("keys", keys),
    ("scan", scan),
    ("randomkey", randomkey),
    ("flushall", |plane, at, request| flush(plane, at, request, Scope::All)),
    ("flushdb", |plane, at, request| {
        let db = plane.clients[at].session.db;
        flush(plane, at, request, Scope::One(db))
    }),
    ("swapdb", swapdb),
    ("info", info),
    ("config|get", to_bus),
    ("config|set", to_bus),
    ("config|rewrite", to_bus),
    ("config|help", to_bus),
    ("config|resetstat", |plane, at, _| {
        plane.ask(at, plane.everybody(), Inquiry::ResetStats, Box::new(|plane, at, _| plane.reply(at).ok()))
    }),
    ("shutdown", to_bus),
    ("save", to_bus),
    ("bgsave", to_bus),
    ("bgrewriteaof", to_bus),
    ("lastsave", to_bus),
    ("cluster|countkeysinslot", count_keys_in_slot),
    ("cluster|getkeysinslot", get_keys_in_slot),
    ("cluster|keyslot", keyslot),
    ("cluster|addslots", to_bus),
    ("cluster|addslotsrange", to_bus),
    ("cluster|bumpepoch", to_bus),
    ("cluster|count-failure-reports", to_bus),
    ("cluster|delslots", to_bus),
    ("cluster|delslotsrange", to_bus),
    ("cluster|failover", to_bus),
    ("cluster|flushslots", to_bus),
    ("cluster|forget", to_bus),
    ("cluster|help", to_bus),
    ("cluster|info", to_bus),
    ("cluster|links", to_bus),
    ("cluster|meet", to_bus),
    ("cluster|myid", to_bus),
    ("cluster|nodes", to_bus),
    ("cluster|replicas", to_bus),
    ("cluster|replicate", to_bus),
    ("cluster|reset", to_bus),
    ("cluster|saveconfig", to_bus),
    ("cluster|set-config-epoch", to_bus),
    ("cluster|setslot", to_bus),
    ("cluster|shards", to_bus),
    ("cluster|slaves", to_bus),
    ("cluster|slots", to_bus),
];

/// Handlers that need nobody else.
pub const HANDLERS: &[(&str, SessionHandler)] =
    &[("time", time), ("lolwut", lolwut), ("module|help", module_help), ("module|list", module_list)];

type Done = Result<Flow, Error>;

fn counts(answers: &[Answer]) -> u64 {
    answers.iter().map(|answer| if let Answer::Count(count) = answer { *count } else { 0 }).sum()
}

fn dbsize(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let db = plane.clients[at].session.db;
    let finish: Finish = Box::new(|plane, at, answers| plane.reply(at).int(counts(&answers) as i64));
    plane.ask(at, plane.data_cores(), Inquiry::Size(Scope::One(db)), finish)
}

fn keys(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let db = plane.clients[at].session.db;
    let pattern = request.args[1].into();
    let finish: Finish = Box::new(|plane, at, answers| {
        let mut all = KeyBatch::default();
        for answer in &answers {
            if let Answer::Keys(keys) = answer {
                all.append(keys);
            }
        }
        all.write(&mut plane.reply(at));
    });
    plane.ask(at, plane.data_cores(), Inquiry::Keys { db, pattern }, finish)
}

fn scan(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let cursor = keyspace::parse_cursor(request.args[1])?;
    let options = ScanOptions::parse(&request.args[2..])?;
    let (pattern, type_filter) = (options.pattern.map(Box::from), options.type_filter.map(Box::from));
    let db = plane.clients[at].session.db;
    let part = ScanPart { db, cursor, pattern, count: options.count, type_filter };
    scan_on(plane, at, part, KeyBatch::default())
}

/// The core whose store goes on with a cursor.
fn core_of(plane: &Plane, cursor: u64) -> CoreId {
    plane.routes.owners().of(Slot::new(slot_of_cursor(cursor) as u16).expect("a cursor names a slot"))
}

/// The cores own ascending ranges of slots, so one core after the other is scanned: the next one at once if `part` is
/// not filled yet.
fn scan_on(plane: &mut Plane, at: u32, part: ScanPart, mut found: KeyBatch) -> Done {
    let core = core_of(plane, part.cursor);
    let inquiry = Inquiry::Scan(Box::new(part.clone()));
    let then: Next = Box::new(move |plane, at, answers| {
        let Some(Answer::Scan(next, keys)) = answers.into_iter().next() else { return Ok(Flow::Done) };
        found.append(&keys);
        // A store that is locked would have to be waited for.
        let is_free = !(plane.locked && core_of(plane, next) == plane.core());
        if next != 0 && keys.len() < part.count && core_of(plane, next) != core && is_free {
            let part = ScanPart { cursor: next, count: part.count - keys.len(), ..part };
            return scan_on(plane, at, part, found);
        }
        let mut reply = plane.reply(at);
        reply.array(2);
        reply.bulk(next.to_string().as_bytes());
        found.write(&mut reply);
        Ok(Flow::Done)
    });
    plane.ask_then(at, std::iter::once(core.into()), inquiry, then)
}

fn randomkey(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let db = plane.clients[at].session.db;
    let finish: Finish = Box::new(|plane, at, answers| {
        let candidates =
            answers.into_iter().filter_map(|answer| if let Answer::Sample(sample) = answer { sample } else { None });
        let chosen = keyspace::choose_random(candidates, plane.random.next_u64());
        plane.reply(at).bulk_or_null(chosen.as_deref());
    });
    plane.ask(at, plane.data_cores(), Inquiry::RandomKey { db }, finish)
}

fn flush(plane: &mut Plane, at: u32, request: &Request<'_>, scope: Scope) -> Done {
    // Memory is always freed later, in bounded steps, so SYNC and ASYNC are the same thing here.
    FlushMode::parse(&request.args[1..], &plane.settings)?;
    let args = request.args.iter().map(|arg| arg.to_vec()).collect::<Vec<_>>();
    Ok(plane.with_all_stores(
        at,
        request.bump,
        Box::new(move |plane, at| {
            let answers: Vec<Answer> = plane.answer_for_all(&Inquiry::Flush(scope));
            plane.stats.changed += counts(&answers) + 1;
            plane.log_as_sent(plane.clients[at].session.db, &args);
            if !(matches!(scope, Scope::All) && plane.settings.has_save_points && plane.saves_what_is_left(at)) {
                plane.reply(at).ok();
            }
        }),
    ))
}

impl Plane {
    /// FLUSHALL saves what it leaves where there are save points, and is answered then, as in Redis: nothing before it counts
    /// as unsaved. All cores are told before they have their stores back, so that they count what comes next. False: it
    /// is part of a transaction, which does not wait.
    fn saves_what_is_left(&mut self, at: u32) -> bool {
        let waits = !self.transacting(at);
        let client = &mut self.clients[at];
        let owed = waits.then(|| (client.reference, client.owe()));
        self.stats.changed = 0;
        let me = self.core().into();
        for peer in self.data_cores().filter(|peer| *peer != me).collect::<Vec<_>>() {
            self.send(peer, Message::Tell(Notice::CountAnew(None)));
        }
        self.send(self.bus(), Message::Tell(Notice::CountAnew(owed)));
        waits
    }
}

fn swapdb(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let (first, second) = keyspace::parse_swapdb(request.args[1], request.args[2], &plane.settings)?;
    let args = request.args.iter().map(|arg| arg.to_vec()).collect::<Vec<_>>();
    Ok(plane.with_all_stores(
        at,
        request.bump,
        Box::new(move |plane, at| {
            plane.answer_for_all(&Inquiry::Swap(first, second));
            plane.stats.changed += 1;
            plane.log_as_sent(plane.clients[at].session.db, &args);
            plane.reply(at).ok();
        }),
    ))
}

fn info(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let sections = info::Sections::parse(&request.args[1..]);
    let finish: Finish = Box::new(move |plane, at, answers| {
        let figures = Figures::merged(answers);
        let text = info::text(plane, &sections, &figures);
        plane.reply(at).verbatim(text.as_bytes());
    });
    plane.ask(at, plane.everybody(), Inquiry::Figures, finish)
}

fn to_bus(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let is_cluster = request.args[0].eq_ignore_ascii_case(b"cluster");
    if is_cluster && !plane.settings.cluster_enabled {
        return Err(Error::new("ERR This instance has cluster support disabled"));
    }
    plane.ask_bus(at, request.args)
}

fn keyslot(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    cluster_only(plane)?;
    plane.reply(at).int(i64::from(Slot::of_key(request.args[2]).number()));
    Ok(Flow::Done)
}

fn cluster_only(plane: &Plane) -> Result<(), Error> {
    if plane.settings.cluster_enabled {
        Ok(())
    } else {
        Err(Error::new("ERR This instance has cluster support disabled"))
    }
}

fn slot_arg(arg: &[u8]) -> Result<Option<Slot>, Error> {
    let number = number::parse_i64(arg).ok_or(Error::NotAnInteger)?;
    Ok(u16::try_from(number).ok().and_then(Slot::new))
}

fn ask_slot(plane: &mut Plane, at: u32, slot: Slot, limit: usize, finish: Finish) -> Done {
    let core: CoreId = plane.routes.owners().of(slot);
    let inquiry = Inquiry::SlotKeys { slot: slot.number(), limit };
    plane.ask(at, std::iter::once(Peer::from(core)), inquiry, finish)
}

fn count_keys_in_slot(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    cluster_only(plane)?;
    let slot = slot_arg(request.args[2])?.ok_or(Error::new("ERR Invalid slot"))?;
    let finish: Finish = Box::new(|plane, at, answers| {
        if let Some(Answer::Scan(count, _)) = answers.into_iter().next() {
            plane.reply(at).int(count as i64);
        }
    });
    ask_slot(plane, at, slot, 0, finish)
}

fn get_keys_in_slot(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    cluster_only(plane)?;
    let slot = slot_arg(request.args[2])?;
    let limit = number::parse_i64(request.args[3]).ok_or(Error::NotAnInteger)?;
    let (Some(slot), Ok(limit)) = (slot, usize::try_from(limit)) else {
        return Err(Error::new("ERR Invalid slot or number of keys"));
    };
    let finish: Finish = Box::new(|plane, at, answers| {
        if let Some(Answer::Scan(_, keys)) = answers.into_iter().next() {
            keys.write(&mut plane.reply(at));
        }
    });
    ask_slot(plane, at, slot, limit, finish)
}

fn time(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let micros = (plane.options.wall_clock)();
    let mut reply = plane.reply(at);
    reply.array(2);
    reply.bulk_int((micros / 1_000_000) as i64);
    reply.bulk_int((micros % 1_000_000) as i64);
    Ok(Flow::Done)
}

/// There are no modules; some tools ask for them before anything else.
fn module_list(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    plane.reply(at).array(0);
    Ok(Flow::Done)
}

fn module_help(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    help::write(&mut plane.reply(at), "MODULE", &["LIST", "    Return a list of loaded modules."]);
    Ok(Flow::Done)
}

fn lolwut(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let version = env!("CARGO_PKG_VERSION");
    plane.reply(at).verbatim(format!("coreslot ver. {version}\n").as_bytes());
    Ok(Flow::Done)
}
