//! DEBUG: what tests and people who look for trouble use. Allowed by `enable-debug-command`.

use super::Plane;
use super::ask::{Finish, Next};
use super::dispatch::{Flow, Request};
use super::gather::Work;
use super::message::{Answer, Inquiry, Message, Notice};
use crate::data::command::{SessionHandler, digest, help, number};
use crate::data::key::KeyHasher;
use crate::data::store::{Deadline, Store};
use crate::data::types::list;
use crate::resp::{Error, Proto};
use crate::slot::Slot;
use std::sync::Arc;
use std::time::Duration;

/// Handlers of this file.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[("debug", debug)];

/// DEBUG POPULATE's keys.
pub struct Populate {
    count: u64,
    prefix: Vec<u8>,
    size: Option<usize>,
    db: usize,
}

impl Populate {
    /// Makes the keys whose slot `is_mine`. Existing keys stay as they are.
    pub fn fill(&self, store: &mut Store, hasher: KeyHasher, now: u64, is_mine: impl Fn(Slot) -> bool) {
        for number in 0..self.count {
            let bytes = [&self.prefix, format!(":{number}").as_bytes()].concat();
            let key = hasher.key(&bytes);
            if !is_mine(key.slot) || store.peek(self.db, &key, now).is_some() {
                continue;
            }
            let mut value = format!("value:{number}").into_bytes();
            if let Some(size) = self.size {
                value.resize(size, 0);
            }
            store.set_string(self.db, &key, &value, Deadline::Clear, now);
        }
    }
}

fn debug(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    let [_, subcommand, args @ ..] = request.args else { return Err(Error::Arity("debug".into())) };
    let name = subcommand.to_ascii_lowercase();
    match (name.as_slice(), args) {
        (b"sleep", [seconds]) => {
            let seconds = std::str::from_utf8(seconds).ok().and_then(|text| text.parse::<f64>().ok());
            let time = Duration::try_from_secs_f64(seconds.unwrap_or(0.0)).unwrap_or_default();
            sleep(plane, at, time)
        }
        (b"set-active-expire", [on]) => {
            let on = number::parse_i64(on).ok_or(Error::NotAnInteger)? != 0;
            plane.tell_all_and_ok(at, Inquiry::ActiveExpire(on))
        }
        (b"pause-cron", [on]) => {
            let on = number::parse_i64(on).ok_or(Error::NotAnInteger)? != 0;
            plane.send(plane.bus(), Message::Tell(Notice::PauseCron(on)));
            plane.tell_all_and_ok(at, Inquiry::PauseCron(on))
        }
        (b"set-disable-deny-scripts", [on]) => {
            let on = number::parse_i64(on).ok_or(Error::NotAnInteger)? != 0;
            plane.tell_all_and_ok(at, Inquiry::ScriptsMayAll(on))
        }
        (b"replybuffer", [what, value]) => {
            // Replies of all clients share a core's one buffer, which is not resized: there is nothing to set.
            let word = |word: &str| what.eq_ignore_ascii_case(word.as_bytes());
            let time = || ["never", "reset"].iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()));
            let fits = word("peak-reset-time") && time() || number::parse_i64(value).is_some();
            if !(word("peak-reset-time") || word("resizing")) || !fits {
                return Err(Error::Syntax);
            }
            plane.reply(at).ok();
            Ok(Flow::Done)
        }
        (b"populate", [count, rest @ ..]) if rest.len() <= 2 => {
            let count =
                number::parse_i64(count).and_then(|count| u64::try_from(count).ok()).ok_or(Error::NotAnInteger)?;
            let prefix = rest.first().map_or(b"key".to_vec(), |prefix| prefix.to_vec());
            let size = match rest.get(1) {
                Some(size) => Some(
                    number::parse_i64(size).and_then(|size| usize::try_from(size).ok()).ok_or(Error::NotAnInteger)?,
                ),
                None => None,
            };
            let db = plane.clients[at].session.db;
            let populate = Populate { count, prefix, size, db };
            plane.tell_all_and_ok(at, Inquiry::Populate(Arc::new(populate)))
        }
        (b"object", [key]) => object(plane, at, key),
        (b"digest", []) => digest(plane, at),
        (b"digest-value", keys) => digest_values(plane, at, keys),
        (b"replicate", command) if !command.is_empty() => replicate(plane, at, command),
        (b"reload", _) | (b"loadaof", []) | (b"aof-flush-sleep", [_]) => plane.ask_bus(at, request.args),
        (b"protocol", [kind]) => protocol(plane, at, kind),
        (b"set-skip-checksum-validation", [on]) => {
            let on = number::parse_i64(on).ok_or(Error::NotAnInteger)? != 0;
            Ok(set_in_stores(plane, at, request, move |store| store.trusts_checksums = on))
        }
        (b"quicklist-packed-threshold", [size]) => packed_threshold(plane, at, request, size),
        (b"listpack", [key]) => listpack(plane, at, key),
        (b"htstats", [db]) => table_stats(plane, at, db),
        (b"quicklist" | b"htstats-key" | b"stringmatch-len", _) => {
            Err(Error::new("ERR this DEBUG subcommand has no meaning in coreslot"))
        }
        (b"segfault" | b"panic", []) | (b"config-rewrite-force-all", []) | (b"drop-cluster-packet-filter", [_]) => {
            plane.ask_bus(at, request.args)
        }
        (b"clusterlink", [kill, _, _]) if kill.eq_ignore_ascii_case(b"kill") => plane.ask_bus(at, request.args),
        (b"log", [message]) => {
            log::info!("DEBUG LOG: {}", String::from_utf8_lossy(message));
            plane.reply(at).ok();
            Ok(Flow::Done)
        }
        (b"error", [message]) => Err(Error::new(String::from_utf8_lossy(message).into_owned())),
        (b"change-repl-id", []) => plane.ask_bus(at, request.args),
        (b"help", []) => {
            help::write(&mut plane.reply(at), "DEBUG", HELP);
            Ok(Flow::Done)
        }
        _ => Err(Error::new(format!(
            "ERR unknown subcommand or wrong number of arguments for '{}'. Try DEBUG HELP.",
            String::from_utf8_lossy(subcommand)
        ))),
    }
}

