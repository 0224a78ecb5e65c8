//! The set: an intset while it is small and all members are integers, then a dict.

use super::Forms;
use super::dict::Dict;
use super::intset::Intset;
use super::listpack::Entry;
use crate::base::random::Random;
use crate::data::command::number::parse_i64;

/// Members an intset has at most, whatever the settings say. Source: Redis 7.0 `setTypeAdd`.
const LARGEST_INTSET: usize = 1 << 30;

/// A set.
#[derive(Clone, Debug)]
pub enum Set {
    /// Integers in ascending order.
    Intset(Intset),
    /// Any members.
    Dict(Box<Dict<()>>),
}

impl Default for Set {
    fn default() -> Self {
        Set::new()
    }
}

impl Set {
    /// An empty set.
    pub fn new() -> Set {
        Set::Intset(Intset::new())
    }

    /// Makes it a dict if it has more members than the limits allow; for one that came from elsewhere.
    pub fn fit(&mut self, forms: Forms<'_>) {
        if let Set::Intset(intset) = self
            && intset.len() > forms.limits.set_intset_entries.min(LARGEST_INTSET)
        {
            self.make_dict(forms);
        }
    }

    /// How many members it has.
    pub fn len(&self) -> usize {
        match self {
            Set::Intset(intset) => intset.len(),
            Set::Dict(dict) => dict.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `member` is in it.
    pub fn contains(&self, member: &[u8]) -> bool {
        match self {
            Set::Intset(intset) => parse_i64(member).is_some_and(|value| intset.contains(value)),
            Set::Dict(dict) => dict.contains(member),
        }
    }

    /// Whether a member of another set is in it.
    pub fn has(&self, member: Entry<'_>) -> bool {
        match (self, member) {
            (Set::Intset(intset), Entry::Int(value)) => intset.contains(value),
            _ => self.contains(member.text(&mut itoa::Buffer::new())),
        }
    }

    /// Puts `member` in; false: it was in already.
    pub fn insert(&mut self, member: &[u8], forms: Forms<'_>) -> bool {
        if let Set::Intset(intset) = self {
            let Some(value) = parse_i64(member) else {
                self.make_dict(forms);
                return self.insert(member, forms);
            };
            let is_new = intset.insert(value);
            self.fit(forms);
            return is_new;
        }
        match self {
            Set::Dict(dict) => dict.insert(member, ()),
            Set::Intset(_) => unreachable!("it has become a dict"),
        }
    }

    /// Puts a member of another set in; false: it was in already.
    pub fn insert_entry(&mut self, member: Entry<'_>, forms: Forms<'_>) -> bool {
        self.insert(member.text(&mut itoa::Buffer::new()), forms)
    }

    /// Takes `member` out; false: it was not in.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Set::Intset(intset) => parse_i64(member).is_some_and(|value| intset.remove(value)),
            Set::Dict(dict) => dict.remove(member),
        }
    }

    /// Its members.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let (intset, dict) = match self {
            Set::Intset(intset) => (Some(intset), None),
            Set::Dict(dict) => (None, Some(dict)),
        };
        let integers = intset.into_iter().flat_map(|intset| intset.iter().map(Entry::Int));
        integers.chain(dict.into_iter().flat_map(|dict| dict.iter().map(|(member, ())| Entry::Bytes(member))))
    }

    /// A member, each with the same probability.
    pub fn random(&self, random: &mut Random) -> Option<Entry<'_>> {
        match self {
            Set::Intset(intset) => intset.get(random.index(intset.len())).map(Entry::Int),
            Set::Dict(dict) => dict.random(random).map(|(member, ())| Entry::Bytes(member)),
        }
    }

    /// Visits some members from `cursor` on; returns where to go on, 0: nowhere. See [`Dict::scan`].
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(&[u8])) -> u64 {
        match self {
            Set::Intset(intset) => {
                intset.iter().for_each(|value| visit(itoa::Buffer::new().format(value).as_bytes()));
                0
            }
            Set::Dict(dict) => dict.scan(cursor, |member, ()| visit(member)),
        }
    }

    /// Bytes it has on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        match self {
            Set::Intset(intset) => intset.heap_bytes(),
            Set::Dict(dict) => size_of::<Dict<()>>() + dict.heap_bytes(),
        }
    }

    /// The word OBJECT ENCODING answers with.
    pub fn encoding(&self) -> &'static str {
        match self {
            Set::Intset(_) => "intset",
            Set::Dict(_) => "hashtable",
        }
    }

    /// Frees at most about `budget` elements; whether any are left.
    pub fn release(&mut self, budget: usize) -> bool {
        match self {
            Set::Intset(_) => false,
            Set::Dict(dict) => dict.release(budget),
        }
    }

    fn make_dict(&mut self, forms: Forms<'_>) {
        let mut dict = Dict::new(forms.hasher);
        self.iter().for_each(|member| _ = dict.insert(member.text(&mut itoa::Buffer::new()), ()));
        *self = Set::Dict(Box::new(dict));
    }
}

impl PartialEq for Set {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|member| other.has(member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::settings::EncodingLimits;
    use crate::data::key::KeyHasher;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn forms() -> Forms<'static> {
        let limits = EncodingLimits { set_intset_entries: 5, ..EncodingLimits::default() };
        Forms { limits: Box::leak(Box::new(limits)), hasher: KeyHasher::new(1) }
    }

    #[test]
    fn a_text_or_one_integer_more_makes_it_a_dict_for_good() {
        let mut set = Set::new();
        (0..5).for_each(|number| assert!(set.insert(number.to_string().as_bytes(), forms())));
        assert!(!set.insert(b"3", forms()));
        let mut other = set.clone();
        assert_eq!(set.encoding(), "intset");
        assert!(set.insert(b"6", forms()));
        assert_eq!(set.encoding(), "hashtable");
        assert!(set.remove(b"6"));
        assert_eq!((set.encoding(), &set), ("hashtable", &other));
        assert!(other.insert(b"03", forms()) && other.encoding() == "hashtable");
    }

    proptest! {
        #[test]
        fn it_is_a_set(steps in proptest::collection::vec((any::<bool>(), "[0-9]{1,2}|[0-9a]{0,2}"), 0..60)) {
            let (mut set, mut model) = (Set::new(), HashSet::new());
            for (insert, member) in steps {
                if insert {
                    prop_assert_eq!(set.insert(member.as_bytes(), forms()), model.insert(member.clone().into_bytes()));
                } else {
                    prop_assert_eq!(set.remove(member.as_bytes()), model.remove(member.as_bytes()));
                }
                prop_assert_eq!(set.contains(member.as_bytes()), model.contains(member.as_bytes()));
                prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
            }
            prop_assert_eq!(set.iter().map(Entry::to_vec).collect::<HashSet<_>>(), model);
        }
    }
}
