//! What commands and errors cost: INFO commandstats, latencystats, errorstats and LATENCY HISTOGRAM.
//!
//! Each core counts for itself, without atomics; whoever is asked merges all cores' counts. Commands are
//! known by the dense id of their row in the command table, subcommands have their own.

use super::histogram::Histogram;
use crate::resp::Reply;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The counts of all commands.
#[derive(Clone, Debug)]
pub struct CommandStats {
    rows: Box<[Row]>,
}

#[derive(Clone, Debug, Default)]
struct Row {
    calls: u64,
    nanoseconds: u64,
    rejected: u64,
    failed: u64,
    times: Option<Box<Histogram>>,
}

impl CommandStats {
    /// Nothing counted yet, for ids below `commands`.
    pub fn new(commands: u16) -> CommandStats {
        CommandStats { rows: vec![Row::default(); usize::from(commands)].into_boxed_slice() }
    }

    /// Counts `calls` of command `id` that took `nanoseconds` each; `track` is the setting `latency-tracking`.
    pub fn called(&mut self, id: u16, calls: u64, nanoseconds: u64, failed: bool, track: bool) {
        let row = &mut self.rows[usize::from(id)];
        row.calls += calls;
        row.nanoseconds += calls * nanoseconds;
        row.failed += if failed { calls } else { 0 };
        if track {
            row.times.get_or_insert_default().record(calls, nanoseconds);
        }
    }

    /// Notes that a call that was counted turned out to fail.
    pub fn failed(&mut self, id: u16) {
        self.rows[usize::from(id)].failed += 1;
    }

    /// Counts a command that was refused before it ran.
    pub fn rejected(&mut self, id: u16) {
        self.rows[usize::from(id)].rejected += 1;
    }

    /// Adds another core's counts.
    pub fn merge(&mut self, other: &CommandStats) {
        for (mine, theirs) in self.rows.iter_mut().zip(&other.rows) {
            mine.calls += theirs.calls;
            mine.nanoseconds += theirs.nanoseconds;
            mine.rejected += theirs.rejected;
            mine.failed += theirs.failed;
            if let Some(times) = &theirs.times {
                mine.times.get_or_insert_default().merge(times);
            }
        }
    }

    /// Forgets everything: CONFIG RESETSTAT.
    pub fn reset(&mut self) {
        self.rows.fill(Row::default());
    }

    /// Appends INFO's commandstats lines. `name` gives the full name of an id, as in `config|get`.
    pub fn info<'n>(&self, name: impl Fn(u16) -> &'n str, text: &mut String) {
        for (id, row) in self.numbered() {
            if row.calls + row.rejected + row.failed > 0 {
                let usec = row.nanoseconds / 1000;
                let per_call = if row.calls == 0 { 0.0 } else { row.nanoseconds as f64 / 1000.0 / row.calls as f64 };
                let Row { calls, rejected, failed, .. } = row;
                let name = name(id);
                append(text, format_args!("cmdstat_{name}:calls={calls},usec={usec},usec_per_call={per_call:.2}"));
                append(text, format_args!(",rejected_calls={rejected},failed_calls={failed}\r\n"));
            }
        }
    }

    /// Appends INFO's latencystats lines for `percentiles`, the setting `latency-tracking-info-percentiles`.
    pub fn info_latency<'n>(&self, percentiles: &[f64], name: impl Fn(u16) -> &'n str, text: &mut String) {
        for (id, times) in self.numbered().filter_map(|(id, row)| Some((id, row.times.as_deref()?))) {
            let told = percentiles
                .iter()
                .map(|percent| format!("p{percent}={:.3}", times.percentile(*percent) as f64 / 1000.0));
            let told = told.collect::<Vec<_>>().join(",");
            append(text, format_args!("latency_percentiles_usec_{}:{told}\r\n", name(id)));
        }
    }

    /// Replies to LATENCY HISTOGRAM for those of `ids` that were called; all of them without a list.
    pub fn histograms<'n>(&self, ids: Option<&[u16]>, name: impl Fn(u16) -> &'n str, reply: &mut Reply<'_>) {
        let counted = self.numbered().filter_map(|(id, row)| Some((id, row.times.as_deref()?)));
        let wanted: Vec<_> = counted.filter(|(id, _)| ids.is_none_or(|ids| ids.contains(id))).collect();
        reply.map(wanted.len());
        for (id, times) in wanted {
            reply.bulk(name(id).as_bytes());
            reply.map(2);
            reply.bulk(b"calls");
            reply.int(times.count() as i64);
            reply.bulk(b"histogram_usec");
            let pairs = times.distribution();
            reply.map(pairs.len());
            for (microseconds, calls) in pairs {
                reply.int(microseconds as i64);
                reply.int(calls as i64);
            }
        }
    }

    fn numbered(&self) -> impl Iterator<Item = (u16, &Row)> {
        (0..).zip(self.rows.iter())
    }
}

/// How often each error code was replied.
#[derive(Clone, Debug, Default)]
pub struct ErrorStats {
    by_code: BTreeMap<Box<[u8]>, u64>,
    total: u64,
}

