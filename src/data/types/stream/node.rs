//! A node: some dozens of entries in one listpack, in the format in which Redis keeps and dumps them
//! (`t_stream.c`):
//!
//! ```text
//! head   count, deleted, number of fields, field names ..., 0
//! entry  flags, ms and seq beyond the node's id, [number of fields, name, value ...] or the values alone if the names
//!        are the head's (SAME), number of elements of this entry
//! ```

use super::Id;
use crate::data::types::listpack::{Entry, Listpack, Place};

/// The entry is deleted.
const DELETED: i64 = 1;
/// The entry has the field names of the head.
const SAME: i64 = 2;

/// The entries of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node(Listpack);

/// One entry of a node.
#[derive(Clone, Copy)]
pub struct View<'n> {
    node: &'n Node,
    /// Its id.
    pub id: Id,
    flags: Place,
    deleted: bool,
    same: bool,
    first: Option<Place>,
    /// How many fields it has.
    pub fields: usize,
}

impl Node {
    /// A node whose head has the names of these pairs; it has no entry yet.
    pub fn new(pairs: &[&[u8]]) -> Node {
        let mut pack = Listpack::new();
        pack.push_back_int(0);
        pack.push_back_int(0);
        pack.push_back_int(pairs.len() as i64 / 2);
        pairs.iter().step_by(2).for_each(|name| pack.push_back(name));
        pack.push_back_int(0);
        Node(pack)
    }

    /// A node out of a dump; none: it is not well-formed. `key`: the node's id.
    pub fn from_listpack(pack: Listpack, key: Id) -> Option<Node> {
        let node = Node(pack);
        node.is_valid(key).then_some(node)
    }

    /// It, as it is dumped.
    pub fn listpack(&self) -> &Listpack {
        &self.0
    }

    /// Bytes it has on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    /// Entries that are not deleted.
    pub fn len(&self) -> usize {
        self.number_at(0).max(0) as usize
    }

    /// Entries, deleted ones among them.
    pub fn all(&self) -> usize {
        self.len() + self.number_at(1).max(0) as usize
    }

    fn number_at(&self, index: i64) -> i64 {
        self.0.seek(index).and_then(|place| self.0.get(place).as_int()).unwrap_or(0)
    }

    fn set_number(&mut self, index: i64, value: i64) {
        if let Some(place) = self.0.seek(index) {
            self.0.replace_int(place, value);
        }
    }

    /// Adds an entry. `key`: the node's id.
    pub fn push(&mut self, key: Id, id: Id, pairs: &[&[u8]]) {
        let same = self.has_names(pairs);
        let fields = pairs.len() as i64 / 2;
        self.0.push_back_int(if same { SAME } else { 0 });
        self.0.push_back_int(id.ms.wrapping_sub(key.ms) as i64);
        self.0.push_back_int(id.seq.wrapping_sub(key.seq) as i64);
        if same {
            pairs.iter().skip(1).step_by(2).for_each(|value| self.0.push_back(value));
            self.0.push_back_int(fields + 3);
        } else {
            self.0.push_back_int(fields);
            pairs.iter().for_each(|text| self.0.push_back(text));
            self.0.push_back_int(fields * 2 + 4);
        }
        self.set_number(0, self.len() as i64 + 1);
    }

    /// Whether the pairs have the names of the head.
    fn has_names(&self, pairs: &[&[u8]]) -> bool {
        let fields = pairs.len() / 2;
        if self.number_at(2) != fields as i64 {
            return false;
        }
        let mut place = self.0.seek(3);
        pairs.iter().step_by(2).all(|name| {
            let Some(at) = place else { return false };
            place = self.0.next(at);
            self.0.get(at).is(name)
        })
    }

    /// The entries that are not deleted, in order. `key`: the node's id.
    pub fn entries(&self, key: Id) -> impl Iterator<Item = View<'_>> {
        self.walk(key).filter(|view| !view.deleted)
    }

    fn walk(&self, key: Id) -> Walk<'_> {
        let names = self.number_at(2).max(0);
        Walk { node: self, key, names: names as usize, place: self.0.seek(4 + names) }
    }

    /// Marks an entry as deleted; false: there is none with this id.
    pub fn delete(&mut self, key: Id, id: Id) -> bool {
        let Some(view) = self.entries(key).find(|view| view.id == id) else { return false };
        let (flags, marks) = (view.flags, if view.same { SAME | DELETED } else { DELETED });
        self.0.replace_int(flags, marks);
        let (count, deleted) = (self.len() as i64 - 1, self.number_at(1) + 1);
        self.set_number(0, count);
        self.set_number(1, deleted);
        true
    }

    /// Whether everything in it adds up; for what comes from outside.
    fn is_valid(&self, key: Id) -> bool {
        let names = self.number_at(2);
        let (count, deleted) = (self.number_at(0), self.number_at(1));
        if names < 0 || count < 0 || deleted < 0 || names as usize > self.0.len() {
            return false;
        }
        let Some(end) = self.0.seek(3 + names) else { return false };
        if self.0.get(end).as_int() != Some(0) {
            return false;
        }
        let (mut seen, mut gone, mut last) = (0, 0, None);
        let mut walk = self.walk(key);
        while let Some(view) = walk.next() {
            let is_later = last.is_none_or(|last| view.id > last);
            if !is_later || view.id < key {
                return false;
            }
            last = Some(view.id);
            if view.deleted { gone += 1 } else { seen += 1 }
        }
        walk.place.is_none() && (seen, gone) == (count, deleted)
    }
}

struct Walk<'n> {
    node: &'n Node,
    key: Id,
    names: usize,
    place: Option<Place>,
}

impl<'n> Iterator for Walk<'n> {
    type Item = View<'n>;

    /// The next entry; none also where it is not well-formed, with `place` left behind then.
    fn next(&mut self) -> Option<View<'n>> {
        let pack = &self.node.0;
        let flags = self.place?;
        let marks = pack.get(flags).as_int()?;
        let ms = pack.next(flags)?;
        let seq = pack.next(ms)?;
        let id = Id {
            ms: self.key.ms.wrapping_add(pack.get(ms).as_int()? as u64),
            seq: self.key.seq.wrapping_add(pack.get(seq).as_int()? as u64),
        };
        let same = marks & SAME != 0;
        let mut at = pack.next(seq)?;
        let (fields, elements) = if same {
            (self.names, self.names + 3)
        } else {
            let fields = usize::try_from(pack.get(at).as_int()?).ok().filter(|fields| *fields <= pack.len())?;
            at = pack.next(at)?;
            (fields, fields * 2 + 4)
        };
        let first = at;
        for _ in 0..if same { fields } else { fields * 2 } {
            at = pack.next(at)?;
        }
        if pack.get(at).as_int()? != elements as i64 {
            return None;
        }
        self.place = pack.next(at);
        Some(View { node: self.node, id, flags, deleted: marks & DELETED != 0, same, first: Some(first), fields })
    }
}

impl<'n> View<'n> {
    /// Names and values in turn.
    pub fn texts(&self) -> impl Iterator<Item = Entry<'n>> + use<'n> {
        let pack = &self.node.0;
        let mut name = if self.same { pack.seek(3) } else { None };
        let mut place = self.first;
        let (same, count) = (self.same, self.fields * 2);
        (0..count).map_while(move |index| {
            let from = if same && index % 2 == 0 { &mut name } else { &mut place };
            let at = (*from)?;
            *from = pack.next(at);
            Some(pack.get(at))
        })
    }
}