const HELP: &[&str] = &[
    "AOF-FLUSH-SLEEP <microsec>",
    "    Server will sleep before flushing the AOF, this is used for testing.",
    "CLUSTERLINK KILL <to|from|all> <node-id>",
    "    Kills the link based on the direction to/from (both) with the provided node.",
    "CONFIG-REWRITE-FORCE-ALL",
    "    Like CONFIG REWRITE but writes all configuration options, including",
    "    keywords not listed in original configuration file or default values.",
    "CHANGE-REPL-ID",
    "    Change the replication IDs of the instance.",
    "    Dangerous: should be used only for testing the replication subsystem.",
    "DIGEST",
    "    Output a hex signature representing the current DB content.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Output a hex signature of the values of all the specified keys.",
    "DROP-CLUSTER-PACKET-FILTER <packet-type>",
    "    Drop all packets that match the filtered type. Set to -1 allow all packets.",
    "ERROR <string>",
    "    Return a Redis protocol error with <string> as message.",
    "HTSTATS <dbid>",
    "    Return hash table statistics of the specified database.",
    "LISTPACK <key>",
    "    Show low level info about the listpack encoding of <key>, in the log.",
    "LOADAOF",
    "    Flush the AOF buffers on disk and reload the AOF in memory.",
    "LOG <message>",
    "    Write <message> to the server log.",
    "OBJECT <key>",
    "    Show low level info about <key> and associated value.",
    "PANIC",
    "    Crash the server simulating a panic.",
    "PAUSE-CRON <0|1>",
    "    Stop periodic cron job processing.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> string keys named key:<num>.",
    "PROTOCOL <type>",
    "    Reply with a test value of the specified type.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Sets the threshold for elements to be inserted as plain vs packed nodes",
    "    Default value is 1MB, allows values up to 4GB. Setting to 0 restores to default.",
    "REPLICATE <string>",
    "    Replicates the provided string to replicas, allowing data divergence",
    "REPLYBUFFER PEAK-RESET-TIME <NEVER||RESET|time>",
    "    Sets the time (in milliseconds) to wait between client reply buffer peak resets.",
    "REPLYBUFFER RESIZING <0|1>",
    "    Enable or disable the reply buffer resize cron job",
    "SEGFAULT",
    "    Crash the server with sigsegv.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background.",
    "SET-DISABLE-DENY-SCRIPTS <0|1>",
    "    When set to 1, commands that can't be called from scripts can be.",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    Enables or disables checksum checks for RDB files and RESTORE's payload",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
];

