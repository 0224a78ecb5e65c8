//! A large value as it was at one moment, written little by little while its key goes on changing.
//!
//! It is made by copying the value, which shares its pieces with the copy (`data/types/segments.rs`): that takes a count
//! for each of the branches of a hash, set or sorted set; next to nothing for a list, stream or string. Whoever
//! changes a piece that is still shared copies it first, a few hundred elements at most (but all of a string).
//! Nothing of it is ever walked twice, and one step writes no more than its budget and one element.

use super::encode::{put_length, put_string, work_of};
use super::stream::StreamWriter;
use super::write;
use crate::base::limits;
use crate::data::store::Value;
use crate::data::types::dict::{Bytes, Dict};
use crate::data::types::hash::Hash;
use crate::data::types::list::List;
use crate::data::types::set::Set;
use crate::data::types::stream::Stream;
use crate::data::types::zset::StoredElements;
use std::sync::Arc;

/// See the module's header.
pub struct Frozen {
    content: Content,
    /// How many pieces of it were written.
    written: usize,
    begun: bool,
}

enum Content {
    String(Arc<Vec<u8>>),
    List(List),
    Set(Box<Dict<()>>),
    Hash(Box<Dict<Bytes>>),
    /// From the highest number to the lowest.
    Zset(StoredElements),
    Stream(Box<Stream>, Box<StreamWriter>),
}

impl Frozen {
    /// A collection as it is now; none: it is so small that it can as well be written at once.
    pub fn of(value: Value<'_>) -> Option<Frozen> {
        if value.heap_bytes() <= limits::WRITTEN_AT_ONCE {
            return None;
        }
        let content = match value {
            Value::List(list) => Content::List(list.clone()),
            Value::Set(Set::Dict(dict)) => Content::Set(dict.clone()),
            Value::Hash(Hash::Dict(dict)) => Content::Hash(dict.clone()),
            Value::Zset(zset) => Content::Zset(zset.elements()?.clone()),
            Value::Stream(stream) => Content::Stream(Box::new(stream.clone()), Box::default()),
            Value::Bytes(_) | Value::Set(Set::Intset(_)) | Value::Hash(Hash::Listpack(_)) => return None,
        };
        Some(Frozen { content, written: 0, begun: false })
    }

    /// The same of a long string, which is shared.
    pub fn of_string(bytes: &Arc<Vec<u8>>) -> Option<Frozen> {
        let content = || Content::String(bytes.clone());
        (bytes.capacity() > limits::WRITTEN_AT_ONCE).then(|| Frozen { content: content(), written: 0, begun: false })
    }

    /// Writes on, without the byte that tells the form, until that has taken `budget` (`work_of`) or all of it is
    /// written. Returns what it took, and whether that was all.
    pub fn write(&mut self, out: &mut Vec<u8>, budget: usize, compressed: bool) -> (usize, bool) {
        if !std::mem::replace(&mut self.begun, true) {
            self.begin(out);
        }
        let mut work = 0;
        while work < budget {
            let before = out.len();
            let (texts, more) = self.piece(out, budget - work, compressed);
            work += texts.max(out.len() - before);
            if !more {
                return (work, true);
            }
        }
        (work, false)
    }

    /// What comes before its pieces: how many there are.
    fn begin(&self, out: &mut Vec<u8>) {
        match &self.content {
            // Compressing it can't be done in steps, so it is not compressed.
            Content::String(bytes) => put_length(out, bytes.len() as u64),
            Content::List(list) => put_length(out, list.node_count() as u64),
            Content::Set(dict) => put_length(out, dict.len() as u64),
            Content::Hash(dict) => put_length(out, dict.len() as u64),
            Content::Zset(elements) => put_length(out, elements.len() as u64),
            Content::Stream(..) => {}
        }
    }

    /// Writes a piece. Returns what its texts took, and whether there may be more pieces.
    fn piece(&mut self, out: &mut Vec<u8>, budget: usize, compressed: bool) -> (usize, bool) {
        let mut work = 0;
        let mut put = |out: &mut Vec<u8>, text: &[u8]| {
            let compressed = compressed && text.len() <= limits::WRITTEN_AT_ONCE;
            work += work_of(text.len(), text.len(), compressed);
            put_string(out, text, compressed);
        };
        let number = self.written;
        self.written += 1;
        let more = match &mut self.content {
            Content::String(bytes) => {
                let end = bytes.len().min(number + budget);
                out.extend_from_slice(&bytes[number..end]);
                self.written = end;
                end < bytes.len()
            }
            Content::List(list) => {
                let node = list.node(number);
                node.map(|node| write::put_node(out, node, &mut put)).is_some()
            }
            Content::Set(dict) if number < dict.pieces() => {
                dict.piece(number).for_each(|(member, ())| put(out, member));
                true
            }
            Content::Hash(dict) if number < dict.pieces() => {
                dict.piece(number).for_each(|(field, value)| {
                    put(out, field);
                    put(out, value);
                });
                true
            }
            Content::Set(_) | Content::Hash(_) => false,
            Content::Zset(elements) => {
                let element = elements.len().checked_sub(self.written).map(|id| elements.get(id as u32));
                element.inspect(|element| {
                    put(out, element.member());
                    out.extend(element.score.to_le_bytes());
                });
                element.is_some()
            }
            Content::Stream(stream, writer) => writer.piece(out, stream, &mut put),
        };
        (work, more)
    }

    /// Frees at most about `budget` elements of what nobody shares; whether anything is left. To be done once it is
    /// written, or wanted no more.
    pub fn release(&mut self, budget: usize) -> bool {
        match &mut self.content {
            Content::String(bytes) => {
                let Some(bytes) = Arc::get_mut(bytes) else { return false };
                let kept = bytes.len().saturating_sub(limits::FREED_AT_ONCE);
                bytes.truncate(kept);
                bytes.shrink_to(kept);
                kept > 0
            }
            Content::List(list) => list.release(budget),
            Content::Set(dict) => dict.release(budget),
            Content::Hash(dict) => dict.release(budget),
            Content::Zset(elements) => elements.release(budget),
            Content::Stream(stream, _) => stream.release(budget),
        }
    }
}
