//! The hash: a listpack of fields and values while it is small, then a dict.

use super::Forms;
use super::dict::{Bytes, Dict};
use super::listpack::{Entry, Listpack, Place};
use crate::base::random::Random;
use std::collections::HashSet;

/// A hash.
#[derive(Clone, Debug)]
pub enum Hash {
    /// Field, value, field, value ... in the order they came.
    Listpack(Listpack),
    /// Any number of them.
    Dict(Box<Dict<Bytes>>),
}

/// A field and its value.
pub type Pair<'h> = (Entry<'h>, Entry<'h>);

impl Default for Hash {
    fn default() -> Self {
        Hash::new()
    }
}

impl Hash {
    /// An empty hash.
    pub fn new() -> Hash {
        Hash::Listpack(Listpack::new())
    }

    /// Takes a listpack that came from elsewhere, if it is a hash: not empty, pairs, no field twice.
    pub fn from_listpack(listpack: Listpack) -> Option<Hash> {
        let length = listpack.len();
        if length == 0 || length % 2 == 1 {
            return None;
        }
        let mut fields = HashSet::with_capacity(length / 2);
        let unique = listpack.iter().step_by(2).all(|field| fields.insert(field.to_vec()));
        unique.then_some(Hash::Listpack(listpack))
    }

    /// Makes it a dict if it has or will have more than the limits allow; for one that came from elsewhere.
    pub fn fit(&mut self, forms: Forms<'_>) {
        if let Hash::Listpack(listpack) = self
            && (listpack.len() / 2 > forms.limits.hash_entries
                || listpack.iter().any(|entry| entry.text_len() > forms.limits.hash_value))
        {
            self.make_dict(forms);
        }
    }

    /// How many fields it has.
    pub fn len(&self) -> usize {
        match self {
            Hash::Listpack(listpack) => listpack.len() / 2,
            Hash::Dict(dict) => dict.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        match self {
            Hash::Listpack(listpack) => listpack.is_empty(),
            Hash::Dict(dict) => dict.is_empty(),
        }
    }

    /// The value of `field`.
    pub fn get(&self, field: &[u8]) -> Option<Entry<'_>> {
        match self {
            Hash::Listpack(listpack) => {
                let value = listpack.next(find(listpack, field)?)?;
                Some(listpack.get(value))
            }
            Hash::Dict(dict) => dict.get(field).map(Entry::Bytes),
        }
    }

    /// Whether it has `field`.
    pub fn contains(&self, field: &[u8]) -> bool {
        match self {
            Hash::Listpack(listpack) => find(listpack, field).is_some(),
            Hash::Dict(dict) => dict.contains(field),
        }
    }

    /// Gives `field` a value; false: it had one, which is replaced.
    pub fn set(&mut self, field: &[u8], value: &[u8], forms: Forms<'_>) -> bool {
        if let Hash::Listpack(listpack) = self {
            let longest = field.len().max(value.len());
            if longest > forms.limits.hash_value || !listpack.may_add(field.len() + value.len()) {
                self.make_dict(forms);
            }
        }
        match self {
            Hash::Dict(dict) => dict.insert(field, value),
            Hash::Listpack(listpack) => {
                if let Some(place) = find(listpack, field).and_then(|place| listpack.next(place)) {
                    listpack.replace(place, value);
                    return false;
                }
                listpack.push_back(field);
                listpack.push_back(value);
                if listpack.len() / 2 > forms.limits.hash_entries {
                    self.make_dict(forms);
                }
                true
            }
        }
    }