impl Plane {
    /// Whether this client may use DEBUG, the one protected command there is.
    pub(super) fn admit_protected(&self, at: u32) -> Result<(), Error> {
        let allowed = match self.settings.enable_debug_command {
            0 => false,
            1 => self.clients[at].session.local,
            _ => true,
        };
        if allowed {
            return Ok(());
        }
        Err(Error::new(
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
        ))
    }
}

/// The whole node sleeps, as Redis's one thread does, and other nodes are to notice: the bus core tells all data cores
/// to, at the same time, and sleeps too.
fn sleep(plane: &mut Plane, at: u32, time: Duration) -> Result<Flow, Error> {
    let finish: Finish = Box::new(|plane, at, _| plane.reply(at).ok());
    plane.ask(at, std::iter::once(plane.bus()), Inquiry::Sleep(time), finish)
}

/// Runs DEBUG OBJECT where the key lives, as the keyed command it is.
fn object(plane: &mut Plane, at: u32, key: &[u8]) -> Result<Flow, Error> {
    let db = plane.clients[at].session.db;
    let owner = plane.routes.owners().of(Slot::of_key(key));
    let next: Next = Box::new(|plane, at, answers| match answers.into_iter().next() {
        Some(Answer::Strings(lines)) if !lines.is_empty() => {
            plane.reply(at).simple(&String::from_utf8_lossy(&lines[0]));
            Ok(Flow::Done)
        }
        _ => Err(Error::NoSuchKey),
    });
    let inquiry = Inquiry::DebugObject { db, key: Arc::from(key) };
    plane.ask_then(at, std::iter::once(owner.into()), inquiry, next)
}

/// DEBUG LISTPACK: told in the log.
fn listpack(plane: &mut Plane, at: u32, key: &[u8]) -> Result<Flow, Error> {
    let db = plane.clients[at].session.db;
    let owner = plane.routes.owners().of(Slot::of_key(key));
    let next: Next = Box::new(|plane, at, answers| {
        if let Some(Answer::Reply(text)) = answers.into_iter().next() {
            String::from_utf8_lossy(&text?).lines().for_each(|line| log::warn!("{line}"));
            plane.reply(at).simple("Listpack structure printed in the log");
        }
        Ok(Flow::Done)
    });
    plane.ask_then(at, std::iter::once(owner.into()), Inquiry::DebugListpack { db, key: Arc::from(key) }, next)
}

/// DEBUG HTSTATS: the tables of all cores together. What Redis calls a slot is a line of a table here, its chain the
/// entries in it.
fn table_stats(plane: &mut Plane, at: u32, db: &[u8]) -> Result<Flow, Error> {
    let db = number::parse_i64(db).ok_or(Error::NotAnInteger)?;
    let db = usize::try_from(db).ok().filter(|db| *db < plane.settings.databases);
    let db = db.ok_or(Error::new("ERR Out of range database"))?;
    let finish: Finish = Box::new(|plane, at, answers| {
        let counts = answers.into_iter().filter_map(|answer| match answer {
            Answer::Counts(counts) => Some(counts),
            _ => None,
        });
        let sums = counts.reduce(|sums, counts| sums.iter().zip(counts).map(|(sum, count)| sum + count).collect());
        if let Some([lines @ .., deadlines]) = sums.as_deref() {
            let text = crate::data::command::debug::table_text(lines, *deadlines);
            plane.reply(at).verbatim(text.as_bytes());
        }
    });
    plane.ask(at, plane.data_cores(), Inquiry::TableLines(db), finish)
}

