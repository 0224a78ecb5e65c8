//! What is told of replication: INFO, ROLE and the lines of CLIENT LIST.

use super::Replication;
use super::upstream::Upstream;
use crate::resp::Reply;
use std::fmt::Write;

impl Replication {
    /// The fields of INFO replication.
    pub fn info(&self) -> String {
        let mut out = String::new();
        let mut field = |name: &str, value: &dyn std::fmt::Display| _ = write!(out, "{name}:{value}\r\n");
        let offset = self.stream.end();
        match self.upstream() {
            None => field("role", &"master"),
            Some(upstream) => self.info_upstream(upstream, &mut field),
        }
        field("connected_slaves", &self.replicas.len());
        if self.options.min_replicas > 0 && self.options.max_lag > 0 {
            field("min_slaves_good_slaves", &self.good_replicas());
        }
        for (number, replica) in self.replicas.iter().enumerate() {
            let (ip, port, state) = (replica.ip(), replica.port(), replica.state_name());
            let (acked, lag) = (replica.acked(), replica.lag(self.now));
            let line = format!("ip={ip},port={port},state={state},offset={acked},lag={lag}");
            field(&format!("slave{number}"), &line);
        }
        field("master_failover_state", &self.failover_state());
        field("master_replid", &self.history.id);
        field("master_replid2", &self.history.former);
        field("master_repl_offset", &offset);
        field("second_repl_offset", &self.history.second_offset);
        let active = self.stream.is_active();
        field("repl_backlog_active", &u8::from(active));
        field("repl_backlog_size", &self.options.backlog_size);
        field("repl_backlog_first_byte_offset", &if active { self.stream.start() + 1 } else { 0 });
        field("repl_backlog_histlen", &self.stream.kept());
        out
    }

    fn info_upstream(&self, upstream: &Upstream, field: &mut impl FnMut(&str, &dyn std::fmt::Display)) {
        let offset = self.stream.end();
        let heard = if upstream.is_up() { (upstream.silence(self.now) / 1000) as i64 } else { -1 };
        field("role", &"slave");
        field("master_host", &upstream.host());
        field("master_port", &upstream.port());
        field("master_link_status", &if upstream.is_up() { "up" } else { "down" });
        field("master_last_io_seconds_ago", &heard);
        field("master_sync_in_progress", &u8::from(upstream.is_synchronising()));
        field("slave_read_repl_offset", &(offset + upstream.unexecuted() as u64));
        field("slave_repl_offset", &offset);
        if upstream.is_synchronising() {
            let (total, read) = upstream.progress();
            let percent = if total > 0 { read as f64 / total as f64 * 100.0 } else { 0.0 };
            field("master_sync_total_bytes", &total);
            field("master_sync_read_bytes", &read);
            field("master_sync_left_bytes", &(total as i64 - read as i64));
            field("master_sync_perc", &format!("{percent:.2}"));
            field("master_sync_last_io_seconds_ago", &(upstream.silence(self.now) / 1000));
        }
        if let Some(down) = upstream.down_for(self.now) {
            field("master_link_down_since_seconds", &(down / 1000));
        }
        field("slave_priority", &self.options.priority);
        field("slave_read_only", &u8::from(self.options.read_only));
        field("replica_announced", &u8::from(self.options.announced));
    }

    /// The reply of ROLE.
    pub fn role(&self, reply: &mut Reply<'_>) {
        match self.upstream() {
            Some(upstream) => {
                reply.array(5);
                reply.bulk(b"slave");
                reply.bulk(upstream.host().as_bytes());
                reply.int(i64::from(upstream.port()));
                reply.bulk(upstream.state_name().as_bytes());
                reply.int(if upstream.is_up() { self.stream.end() as i64 } else { -1 });
            }
            None => {
                let online = || self.replicas.iter().filter(|replica| replica.is_online());
                reply.array(3);
                reply.bulk(b"master");
                reply.int(self.stream.end() as i64);
                reply.array(online().count());
                for replica in online() {
                    reply.array(3);
                    reply.bulk(replica.ip().as_bytes());
                    reply.bulk(replica.port().to_string().as_bytes());
                    reply.bulk(replica.acked().to_string().as_bytes());
                }
            }
        }
    }
}
