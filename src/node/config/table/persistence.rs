//! Databases and what is kept of them on disk.

use super::{INT, INT_MIN, LONG};
use crate::node::config::directive::{Directive, Kind, choice, flag, memory, number, special, text};
use crate::node::config::value::Value;

const FSYNC: &[&str] = &["everysec", "always", "no"];

pub(super) const ROWS: &[Directive] = &[
    number("databases", 1, INT, "16", "How many logical databases there are; a cluster has one.").immutable(),
    special(
        "save",
        Kind::Save,
        "3600 1 300 100 60 10000",
        "Take a snapshot after so many seconds with so many changes.",
    ),
    text("dbfilename", "dump.rdb", "The name of the snapshot file.").check(snapshot_name).protected(),
    flag("rdbcompression", "yes", "Compress strings in snapshots."),
    flag("rdbchecksum", "yes", "End snapshots with a checksum, and verify it.").immutable(),
    flag("rdb-del-sync-files", "no", "Delete snapshots that only replication needed."),
    flag("rdb-save-incremental-fsync", "yes", "Sync a snapshot to disk piece by piece."),
    number("rdb-key-save-delay", INT_MIN, INT, "0", "Microseconds to wait at each key of a snapshot, for tests.")
        .hidden(),
    number("key-load-delay", INT_MIN, INT, "0", "Microseconds to wait at each key that is loaded, for tests.").hidden(),
    number("loading-process-events-interval-bytes", 1024, INT, "2097152", "How often loading lets clients be served.")
        .hidden(),
    flag("stop-writes-on-bgsave-error", "yes", "Refuse writes after a snapshot failed."),
    choice("sanitize-dump-payload", &["no", "yes", "clients"], "no", "Whose RESTORE payloads are checked in depth.")
        .without_effect("every payload is checked in depth, whoever sends it"),
    flag("appendonly", "no", "Log every write to disk.").not_while_loading(),
    choice("appendfsync", FSYNC, "everysec", "When logged writes are synced to disk."),
    text("appendfilename", "appendonly.aof", "The base name of the log's files.").check(log_name).immutable(),
    text("appenddirname", "appendonlydir", "The directory of the log's files.").check(log_directory).immutable(),
    flag("no-appendfsync-on-rewrite", "no", "Do not sync the log while it is rewritten."),
    number("auto-aof-rewrite-percentage", 0, INT, "100", "Rewrite the log when it has grown so many percent."),
    memory("auto-aof-rewrite-min-size", 0, LONG, "64mb", "Do not rewrite a log that is smaller."),
    flag("aof-load-truncated", "yes", "Load a log whose end is cut off."),
    flag("aof-use-rdb-preamble", "yes", "Begin a rewritten log with a snapshot."),
    flag("aof-timestamp-enabled", "no", "Write the time into the log."),
    flag("aof-rewrite-incremental-fsync", "yes", "Sync a rewritten log to disk piece by piece."),
    flag("aof-disable-auto-gc", "no", "Keep old files of the log."),
];

fn snapshot_name(value: &Value) -> Result<(), &'static str> {
    base_name(value, "dbfilename can't be a path, just a filename")
}

fn log_name(value: &Value) -> Result<(), &'static str> {
    not_empty(value, "appendfilename can't be empty")?;
    base_name(value, "appendfilename can't be a path, just a filename")
}

fn log_directory(value: &Value) -> Result<(), &'static str> {
    not_empty(value, "appenddirname can't be empty")?;
    base_name(value, "appenddirname can't be a path, just a dirname")
}

fn base_name(value: &Value, otherwise: &'static str) -> Result<(), &'static str> {
    let is_path = value.bytes().iter().any(|byte| matches!(byte, b'/' | b'\\'));
    if is_path { Err(otherwise) } else { Ok(()) }
}

fn not_empty(value: &Value, otherwise: &'static str) -> Result<(), &'static str> {
    if value.bytes().is_empty() { Err(otherwise) } else { Ok(()) }
}