impl ErrorStats {
    /// The most codes told apart: scripts can make up any number of them.
    pub const MAX_CODES: usize = 128;

    /// Counts an error reply, given its line without the `-`.
    pub fn replied(&mut self, line: &[u8]) {
        self.add(code(line), 1);
    }

    /// Adds another core's counts.
    pub fn merge(&mut self, other: &ErrorStats) {
        other.by_code.iter().for_each(|(code, count)| self.add(code, *count));
    }

    /// Forgets everything: CONFIG RESETSTAT.
    pub fn reset(&mut self) {
        *self = ErrorStats::default();
    }

    /// All error replies: INFO's total_error_replies.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Appends INFO's errorstats lines.
    pub fn info(&self, text: &mut String) {
        for (code, count) in &self.by_code {
            let code = String::from_utf8_lossy(code).replace(['#', ':', '\n', '\r'], "_");
            append(text, format_args!("errorstat_{code}:count={count}\r\n"));
        }
    }

    fn add(&mut self, code: &[u8], count: u64) {
        self.total += count;
        if let Some(known) = self.by_code.get_mut(code) {
            *known += count;
            return;
        }
        let room = self.by_code.len() < Self::MAX_CODES;
        let code = if room { code } else { b"ERRORSTATS_OVERFLOW" };
        *self.by_code.entry(code.into()).or_default() += count;
    }
}

/// The code of an error line: its first word, unless that is too long to be one.
fn code(line: &[u8]) -> &[u8] {
    const LONGEST: usize = 30; // Redis looks for the space in 32 bytes, `-` included
    match memchr::memchr(b' ', line) {
        Some(end @ ..=LONGEST) => &line[..end],
        _ => b"ERR",
    }
}

fn append(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(line);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Proto;

    const NAMES: [&str; 3] = ["get", "set", "config|get"];

    fn name(id: u16) -> &'static str {
        NAMES[usize::from(id)]
    }

    fn counted() -> CommandStats {
        let (mut one, mut other) = (CommandStats::new(3), CommandStats::new(3));
        one.called(0, 1, 3_000, false, true);
        one.called(0, 1, 3_000, true, true);
        other.called(0, 1, 11_000, false, true);
        other.rejected(2);
        one.merge(&other);
        one
    }

    #[test]
    fn commandstats_tell_the_calls_of_all_cores_and_skip_what_was_never_called() {
        let mut text = String::new();
        counted().info(name, &mut text);
        let expected = "cmdstat_get:calls=3,usec=17,usec_per_call=5.67,rejected_calls=0,failed_calls=1\r\n\
                        cmdstat_config|get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn latencystats_tell_the_percentiles_as_redis_does() {
        let mut text = String::new();
        counted().info_latency(&[50.0, 99.0, 99.9], name, &mut text);
        assert_eq!(text, "latency_percentiles_usec_get:p50=3.007,p99=11.007,p99.9=11.007\r\n");
    }

    #[test]
    fn latency_histogram_is_a_map_in_both_protocols() {
        let reply = |proto, ids| {
            let mut out = Vec::new();
            counted().histograms(ids, name, &mut Reply::new(&mut out, proto));
            String::from_utf8(out).unwrap().replace("\r\n", " ")
        };
        let expected = "*2 $3 get *4 $5 calls :3 $14 histogram_usec *4 :4 :2 :16 :3 ";
        assert_eq!(reply(Proto::Resp2, None), expected);
        assert_eq!(reply(Proto::Resp3, Some(&[0, 1])), expected.replace("*2", "%1").replace("*4", "%2"));
        assert_eq!(reply(Proto::Resp3, Some(&[2])), "%0 ");
    }

    #[test]
    fn resetstat_forgets_every_count() {
        let mut stats = counted();
        stats.reset();
        let mut text = String::new();
        stats.info(name, &mut text);
        stats.info_latency(&[50.0], name, &mut text);
        assert_eq!(text, "");
    }

    #[test]
    fn errors_are_counted_by_their_first_word() {
        let (mut one, mut other) = (ErrorStats::default(), ErrorStats::default());
        one.replied(b"WRONGTYPE Operation against");
        other.replied(b"ERR syntax error");
        other.replied(b"nospace");
        other.replied(b"a:b#c text");
        one.merge(&other);
        let mut text = String::new();
        one.info(&mut text);
        assert_eq!(text, "errorstat_ERR:count=2\r\nerrorstat_WRONGTYPE:count=1\r\nerrorstat_a_b_c:count=1\r\n");
        assert_eq!(one.total(), 4);
    }

    #[test]
    fn made_up_codes_cannot_fill_the_memory() {
        let mut stats = ErrorStats::default();
        (0..1000).for_each(|number| stats.replied(format!("CODE{number} text").as_bytes()));
        assert_eq!(stats.by_code.len(), ErrorStats::MAX_CODES + 1);
        assert_eq!(stats.total(), 1000);
    }
}
