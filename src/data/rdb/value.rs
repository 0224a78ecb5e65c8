//! Values, read: one element after the other, so that a value whose bytes come in pieces is never read twice.
//!
//! Forms are either *packed*, one string that holds all elements as they are in memory, or *counted*: how many elements
//! there are, and then each of them. Packed forms of before Redis 7 are turned into those of today. Everything is
//! checked to the last bit, whatever `sanitize-dump-payload` says: it costs little beside reading it at all.

use super::input::{Fault, Input};
use super::{Error, kind, module_name, stream, ziplist, zipmap};
use crate::base::double;
use crate::base::limits::MAX_ZSET_MEMBERS;
use crate::data::store::Object;
use crate::data::types::Forms;
use crate::data::types::hash::Hash;
use crate::data::types::intset::Intset;
use crate::data::types::list::{End, LARGE, Limits, List};
use crate::data::types::listpack::{Entry, Listpack};
use crate::data::types::set::Set;
use crate::data::types::zset::Zset;

/// A value under way.
pub struct Builder {
    kind: u8,
    /// Elements to come; none: it is not known yet.
    left: Option<u64>,
    /// What there is of it.
    object: Object,
    /// The same, of a stream.
    stream: Option<Box<stream::Builder>>,
}

/// What a value turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Built {
    /// A value.
    Value(Object),
    /// A collection without elements, which no key can hold: old versions of Redis wrote some by mistake.
    Empty,
}

const EMPTY: Result<Built, Error> = Ok(Built::Empty);

impl Builder {
    /// For a value in the form `kind`.
    pub fn new(kind: u8) -> Result<Builder, Error> {
        let object = match kind {
            kind::LIST | kind::QUICKLIST | kind::QUICKLIST_2 => Object::List(List::default()),
            kind::SET => Object::Set(Set::new()),
            kind::ZSET | kind::ZSET_2 => Object::Zset(Zset::default()),
            kind::HASH => Object::Hash(Hash::new()),
            kind::STRING | kind::MODULE | kind::MODULE_2 => Object::string(Vec::new()),
            kind::HASH_ZIPMAP | kind::LIST_ZIPLIST | kind::SET_INTSET => Object::string(Vec::new()),
            kind::ZSET_ZIPLIST | kind::HASH_ZIPLIST => Object::string(Vec::new()),
            kind::HASH_LISTPACK | kind::ZSET_LISTPACK => Object::string(Vec::new()),
            kind::STREAM | kind::STREAM_2 => Object::string(Vec::new()),
            _ => return Err(Error::Corrupt("Unknown RDB encoding type")),
        };
        let stream = matches!(kind, kind::STREAM | kind::STREAM_2).then(|| Box::new(stream::Builder::new(kind)));
        Ok(Builder { kind, left: None, object, stream })
    }

    /// Reads on. When the input is too short, what was read of it stays read, and the rest is wanted again.
    pub fn read(&mut self, input: &mut Input<'_>, forms: Forms<'_>) -> Result<Built, Fault> {
        loop {
            let start = input.position();
            match self.part(input, forms) {
                Ok(Some(built)) => return Ok(built),
                Ok(None) => {}
                Err(fault) => {
                    input.rewind(start);
                    return Err(fault);
                }
            }
        }
    }

    /// Reads the next part of the value, as small as can be; the value, if that was the last.
    fn part(&mut self, input: &mut Input<'_>, forms: Forms<'_>) -> Result<Option<Built>, Fault> {
        if let Some(stream) = &mut self.stream {
            return Ok(stream.part(input)?.map(|stream| Built::Value(Object::Stream(Box::new(stream)))));
        }
        if let Object::String(_) = self.object {
            return Ok(Some(self.whole(input, forms)?));
        }
        match self.left {
            None => {
                self.left = Some(input.length()?);
                Ok(None)
            }
            Some(0) => {
                let object = std::mem::replace(&mut self.object, Object::string(Vec::new()));
                let is_empty = match &object {
                    Object::List(list) => list.is_empty(),
                    Object::Set(set) => set.is_empty(),
                    Object::Zset(zset) => zset.is_empty(),
                    Object::Hash(hash) => hash.is_empty(),
                    Object::String(_) | Object::Stream(_) => false,
                };
                Ok(Some(if is_empty { Built::Empty } else { Built::Value(object) }))
            }
            Some(left) => {
                self.element(input, forms)?;
                self.left = Some(left - 1);
                Ok(None)
            }
        }
    }