/// From which size on the elements of lists get nodes of their own.
fn packed_threshold(plane: &mut Plane, at: u32, request: &Request<'_>, size: &[u8]) -> Result<Flow, Error> {
    // Source: Redis 7.0 `quicklistisSetPackedThreshold`.
    const BEYOND: u64 = (1 << 32) - (1 << 20);
    let size = number::parse_bytes(size).filter(|size| *size <= BEYOND);
    let large = match size {
        Some(0) => list::LARGE,
        Some(size) => size as usize,
        None => return Err(Error::new("ERR argument must be a memory value bigger than 1 and smaller than 4gb")),
    };
    Ok(set_in_stores(plane, at, request, move |store| store.large_element = large))
}

fn set_in_stores(plane: &mut Plane, at: u32, request: &Request<'_>, set: impl Fn(&mut Store) + 'static) -> Flow {
    let work: Work = Box::new(move |plane, at| {
        plane.stores.iter_mut().for_each(|(_, store)| set(store));
        plane.reply(at).ok();
    });
    plane.with_all_stores(at, request.bump, work)
}

fn digest(plane: &mut Plane, at: u32) -> Result<Flow, Error> {
    let finish: Finish = Box::new(|plane, at, answers| {
        let mut sums = vec![None; plane.settings.databases];
        for (db, digest) in answers.into_iter().flat_map(digests).flat_map(|digests| digests.into_iter().enumerate()) {
            let Some(digest) = digest else { continue };
            let sum = sums[db].get_or_insert(digest::Digest::default());
            sum.iter_mut().zip(digest).for_each(|(byte, other)| *byte ^= other);
        }
        plane.reply(at).simple(&digest::show(&digest::all(&sums)));
    });
    plane.ask(at, plane.data_cores(), Inquiry::Digest, finish)
}

fn digests(answer: Answer) -> Option<Vec<Option<digest::Digest>>> {
    if let Answer::Digests(digests) = answer { Some(digests) } else { None }
}

fn digest_values(plane: &mut Plane, at: u32, keys: &[&[u8]]) -> Result<Flow, Error> {
    let db = plane.clients[at].session.db;
    let count = keys.len();
    let finish: Finish = Box::new(move |plane, at, answers| {
        let answers: Vec<_> = answers.into_iter().filter_map(digests).collect();
        let mut reply = plane.reply(at);
        reply.array(count);
        for key in 0..count {
            // The core that has the key knows; what is nowhere has the digest of nothing.
            let digest = answers.iter().find_map(|digests| digests[key]).unwrap_or_default();
            reply.simple(&digest::show(&digest));
        }
    });
    let keys = keys.iter().map(|key| Box::from(*key)).collect();
    plane.ask(at, plane.data_cores(), Inquiry::DigestValues(db, keys), finish)
}

/// Puts a command into the log though nobody executed it.
fn replicate(plane: &mut Plane, at: u32, command: &[&[u8]]) -> Result<Flow, Error> {
    let db = plane.clients[at].session.db;
    plane.log_as_sent(db, command);
    plane.reply(at).ok();
    Ok(Flow::Done)
}

fn protocol(plane: &mut Plane, at: u32, kind: &[u8]) -> Result<Flow, Error> {
    let resp3 = plane.proto(at) == Proto::Resp3;
    let mut reply = plane.reply(at);
    match kind.to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.int(12345),
        b"double" => reply.raw(if resp3 { b",3.141\r\n" } else { b"$5\r\n3.141\r\n" }),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.int(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.int(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.int(number);
                reply.bool(number == 1);
            }
        }
        b"attrib" => {
            if resp3 {
                reply.raw(b"|1\r\n");
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.int(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" => {
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.int(42);
        }
        b"verbatim" => reply.verbatim(b"This is a verbatim\nstring"),
        b"true" => reply.bool(true),
        b"false" => reply.bool(false),
        b"bignum" => reply.raw(if resp3 {
            b"(1234567999999999999999999999999999999\r\n"
        } else {
            b"$37\r\n1234567999999999999999999999999999999\r\n"
        }),
        _ => {
            return Err(Error::new(
                "ERR Wrong protocol type name. Please use one of the following: string|integer|double|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(Flow::Done)
}
