//! How long calls took: counts in cells of at most 1 % relative width, from 1 ns to about 1 s.
//!
//! The cells are those of Redis's HDR histograms with two digits, so that percentiles and LATENCY HISTOGRAM
//! come out the same. Times up to 127 ns have a cell each; every doubling above is cut into 128 cells:
//!
//! ```text
//! octave   0            1            2            3   ...   23
//! times    0..128       128..256     256..512     ..        2^29..2^30 ns
//! cell     1 ns         1 ns         2 ns         4 ns      4 us
//! ```
//!
//! An octave is allocated when it is first hit: a command's times lie in a handful of them.

const CELLS: usize = 128;
const CELL_BITS: u32 = CELLS.ilog2();
const OCTAVES: usize = 24;

/// Longer calls count as this long. Source: Redis 7.0 `LATENCY_HISTOGRAM_MAX_VALUE`.
const LONGEST: u64 = 1_000_000_000;

/// The first time, in nanoseconds, that LATENCY HISTOGRAM reports counts up to; then every doubling of it.
const FIRST_LEVEL: u64 = 1024;

/// One command's times.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    octaves: [Option<Box<[u64; CELLS]>>; OCTAVES],
    count: u64,
}

impl Histogram {
    /// Counts calls that took `nanoseconds` each.
    pub fn record(&mut self, calls: u64, nanoseconds: u64) {
        let (octave, cell) = place(nanoseconds.clamp(1, LONGEST));
        self.octaves[octave].get_or_insert_with(|| Box::new([0; CELLS]))[cell] += calls;
        self.count += calls;
    }

    /// Adds another core's counts.
    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.octaves.iter_mut().zip(&other.octaves) {
            let Some(theirs) = theirs else { continue };
            let mine = mine.get_or_insert_with(|| Box::new([0; CELLS]));
            mine.iter_mut().zip(theirs.iter()).for_each(|(mine, theirs)| *mine += theirs);
        }
        self.count += other.count;
    }

    /// How many calls were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The time in nanoseconds that `percent` of the calls did not exceed, as exactly as the cells tell.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = ((percent.min(100.0) / 100.0 * self.count as f64) + 0.5) as u64;
        let mut seen = 0;
        for (octave, cell, count) in self.cells() {
            seen += count;
            if seen >= wanted.max(1) {
                return if percent == 0.0 { lowest(octave, cell) } else { highest(octave, cell) };
            }
        }
        0
    }

    /// LATENCY HISTOGRAM's pairs: a time in microseconds and how many calls took no longer, at each doubling
    /// that saw more than the one before.
    pub fn distribution(&self) -> Vec<(u64, u64)> {
        let mut pairs = Vec::new();
        let mut cells = self.cells().peekable();
        let (mut level, mut seen) = (FIRST_LEVEL, 0);
        while cells.peek().is_some() {
            let bound = upper_bound(level);
            let before = seen;
            while let Some((_, _, count)) = cells.next_if(|(octave, cell, _)| highest(*octave, *cell) <= bound) {
                seen += count;
            }
            if seen > before {
                pairs.push((bound / 1000, seen));
            }
            level *= 2;
        }
        pairs
    }

    /// The cells that counted something, shortest times first.
    fn cells(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        let octaves = self.octaves.iter().enumerate().filter_map(|(octave, cells)| Some((octave, cells.as_deref()?)));
        let cells = octaves
            .flat_map(|(octave, cells)| cells.iter().enumerate().map(move |(cell, count)| (octave, cell, *count)));
        cells.filter(|(_, _, count)| *count > 0)
    }
}

/// The end of the cell that `level` lies in, so a little more than `level`; the last level ends with the cells.
fn upper_bound(level: u64) -> u64 {
    let end = lowest(OCTAVES, 0);
    if level >= end {
        return end - 1;
    }
    let (octave, cell) = place(level);
    highest(octave, cell)
}

fn place(nanoseconds: u64) -> (usize, usize) {
    let shift = (nanoseconds | 1).ilog2().saturating_sub(CELL_BITS);
    match nanoseconds {
        0..128 => (0, nanoseconds as usize),
        _ => (shift as usize + 1, (nanoseconds >> shift) as usize - CELLS),
    }
}

fn lowest(octave: usize, cell: usize) -> u64 {
    match octave {
        0 => cell as u64,
        _ => ((CELLS + cell) as u64) << (octave - 1),
    }
}

fn highest(octave: usize, cell: usize) -> u64 {
    lowest(octave, cell) + (1 << octave.saturating_sub(1)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(microseconds: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        microseconds.iter().for_each(|time| histogram.record(1, time * 1000));
        histogram
    }

    #[test]
    fn percentiles_are_those_redis_tells() {
        for (microseconds, told) in [(1, 1_003), (3, 3_007), (4, 4_015), (10, 10_047), (21, 21_119), (75, 75_263)] {
            assert_eq!(of(&[microseconds]).percentile(50.0), told);
        }
        let histogram = of(&[3, 3, 11]);
        assert_eq!((histogram.percentile(50.0), histogram.percentile(99.0)), (3_007, 11_007));
        assert_eq!((histogram.percentile(0.0), Histogram::default().percentile(50.0)), (2_992, 0));
    }

    #[test]
    fn the_distribution_is_the_one_redis_tells() {
        assert_eq!(of(&[3, 3, 11]).distribution(), [(4, 2), (16, 3)]);
        assert_eq!(of(&[21]).distribution(), [(33, 1)]);
        assert_eq!(of(&[3, 700_000]).distribution(), [(4, 1), (1_073_741, 2)]);
        assert_eq!(of(&[0, 5_000_000]).distribution(), [(1, 1), (1_073_741, 2)]);
        assert_eq!(Histogram::default().distribution(), []);
    }

    proptest! {
        #[test]
        fn a_time_lies_in_its_cell_and_the_cell_is_narrow(nanoseconds in 1..=LONGEST) {
            let (octave, cell) = place(nanoseconds);
            prop_assert!(octave < OCTAVES && cell < CELLS);
            let (low, high) = (lowest(octave, cell), highest(octave, cell));
            prop_assert!(low <= nanoseconds && nanoseconds <= high);
            prop_assert!((high - low) * 100 <= low);
        }

        #[test]
        fn merging_is_counting_in_one(first: Vec<u64>, second: Vec<u64>) {
            let (mut merged, mut one) = (Histogram::default(), Histogram::default());
            let mut other = Histogram::default();
            first.iter().for_each(|time| merged.record(1, *time));
            second.iter().for_each(|time| other.record(1, *time));
            merged.merge(&other);
            first.iter().chain(&second).for_each(|time| one.record(1, *time));
            prop_assert_eq!(merged.distribution(), one.distribution());
            prop_assert_eq!(merged.percentile(90.0), one.percentile(90.0));
        }
    }
}