    /// An element of a counted form.
    fn element(&mut self, input: &mut Input<'_>, forms: Forms<'_>) -> Result<(), Fault> {
        match &mut self.object {
            Object::List(list) if self.kind == kind::LIST => {
                list.push(End::Tail, &input.string()?, &limits(forms));
            }
            Object::List(list) => node(list, self.kind, input, forms)?,
            Object::Set(set) => {
                if !set.insert(&input.string()?, forms) {
                    return Err(Error::Corrupt("Duplicate set members detected").into());
                }
            }
            Object::Zset(zset) => {
                let member = input.string()?;
                let score = if self.kind == kind::ZSET { input.float_text()? } else { input.float()? };
                add(zset, &member, score, forms)?;
            }
            Object::Hash(hash) => {
                let (field, value) = (input.string()?, input.string()?);
                if !hash.set(&field, &value, forms) {
                    return Err(Error::Corrupt("Duplicate hash fields detected").into());
                }
            }
            Object::String(_) | Object::Stream(_) => {}
        }
        Ok(())
    }

    /// A form that is one string.
    fn whole(&self, input: &mut Input<'_>, forms: Forms<'_>) -> Result<Built, Fault> {
        if let kind::MODULE | kind::MODULE_2 = self.kind {
            return Err(Error::Module(module_name(input.length()?)).into());
        }
        let bytes = input.string()?;
        Ok(match self.kind {
            kind::HASH_ZIPMAP => hash_of_zipmap(&bytes, forms),
            kind::LIST_ZIPLIST => list_of_ziplist(&bytes, forms),
            kind::SET_INTSET => set_of_intset(bytes.into_owned(), forms),
            kind::ZSET_ZIPLIST => zset_of_ziplist(&bytes, forms),
            kind::ZSET_LISTPACK => zset_of_listpack(bytes.into_owned(), forms),
            kind::HASH_ZIPLIST => hash_of_ziplist(&bytes, forms),
            kind::HASH_LISTPACK => hash_of_listpack(listpack(bytes.into_owned())?, forms),
            _ => Ok(Built::Value(Object::string(bytes.into_owned()))),
        }?)
    }
}

fn limits(forms: Forms<'_>) -> Limits {
    Limits { fill: forms.limits.list_size, large: LARGE, depth: forms.limits.list_compress_depth }
}

/// A node of a list.
fn node(list: &mut List, kind: u8, input: &mut Input<'_>, forms: Forms<'_>) -> Result<(), Fault> {
    const CORRUPT: Error = Error::Corrupt("Quicklist integrity check failed.");
    let container = if kind == kind::QUICKLIST_2 { input.length()? } else { kind::PACKED_NODE };
    let bytes = input.string()?;
    match container {
        _ if bytes.is_empty() => return Err(CORRUPT.into()),
        kind::PLAIN_NODE => list.push_plain(bytes.into_owned(), &limits(forms)),
        kind::PACKED_NODE if kind == kind::QUICKLIST_2 => {
            list.push_packed(listpack(bytes.into_owned())?, &limits(forms));
        }
        kind::PACKED_NODE => push_ziplist(list, &bytes, forms)?,
        _ => return Err(CORRUPT.into()),
    }
    Ok(())
}

fn listpack(bytes: Vec<u8>) -> Result<Listpack, Error> {
    Listpack::from_bytes(bytes).ok_or(Error::Corrupt("Listpack integrity check failed."))
}

/// The entries of a ziplist; `problem`: what to say of one that is damaged.
fn entries<'z>(bytes: &'z [u8], problem: &'static str) -> Result<Vec<Entry<'z>>, Error> {
    ziplist::entries(bytes).ok_or(Error::Corrupt(problem))
}

fn push_ziplist(list: &mut List, bytes: &[u8], forms: Forms<'_>) -> Result<(), Error> {
    let limits = limits(forms);
    for entry in entries(bytes, "List ziplist integrity check failed.")? {
        list.push(End::Tail, entry.text(&mut itoa::Buffer::new()), &limits);
    }
    Ok(())
}

