//! The elements of a large sorted set, each once, densely numbered.
//!
//! A number changes only when its element takes the place of one that is removed: then the last one moves down. So a
//! walk from the highest number to the lowest meets every element that stays, whatever is added and removed meanwhile.
//! Memory is taken and given back segment by segment.

use crate::data::types::segments::Segments;

/// An element's number.
pub type Id = u32;

/// The longest member that needs no memory of its own.
const SHORT: usize = 22;

/// A member and its score.
#[derive(Clone, Debug)]
pub struct Element {
    /// Its score.
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

impl Default for Element {
    fn default() -> Self {
        Element { score: 0.0, member: Member::Short { length: 0, bytes: [0; SHORT] } }
    }
}

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

    /// Its member.
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

/// See the module's description. A copy shares its elements with the original until one of the two changes them.
#[derive(Clone, Debug, Default)]
pub struct Elements {
    elements: Segments<Element>,
    /// Bytes of long members.
    outside: usize,
}

impl Elements {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.elements.len() == 0
    }

    /// The one with this number.
    #[inline]
    pub fn get(&self, id: Id) -> &Element {
        &self.elements[id as usize]
    }

    /// Changes a score.
    pub fn set_score(&mut self, id: Id, score: f64) {
        self.elements[id as usize].score = score;
    }

    /// Adds an element under the next number.
    ///
    /// # Panics
    /// When there are 2^32 already: callers see to `limits::MAX_ZSET_MEMBERS`.
    pub fn push(&mut self, element: Element) -> Id {
        let id = Id::try_from(self.len()).expect("one sorted set has less than 2^32 members");
        self.outside += element.outside();
        self.elements.push(element);
        id
    }

    /// Removes an element; the last one takes its number.
    pub fn remove(&mut self, id: Id) -> Element {
        let removed = self.elements.swap_remove(id as usize).expect("there is the element to be removed");
        self.outside -= removed.outside();
        removed
    }

    /// Frees at most about `budget` elements, those with the highest numbers; whether any are left. Only good for being
    /// released further then.
    pub fn release(&mut self, budget: usize) -> bool {
        for _ in 0..budget {
            if self.elements.pop_shared() {
                self.outside = 0;
                break;
            }
            let Some(element) = self.elements.pop() else { break };
            self.outside = self.outside.saturating_sub(element.outside());
        }
        !self.is_empty()
    }

    /// Bytes on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.elements.heap_bytes() + self.outside
    }
}
