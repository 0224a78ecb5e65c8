//! LATENCY GRAPH: a series as columns of characters.
//!
//! ```text
//! command - high 500 ms, low 100 ms (all time high 500 ms)
//! --------------------------------------------------------
//!    #
//!    |_
//!  _ ||
//! _|o||
//!
//! 65421
//! sssss
//! ```
//!
//! Each column is a sample, oldest first; beneath it, read downwards, how long ago it was.

use super::{Sample, Series};
use std::fmt::Write;

const COLUMNS: usize = 80;
const ROWS: usize = 4;

/// Three heights a character can have, lowest first; a column's lower characters are [`FULL`].
const HEIGHTS: [char; 3] = ['_', 'o', '#'];
const FULL: char = '|';

/// The graph of `series`, the samples of `event`, at `now` (Unix milliseconds).
pub fn render(event: &str, series: &Series, now: u64) -> String {
    let times = series.samples().map(|sample| sample.milliseconds);
    let (low, high) = (times.clone().min().unwrap_or(0), times.max().unwrap_or(0));
    let mut text = String::new();
    let _ = writeln!(text, "{event} - high {high} ms, low {low} ms (all time high {} ms)", series.worst());
    let _ = writeln!(text, "{}", "-".repeat(COLUMNS));

    let samples: Vec<Sample> = series.samples().collect();
    for (index, block) in samples.chunks(COLUMNS).enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let heights: Vec<usize> = block.iter().map(|sample| height(sample.milliseconds, low, high)).collect();
        for row in (0..ROWS).rev() {
            push_line(&mut text, heights.iter().map(|height| character(*height, row)));
        }
        push_line(&mut text, block.iter().map(|_| ' '));
        let labels: Vec<String> = block.iter().map(|sample| age((now / 1000).saturating_sub(sample.at))).collect();
        for line in 0..labels.iter().map(String::len).max().unwrap_or(0) {
            push_line(
                &mut text,
                labels.iter().map(|label| label.as_bytes().get(line).map_or(' ', |byte| *byte as char)),
            );
        }
    }
    text
}

fn push_line(text: &mut String, characters: impl Iterator<Item = char>) {
    text.extend(characters);
    text.push('\n');
}

/// How high a time reaches between `low` and `high`: 0 to the last step of the top row.
fn height(time: u64, low: u64, high: u64) -> usize {
    const STEPS: u64 = (ROWS * HEIGHTS.len()) as u64;
    let step = (time - low).saturating_mul(STEPS) / (high - low).max(1);
    step.min(STEPS - 1) as usize
}

/// What a column of this height shows in `row`, counted from the bottom.
fn character(height: usize, row: usize) -> char {
    match height.checked_sub(row * HEIGHTS.len()) {
        None => ' ',
        Some(above) => HEIGHTS.get(above).copied().unwrap_or(FULL),
    }
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Monitor;
    use super::*;

    fn graph(samples: &[(u64, u64)], now: u64) -> String {
        let mut monitor = Monitor::default();
        samples.iter().for_each(|(at, time)| monitor.record("command", *time, 1, at * 1000));
        let (event, series) = monitor.events().next().unwrap();
        render(event, series, now * 1000)
    }

    #[test]
    fn one_sample_is_the_lowest_step() {
        let lines: Vec<String> = graph(&[(100, 1)], 100).lines().map(str::to_string).collect();
        assert_eq!(lines[0], "command - high 1 ms, low 1 ms (all time high 1 ms)");
        assert_eq!(lines[1], "-".repeat(80));
        assert_eq!(lines[2..], [" ", " ", " ", "_", " ", "0", "s"]);
    }

    #[test]
    fn columns_rise_with_the_time_and_carry_their_age() {
        // As redis-server drew it.
        let text = graph(&[(40, 100), (41, 200), (42, 150), (44, 500), (45, 304)], 46);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines, ["   # ", "   |_", " _ ||", "_|o||", "     ", "65421", "sssss"]);
        let text = graph(&[(0, 1), (179_200, 1), (186_340, 1)], 186_400);
        assert!(text.ends_with("\n221\ndhm\n"), "{text}");
    }

    #[test]
    fn more_samples_than_columns_go_on_below() {
        let samples: Vec<(u64, u64)> = (0..81).map(|second| (second, 5)).collect();
        let text = graph(&samples, 81);
        assert_eq!(text.lines().filter(|line| line.is_empty()).count(), 1);
        assert!(text.ends_with("\n\n \n \n \n_\n \n1\ns\n"), "{text}");
    }
}
