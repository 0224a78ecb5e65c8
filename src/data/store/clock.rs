//! The access clock of an entry: 24 bits that tell when, or how often, it was used.
//!
//! With an LFU policy the upper 16 bits are minutes and the lower 8 a logarithmic counter, as in Redis's `evict.c`;
//! otherwise all are seconds. Both wrap around.

use crate::base::random::Random;

const SECONDS_MASK: u64 = 0xff_ffff;
const MINUTES_MASK: u64 = 0xffff;
/// The counter of a new key, so that it isn't the next victim at once. Source: Redis's `LFU_INIT_VAL`.
const NEW_COUNTER: u32 = 5;

/// What the access clocks of a store mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessClock {
    /// Whether they count uses (LFU) or tell the last one (LRU).
    pub lfu: bool,
    /// Redis's `lfu-log-factor`.
    pub log_factor: u32,
    /// Redis's `lfu-decay-time`, minutes.
    pub decay_minutes: u32,
    /// What time it is for a key that is used at time 0: when a replica executes what its primary sent.
    pub at_zero: u64,
}

impl Default for AccessClock {
    fn default() -> Self {
        AccessClock { lfu: false, log_factor: 10, decay_minutes: 1, at_zero: 0 }
    }
}

impl AccessClock {
    /// The clock of a key made at `now`.
    #[inline(always)]
    pub fn new_key(&self, now: u64) -> u32 {
        let now = self.time(now);
        if self.lfu { minutes(now) << 8 | NEW_COUNTER } else { seconds(now) }
    }

    /// What `clock` becomes when the key is used at `now`.
    #[inline(always)]
    pub fn used(&self, clock: u32, now: u64, random: &mut Random) -> u32 {
        let now = self.time(now);
        if self.lfu { self.counted(clock, now, random) } else { seconds(now) }
    }

    #[inline(always)]
    fn time(&self, now: u64) -> u64 {
        if now == 0 { self.at_zero } else { now }
    }

    fn counted(&self, clock: u32, now: u64, random: &mut Random) -> u32 {
        let counter = u32::from(self.frequency(clock, now));
        let above = u64::from(counter.saturating_sub(NEW_COUNTER));
        let lucky = random.below(above * u64::from(self.log_factor) + 1) == 0;
        minutes(now) << 8 | (counter + u32::from(lucky)).min(255)
    }

    /// Seconds since the last use; with LFU, minutes' precision.
    pub fn idle_seconds(&self, clock: u32, now: u64) -> u64 {
        if self.lfu {
            u64::from(minutes(now).wrapping_sub(clock >> 8)) % (MINUTES_MASK + 1) * 60
        } else {
            u64::from(seconds(now).wrapping_sub(clock)) & SECONDS_MASK
        }
    }

    /// The use counter as it has decayed by `now`; 0 without LFU.
    pub fn frequency(&self, clock: u32, now: u64) -> u8 {
        if !self.lfu {
            return 0;
        }
        let elapsed = minutes(now).wrapping_sub(clock >> 8) & MINUTES_MASK as u32;
        let periods = elapsed.checked_div(self.decay_minutes).unwrap_or(0);
        (clock & 0xff).saturating_sub(periods) as u8
    }

    /// The clock of a key that was last used `seconds` ago.
    pub fn idle_since(&self, idle: u64, now: u64) -> u32 {
        seconds(now.saturating_sub(idle.saturating_mul(1000)))
    }

    /// The clock of a key with this use counter.
    pub fn with_frequency(&self, frequency: u8, now: u64) -> u32 {
        minutes(now) << 8 | u32::from(frequency)
    }
}

#[inline(always)]
fn seconds(now: u64) -> u32 {
    ((now / 1000) & SECONDS_MASK) as u32
}

fn minutes(now: u64) -> u32 {
    ((now / 60_000) & MINUTES_MASK) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const LFU: AccessClock = AccessClock { lfu: true, log_factor: 10, decay_minutes: 1, at_zero: 0 };

    #[test]
    fn idle_time_is_that_since_the_last_use_even_across_the_wrap() {
        let clock = AccessClock::default();
        let last = SECONDS_MASK * 1000;
        assert_eq!(clock.idle_seconds(clock.new_key(last), last + 5_000), 5);
        assert_eq!(clock.idle_seconds(clock.idle_since(77, last), last), 77);
    }

    #[test]
    fn the_counter_grows_with_the_logarithm_of_the_uses_and_decays_with_time() {
        let mut random = Random::new(1);
        let mut clock = LFU.new_key(0);
        assert_eq!(LFU.frequency(clock, 0), 5);
        (0..1000).for_each(|_| clock = LFU.used(clock, 0, &mut random));
        let busy = LFU.frequency(clock, 0);
        assert!((10..40).contains(&busy), "{busy}");
        assert_eq!(LFU.frequency(clock, 3 * 60_000), busy - 3);
        assert_eq!(AccessClock { decay_minutes: 0, ..LFU }.frequency(clock, 3 * 60_000), busy);
    }
}