    /// Takes `field` out; false: there is none.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match self {
            Hash::Dict(dict) => dict.remove(field),
            Hash::Listpack(listpack) => match find(listpack, field) {
                Some(place) => {
                    listpack.delete_at(place, 2);
                    true
                }
                None => false,
            },
        }
    }

    /// Its fields and values.
    pub fn iter(&self) -> impl Iterator<Item = Pair<'_>> {
        let (listpack, dict) = match self {
            Hash::Listpack(listpack) => (Some(listpack), None),
            Hash::Dict(dict) => (None, Some(dict)),
        };
        let small = listpack.into_iter().flat_map(|listpack| {
            let mut entries = listpack.iter();
            std::iter::from_fn(move || Some((entries.next()?, entries.next()?)))
        });
        let large = dict.into_iter().flat_map(|dict| dict.iter());
        small.chain(large.map(|(field, value)| (Entry::Bytes(field), Entry::Bytes(value))))
    }

    /// A field, each with the same probability, and its value.
    pub fn random(&self, random: &mut Random) -> Option<Pair<'_>> {
        match self {
            Hash::Listpack(listpack) => {
                let place = listpack.seek(random.index(self.len()) as i64 * 2)?;
                Some((listpack.get(place), listpack.get(listpack.next(place)?)))
            }
            Hash::Dict(dict) => {
                let (field, value) = dict.random(random)?;
                Some((Entry::Bytes(field), Entry::Bytes(value)))
            }
        }
    }

    /// Visits some fields and their values from `cursor` on; returns where to go on, 0: nowhere. See [`Dict::scan`].
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        match self {
            Hash::Listpack(_) => {
                for (field, value) in self.iter() {
                    visit(field.text(&mut itoa::Buffer::new()), value.text(&mut itoa::Buffer::new()));
                }
                0
            }
            Hash::Dict(dict) => dict.scan(cursor, visit),
        }
    }

    /// Bytes it has on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        match self {
            Hash::Listpack(listpack) => listpack.heap_bytes(),
            Hash::Dict(dict) => size_of::<Dict<Bytes>>() + dict.heap_bytes(),
        }
    }

    /// The word OBJECT ENCODING answers with.
    pub fn encoding(&self) -> &'static str {
        match self {
            Hash::Listpack(_) => "listpack",
            Hash::Dict(_) => "hashtable",
        }
    }

    /// Frees at most about `budget` elements; whether any are left.
    pub fn release(&mut self, budget: usize) -> bool {
        match self {
            Hash::Listpack(_) => false,
            Hash::Dict(dict) => dict.release(budget),
        }
    }

    fn make_dict(&mut self, forms: Forms<'_>) {
        let mut dict = Dict::new(forms.hasher);
        for (field, value) in self.iter() {
            dict.insert(field.text(&mut itoa::Buffer::new()), value.text(&mut itoa::Buffer::new()));
        }
        *self = Hash::Dict(Box::new(dict));
    }
}

impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().all(|(field, value)| {
                other.get(field.text(&mut itoa::Buffer::new())).is_some_and(|found| found == value)
            })
    }
}

/// Where `field` is.
fn find(listpack: &Listpack, field: &[u8]) -> Option<Place> {
    listpack.find(listpack.first()?, field, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::settings::EncodingLimits;
    use crate::data::key::KeyHasher;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn forms() -> Forms<'static> {
        let limits = EncodingLimits { hash_entries: 5, hash_value: 10, ..EncodingLimits::default() };
        Forms { limits: Box::leak(Box::new(limits)), hasher: KeyHasher::new(1) }
    }

    #[test]
    fn a_long_value_or_one_field_more_makes_it_a_dict_for_good() {
        let mut hash = Hash::new();
        for field in ["1", "2", "3", "4", "5"] {
            assert!(hash.set(field.as_bytes(), b"0123456789", forms()));
        }
        assert!(!hash.set(b"5", b"other", forms()));
        let mut other = hash.clone();
        assert_eq!(hash.encoding(), "listpack");
        hash.set(b"6", b"", forms());
        assert_eq!(hash.encoding(), "hashtable");
        hash.remove(b"6");
        assert_eq!((hash.encoding(), &hash), ("hashtable", &other));
        other.set(b"5", b"0123456789x", forms());
        assert_eq!(other.encoding(), "hashtable");
    }

    #[test]
    fn a_listpack_from_elsewhere_is_judged() {
        let of = |texts: &[&str]| {
            let mut listpack = Listpack::new();
            texts.iter().for_each(|text| listpack.push_back(text.as_bytes()));
            Hash::from_listpack(listpack)
        };
        assert!(of(&[]).is_none() && of(&["a"]).is_none() && of(&["a", "1", "a", "2"]).is_none());
        let mut hash = of(&["a", "1", "b", "1"]).unwrap();
        hash.fit(forms());
        assert_eq!((hash.encoding(), hash.len()), ("listpack", 2));
        let mut hash = of(&["a", "01234567890"]).unwrap();
        hash.fit(forms());
        assert_eq!(hash.encoding(), "hashtable");
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((0..12u8, proptest::option::of("[0-9a]{0,12}")), 0..60)) {
            let (mut hash, mut model) = (Hash::new(), HashMap::new());
            for (field, value) in steps {
                let field = field.to_string().into_bytes();
                match value {
                    Some(value) => {
                        let is_new = model.insert(field.clone(), value.clone().into_bytes()).is_none();
                        prop_assert_eq!(hash.set(&field, value.as_bytes(), forms()), is_new);
                    }
                    None => prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some()),
                }
                prop_assert_eq!(hash.get(&field).map(Entry::to_vec), model.get(&field).cloned());
                prop_assert_eq!((hash.len(), hash.is_empty()), (model.len(), model.is_empty()));
            }
            let pairs = hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec()));
            prop_assert_eq!(pairs.collect::<HashMap<_, _>>(), model);
            let mut copy = Hash::new();
            hash.iter().for_each(|(field, value)| _ = copy.set(&field.to_vec(), &value.to_vec(), forms()));
            prop_assert_eq!(copy, hash);
        }
    }
}
