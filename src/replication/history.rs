//! The names of the stream's history. A replica that knows one of them, and a place in it, may go on from there.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::Rng;

/// The name of no history.
const NONE: &str = "0000000000000000000000000000000000000000";

/// Replication ids.
#[derive(Clone, Debug)]
pub struct History {
    /// The name of the stream: a primary's own, or that of the primary it comes from.
    pub id: String,
    /// The name that the stream had up to `shared`.
    pub former: String,
    /// The first byte (counted from 1) that the former history does not have; -1: there is none.
    pub second_offset: i64,
    random: Xoshiro256PlusPlus,
}

impl History {
    /// A new history.
    pub fn new(random: Xoshiro256PlusPlus) -> History {
        let mut history = History { id: String::new(), former: NONE.to_owned(), second_offset: -1, random };
        history.renew();
        history
    }

    /// 40 random hex digits.
    pub fn random_name(&mut self) -> String {
        (0..5).map(|_| format!("{:08x}", self.random.next_u64() as u32)).collect()
    }

    /// Begins a history that has nothing in common with what was.
    pub fn renew(&mut self) {
        self.id = self.random_name();
        self.forget_former();
    }

    /// The stream has no former name any more.
    pub fn forget_former(&mut self) {
        self.former = NONE.to_owned();
        self.second_offset = -1;
    }

    /// Goes on under the name `id`, which no other stream shares from the byte behind `end` on.
    pub fn fork(&mut self, id: String, end: u64) {
        self.former = std::mem::replace(&mut self.id, id);
        self.second_offset = end as i64 + 1;
    }

    /// Goes on, under a name of its own, where the history `id` ended.
    pub fn follow_on(&mut self, id: String, end: u64) {
        self.former = id;
        self.second_offset = end as i64 + 1;
    }

    /// Whether a replica that wants to go on in history `id` with the byte `next` (from 1) can do so in this one.
    pub fn covers(&self, id: &[u8], next: i64) -> bool {
        id.eq_ignore_ascii_case(self.id.as_bytes())
            || id.eq_ignore_ascii_case(self.former.as_bytes()) && next <= self.second_offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_xoshiro::rand_core::SeedableRng;

    #[test]
    fn a_former_history_is_good_up_to_where_it_ended() {
        let mut history = History::new(Xoshiro256PlusPlus::seed_from_u64(1));
        let old = history.id.clone();
        assert!(history.covers(old.as_bytes(), 5) && !history.covers(NONE.as_bytes(), 1));
        let name = history.random_name();
        history.fork(name, 100);
        assert!(history.covers(old.as_bytes(), 101) && !history.covers(old.as_bytes(), 102));
        assert!(history.covers(history.id.as_bytes(), 5000));
        history.forget_former();
        assert!(!history.covers(old.as_bytes(), 50));
    }
}
