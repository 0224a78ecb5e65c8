//! The elements of a large sorted set, each once, densely numbered.
//!
//! A number changes only when its element takes the place of one that is removed: then the last one moves down. So a
//! walk from the highest number to the lowest meets every element that stays, whatever is added and removed meanwhile.
//! Memory is taken and given back chunk by chunk; nothing that is there is ever copied to grow.

/// An element's number.
pub type Id = u32;

/// Elements a chunk has room for. The first one grows to this by doubling.
const CHUNK: usize = 512;

/// The longest member that needs no memory of its own.
const SHORT: usize = 22;

/// A member and its score.
#[derive(Clone, Debug)]
pub struct Element {
    pub score: f64,
    member: Member,
}

/// A member's bytes.
#[derive(Clone, Debug)]
enum Member {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

const _: () = assert!(size_of::<Element>() == 32);

impl Element {
    pub fn new(member: &[u8], score: f64) -> Element {
        let member = if member.len() <= SHORT {
            let mut bytes = [0; SHORT];
            bytes[..member.len()].copy_from_slice(member);
            Member::Short { length: member.len() as u8, bytes }
        } else {
            Member::Long(member.into())
        };
        Element { score, member }
    }

    pub fn member(&self) -> &[u8] {
        match &self.member {
            Member::Short { length, bytes } => &bytes[..usize::from(*length)],
            Member::Long(bytes) => bytes,
        }
    }

    /// Bytes it has on the heap.
    fn outside(&self) -> usize {
        match &self.member {
            Member::Short { .. } => 0,
            Member::Long(bytes) => bytes.len(),
        }
    }
}

/// See the module's description.
#[derive(Clone, Debug, Default)]
pub struct Elements {
    chunks: Vec<Vec<Element>>,
    length: usize,
    /// Bytes of long members.
    outside: usize,
}

impl Elements {
    pub fn len(&self) -> usize {
        self.length
    }

    #[inline]
    pub fn get(&self, id: Id) -> &Element {
        &self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    pub fn set_score(&mut self, id: Id, score: f64) {
        self.chunks[id as usize / CHUNK][id as usize % CHUNK].score = score;
    }

    /// Adds an element under the next number.
    ///
    /// # Panics
    /// When there are 2^32 already: callers see to `limits::MAX_ZSET_MEMBERS`.
    pub fn push(&mut self, element: Element) -> Id {
        let id = Id::try_from(self.length).expect("one sorted set has less than 2^32 members");
        if self.length == self.chunks.len() * CHUNK {
            self.chunks.push(if id == 0 { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        self.outside += element.outside();
        self.chunks[self.length / CHUNK].push(element);
        self.length += 1;
        id
    }

    /// Removes an element; the last one takes its number.
    pub fn remove(&mut self, id: Id) -> Element {
        let last = self.pop().expect("there is the element to be removed");
        if id as usize == self.length {
            return last;
        }
        self.outside += last.outside();
        let removed = std::mem::replace(&mut self.chunks[id as usize / CHUNK][id as usize % CHUNK], last);
        self.outside -= removed.outside();
        removed
    }

    /// Removes the element with the highest number.
    pub fn pop(&mut self) -> Option<Element> {
        let chunk = self.chunks.last_mut()?;
        let element = chunk.pop()?;
        if chunk.is_empty() {
            self.chunks.pop();
        }
        self.length -= 1;
        self.outside -= element.outside();
        Some(element)
    }

    /// Bytes on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        let elements = match &*self.chunks {
            [] => 0,
            [only] => only.capacity(),
            chunks => chunks.len() * CHUNK,
        };
        self.chunks.capacity() * size_of::<Vec<Element>>() + elements * size_of::<Element>() + self.outside
    }
}
