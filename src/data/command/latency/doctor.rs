//! LATENCY DOCTOR: the events in words, with advice. The first lines and the lines of the events are Redis's,
//! as people search for them; the advice is about this program.

use super::{Monitor, Series};
use crate::contract::settings::Settings;
use std::fmt::Write;

/// The report on `monitor` at `now` (Unix milliseconds).
pub fn report(monitor: &Monitor, settings: &Settings, now: u64) -> String {
    if monitor.events().len() == 0 {
        return match settings.latency_monitor_threshold {
            0 => DISABLED.to_string(),
            _ => NOTHING_SEEN.to_string(),
        };
    }
    let mut text = String::from(SEEN);
    for (number, (event, series)) in (1..).zip(monitor.events()) {
        let _ = writeln!(text, "{number}. {event}: {}", describe(series, now));
    }
    text.push_str("\nI have a few advices for you:\n\n");
    for (event, _) in monitor.events() {
        for advice in advice(event, settings) {
            let _ = writeln!(text, "- {event}: {advice}");
        }
    }
    text
}

fn describe(series: &Series, now: u64) -> String {
    let count = series.samples().len().max(1) as u64;
    let times = series.samples().map(|sample| sample.milliseconds);
    let average = times.clone().sum::<u64>() / count;
    let deviation = times.map(|time| time.abs_diff(average)).sum::<u64>() / count;
    let oldest = series.samples().next().map_or(now / 1000, |sample| sample.at);
    let period = (now / 1000).saturating_sub(oldest).max(1) as f64 / count as f64;
    format!(
        "{count} latency spikes (average {average}ms, mean deviation {deviation}ms, period {period:.2} sec). \
         Worst all time event {}ms.",
        series.worst()
    )
}

fn advice(event: &str, settings: &Settings) -> Vec<String> {
    match event {
        "command" => {
            let threshold = settings.latency_monitor_threshold.saturating_mul(1000);
            let logged = u64::try_from(settings.slowlog_log_slower_than).is_ok_and(|slower| slower <= threshold);
            let inspect = "look at SLOWLOG GET for the commands that were slow; one command that handles many \
                           elements delays every client of its core."
                .to_string();
            let log = format!("the slow log misses some of these: CONFIG SET slowlog-log-slower-than {threshold}.");
            if logged { vec![inspect] } else { vec![inspect, log] }
        }
        "fast-command" => vec![
            "a command that does almost nothing was slow, so the core was not running: check for other programs on \
             this core, a virtual machine without its CPU, or swapping."
                .to_string(),
        ],
        "expire-cycle" => vec!["many keys die at the same time: spread their deadlines.".to_string()],
        "eviction-cycle" | "eviction-del" => {
            vec![
                "much had to be evicted at once: lower maxmemory in small steps, and avoid single huge values."
                    .to_string(),
            ]
        }
        _ if event.starts_with("aof-") => vec![
            "the disk is slow: use a local SSD without other writers, or relax appendfsync to everysec.".to_string(),
        ],
        _ => Vec::new(),
    }
}

const DISABLED: &str = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. \
    You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it.\n";

const NOTHING_SEEN: &str =
    "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit.\n";

const SEEN: &str =
    "Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, do you Dave?\n\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_events_the_report_says_whether_the_monitor_is_on() {
        let mut settings = Settings::default();
        assert!(report(&Monitor::default(), &settings, 0).starts_with("I'm sorry, Dave"));
        settings.latency_monitor_threshold = 5;
        assert!(report(&Monitor::default(), &settings, 0).starts_with("Dave, no latency spike"));
    }

    #[test]
    fn each_event_is_summed_up_and_advised_on() {
        let mut monitor = Monitor::default();
        monitor.record("command", 100, 1, 10_000);
        monitor.record("command", 300, 1, 20_000);
        let settings = Settings { latency_monitor_threshold: 1, ..Settings::default() };
        let text = report(&monitor, &settings, 30_000);
        let line = "1. command: 2 latency spikes (average 200ms, mean deviation 100ms, period 10.00 sec). Worst all time event 300ms.\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("CONFIG SET slowlog-log-slower-than 1000"), "{text}");
    }
}
