//! LATENCY: when something of the node took longer than `latency-monitor-threshold`, and how long.
//!
//! Each core keeps a [`Monitor`] of its own; whoever is asked merges them. A series holds at most one
//! sample a second, the worst, and at most 160 samples.

pub mod doctor;
pub mod graph;

use super::help;
use crate::resp::{Error, Reply};
use std::collections::{BTreeMap, VecDeque};

/// The most samples a series keeps. Source: Redis 7.0 `LATENCY_TS_LEN`.
pub const MAX_SAMPLES: usize = 160;

/// The worst time of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Unix seconds.
    pub at: u64,
    /// How long it took.
    pub milliseconds: u64,
}

/// The samples of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    samples: VecDeque<Sample>,
    worst: u64,
}

impl Series {
    /// The samples, oldest first.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Sample> + Clone {
        self.samples.iter().copied()
    }

    /// The worst time since the series began, in milliseconds.
    pub fn worst(&self) -> u64 {
        self.worst
    }

    fn add(&mut self, sample: Sample) {
        self.worst = self.worst.max(sample.milliseconds);
        match self.samples.back_mut() {
            Some(last) if last.at == sample.at => last.milliseconds = last.milliseconds.max(sample.milliseconds),
            _ => self.samples.push_back(sample),
        }
        if self.samples.len() > MAX_SAMPLES {
            self.samples.pop_front();
        }
    }

    fn merge(&mut self, other: &Series) {
        let mut all: Vec<Sample> = self.samples().chain(other.samples()).collect();
        all.sort_by_key(|sample| sample.at);
        let worst = self.worst.max(other.worst);
        *self = Series::default();
        all.into_iter().for_each(|sample| self.add(sample));
        self.worst = worst;
    }
}

/// The events of one core, or of all after merging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitor {
    events: BTreeMap<&'static str, Series>,
}

impl Monitor {
    /// Notes that `event` took so long, if the monitor is on and that is long; `threshold` is the setting.
    pub fn record(&mut self, event: &'static str, milliseconds: u64, threshold: u64, now: u64) {
        if threshold > 0 && milliseconds >= threshold {
            self.events.entry(event).or_default().add(Sample { at: now / 1000, milliseconds });
        }
    }

    /// Adds another core's events.
    pub fn merge(&mut self, other: &Monitor) {
        for (event, series) in &other.events {
            self.events.entry(event).or_default().merge(series);
        }
    }

    /// The events by name.
    pub fn events(&self) -> impl ExactSizeIterator<Item = (&'static str, &Series)> {
        self.events.iter().map(|(event, series)| (*event, series))
    }

    /// LATENCY RESET of the events named, or of all. Case does not matter here. Returns the names of those
    /// forgotten: with several cores the reply is how many different ones there are.
    pub fn reset(&mut self, names: &[&[u8]]) -> Vec<&'static str> {
        let wanted =
            |event: &str| names.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(event.as_bytes()));
        self.events.extract_if(.., |event, _| wanted(event)).map(|(event, _)| event).collect()
    }

    /// Writes LATENCY LATEST's reply.
    pub fn write_latest(&self, reply: &mut Reply<'_>) {
        reply.array(self.events.len());
        for (event, series) in &self.events {
            let last = series.samples.back().copied().unwrap_or(Sample { at: 0, milliseconds: 0 });
            reply.array(4);
            reply.bulk(event.as_bytes());
            reply.int(last.at as i64);
            reply.int(last.milliseconds as i64);
            reply.int(series.worst as i64);
        }
    }

    /// Writes LATENCY HISTORY's reply.
    pub fn write_history(&self, event: &[u8], reply: &mut Reply<'_>) {
        let samples = self.series(event).map(|(_, series)| series.samples());
        reply.array(samples.as_ref().map_or(0, |samples| samples.len()));
        for sample in samples.into_iter().flatten() {
            reply.array(2);
            reply.int(sample.at as i64);
            reply.int(sample.milliseconds as i64);
        }
    }

    /// Writes LATENCY GRAPH's reply.
    pub fn write_graph(&self, event: &[u8], now: u64, reply: &mut Reply<'_>) -> Result<(), Error> {
        let Some((name, series)) = self.series(event) else {
            let name = String::from_utf8_lossy(event);
            return Err(Error::new(format!("ERR No samples available for event '{name}'")));
        };
        reply.verbatim(graph::render(name, series, now).as_bytes());
        Ok(())
    }

    fn series(&self, event: &[u8]) -> Option<(&'static str, &Series)> {
        let event = std::str::from_utf8(event).ok()?;
        self.events.get_key_value(event).map(|(name, series)| (*name, series))
    }
}