fn list_of_ziplist(bytes: &[u8], forms: Forms<'_>) -> Result<Built, Error> {
    let mut list = List::default();
    push_ziplist(&mut list, bytes, forms)?;
    if list.is_empty() { EMPTY } else { Ok(Built::Value(Object::List(list))) }
}

fn set_of_intset(bytes: Vec<u8>, forms: Forms<'_>) -> Result<Built, Error> {
    let intset = Intset::from_bytes(bytes).ok_or(Error::Corrupt("Intset integrity check failed."))?;
    let mut set = Set::Intset(intset);
    set.fit(forms);
    Ok(Built::Value(Object::Set(set)))
}

fn hash_of_zipmap(bytes: &[u8], forms: Forms<'_>) -> Result<Built, Error> {
    let pairs = zipmap::pairs(bytes).ok_or(Error::Corrupt("Zipmap integrity check failed."))?;
    let mut hash = Hash::new();
    if pairs.iter().any(|(field, value)| !hash.set(field, value, forms)) {
        return Err(Error::Corrupt("Hash zipmap with dup elements, or big length"));
    }
    Ok(Built::Value(Object::Hash(hash)))
}

fn hash_of_ziplist(bytes: &[u8], forms: Forms<'_>) -> Result<Built, Error> {
    let mut listpack = Listpack::new();
    for entry in entries(bytes, "Hash ziplist integrity check failed.")? {
        match entry {
            Entry::Int(value) => listpack.push_back_int(value),
            Entry::Bytes(text) => listpack.push_back(text),
        }
    }
    hash_of_listpack(listpack, forms)
}

fn hash_of_listpack(listpack: Listpack, forms: Forms<'_>) -> Result<Built, Error> {
    if listpack.is_empty() {
        return EMPTY;
    }
    if listpack.len() % 2 == 1 {
        return Err(Error::Corrupt("Hash listpack integrity check failed: a field without value"));
    }
    let hash = Hash::from_listpack(listpack);
    let mut hash = hash.ok_or(Error::Corrupt("Hash listpack integrity check failed: listpack with dup elements"))?;
    hash.fit(forms);
    Ok(Built::Value(Object::Hash(hash)))
}

fn zset_of_listpack(bytes: Vec<u8>, forms: Forms<'_>) -> Result<Built, Error> {
    let listpack = listpack(bytes)?;
    if listpack.is_empty() {
        return EMPTY;
    }
    if listpack.len() / 2 <= forms.limits.zset_entries {
        let zset = Zset::from_listpack(listpack).ok_or(Error::Corrupt("Zset listpack integrity check failed."))?;
        return Ok(Built::Value(Object::Zset(zset)));
    }
    zset_of_entries(listpack.iter(), forms)
}

fn zset_of_ziplist(bytes: &[u8], forms: Forms<'_>) -> Result<Built, Error> {
    zset_of_entries(entries(bytes, "Zset ziplist integrity check failed.")?.into_iter(), forms)
}

fn zset_of_entries<'e>(mut entries: impl Iterator<Item = Entry<'e>>, forms: Forms<'_>) -> Result<Built, Error> {
    const CORRUPT: Error = Error::Corrupt("Zset ziplist integrity check failed.");
    let mut zset = Zset::default();
    while let Some(member) = entries.next() {
        let score = match entries.next().ok_or(CORRUPT)? {
            Entry::Int(score) => score as f64,
            Entry::Bytes(score) => double::parse(score).ok_or(CORRUPT)?,
        };
        add(&mut zset, member.text(&mut itoa::Buffer::new()), score, forms)?;
    }
    if zset.is_empty() { EMPTY } else { Ok(Built::Value(Object::Zset(zset))) }
}

fn add(zset: &mut Zset, member: &[u8], score: f64, forms: Forms<'_>) -> Result<(), Error> {
    if score.is_nan() {
        return Err(Error::Corrupt("Zset with NAN score detected"));
    }
    if zset.len() == MAX_ZSET_MEMBERS {
        return Err(Error::Corrupt("Zset with too many members"));
    }
    match zset.set(member, score, forms.limits) {
        None => Ok(()),
        Some(_) => Err(Error::Corrupt("Duplicate zset fields detected")),
    }
}