/// Writes LATENCY HELP's reply.
pub fn write_help(reply: &mut Reply<'_>) {
    help::write(reply, "LATENCY", HELP);
}

const HELP: &[&str] = &[
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Proto;

    fn told(write: impl FnOnce(&mut Reply<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, Proto::Resp2));
        String::from_utf8(out).unwrap().replace("\r\n", " ")
    }

    fn monitor(samples: &[(&'static str, u64, u64)]) -> Monitor {
        let mut monitor = Monitor::default();
        samples.iter().for_each(|(event, at, time)| monitor.record(event, *time, 1, at * 1000));
        monitor
    }

    #[test]
    fn only_what_reaches_the_threshold_is_recorded() {
        let mut monitor = Monitor::default();
        monitor.record("command", 9, 10, 1000);
        monitor.record("command", 9, 0, 1000);
        assert_eq!(monitor, Monitor::default());
        monitor.record("command", 10, 10, 1000);
        assert_eq!(told(|reply| monitor.write_history(b"command", reply)), "*1 *2 :1 :10 ");
    }

    #[test]
    fn a_second_keeps_its_worst_and_a_series_its_latest_160() {
        let mut monitor = monitor(&[("command", 1, 5), ("command", 1, 9), ("command", 1, 7)]);
        assert_eq!(told(|reply| monitor.write_latest(reply)), "*1 *4 $7 command :1 :9 :9 ");
        (2..=200).for_each(|second| monitor.record("command", 3, 1, second * 1000));
        let (_, series) = monitor.events().next().unwrap();
        assert_eq!((series.samples().len(), series.samples().next().unwrap().at, series.worst()), (160, 41, 9));
    }

    #[test]
    fn the_series_of_several_cores_merge_by_time() {
        let mut one = monitor(&[("command", 1, 5), ("command", 3, 50)]);
        one.merge(&monitor(&[("command", 1, 6), ("command", 2, 7), ("expire-cycle", 9, 2)]));
        assert_eq!(told(|reply| one.write_history(b"command", reply)), "*3 *2 :1 :6 *2 :2 :7 *2 :3 :50 ");
        let latest = "*2 *4 $7 command :3 :50 :50 *4 $12 expire-cycle :9 :2 :2 ";
        assert_eq!(told(|reply| one.write_latest(reply)), latest);
        assert_eq!(told(|reply| one.write_history(b"COMMAND", reply)), "*0 ");
    }

    #[test]
    fn reset_forgets_the_events_named_or_all() {
        let mut monitor = monitor(&[("command", 1, 5), ("expire-cycle", 1, 5), ("fork", 1, 5)]);
        assert_eq!(monitor.reset(&[b"Command", b"nothing", b"command"]), ["command"]);
        assert_eq!(monitor.reset(&[]), ["expire-cycle", "fork"]);
        assert_eq!(told(|reply| monitor.write_latest(reply)), "*0 ");
    }

    #[test]
    fn a_graph_of_an_unknown_event_is_an_error() {
        let mut out = Vec::new();
        let graph = Monitor::default().write_graph(b"foo", 0, &mut Reply::new(&mut out, Proto::Resp2));
        assert_eq!(graph, Err(Error::new("ERR No samples available for event 'foo'")));
    }
}
