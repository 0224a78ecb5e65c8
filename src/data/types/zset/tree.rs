//! The order of a large sorted set: a B+ tree of scores and numbers that counts what is below each of its nodes.
//!
//! ```text
//! Inner: (first key, count, node) a child
//!   Inner ...
//!     Leaf: scores | numbers         keys in ascending order
//! ```
//!
//! A key is a score and a member; the tree has the member's number, and asks [`Elements`] where scores are equal.
//! Invariants: a child's `score` and `id` are those of the first key below it, `count` is how many there are; no node
//! but the root is empty. Splitting and merging concern two neighbours at a time. Neighbours are merged when one is
//! nearly empty and both fit in one, so nodes are more than a third full on average.

use super::elements::{Elements, Id};
use arrayvec::ArrayVec;

/// Keys of a leaf.
const LEAF: usize = 64;
/// Children of an inner node.
const INNER: usize = 32;

/// A place between two keys. What is before it is told by [`Cut::follows`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut<'c> {
    /// Before the first key.
    Start,
    /// Behind the last key.
    End,
    /// Before all keys of this score.
    BeforeScore(f64),
    /// Behind all keys of this score.
    AfterScore(f64),
    /// Before this member, among members of one score.
    BeforeMember(&'c [u8]),
    /// Behind this member, among members of one score.
    AfterMember(&'c [u8]),
    /// Before the key of this score and member.
    BeforeKey(f64, &'c [u8]),
    /// Behind the key of this score and member.
    AfterKey(f64, &'c [u8]),
}

impl<'c> Cut<'c> {
    /// Whether the key of `score` and `member` is before this place.
    #[inline]
    pub fn follows<'m>(self, score: f64, member: impl FnOnce() -> &'m [u8]) -> bool {
        match self {
            Cut::Start => false,
            Cut::End => true,
            Cut::BeforeScore(other) => score < other,
            Cut::AfterScore(other) => score <= other,
            Cut::BeforeMember(other) => member() < other,
            Cut::AfterMember(other) => member() <= other,
            Cut::BeforeKey(other, bytes) => score < other || (score == other && member() < bytes),
            Cut::AfterKey(other, bytes) => score < other || (score == other && member() <= bytes),
        }
    }
}

/// See the module's description.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub(super) root: Option<Node>,
    leaves: usize,
    inners: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Leaf(Box<Leaf>),
    Inner(Box<Inner>),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Leaf {
    scores: ArrayVec<f64, LEAF>,
    pub ids: ArrayVec<Id, LEAF>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inner {
    pub children: ArrayVec<Child, INNER>,
}

#[derive(Clone, Debug)]
pub(super) struct Child {
    score: f64,
    id: Id,
    pub count: u32,
    pub node: Node,
}

impl Tree {
    /// How many keys are before a place.
    pub fn rank(&self, cut: Cut<'_>, elements: &Elements) -> usize {
        let mut rank = 0;
        let mut node = self.root.as_ref();
        loop {
            match node {
                None => return rank,
                Some(Node::Leaf(leaf)) => return rank + leaf.rank(cut, elements),
                Some(Node::Inner(inner)) => {
                    let at = inner.child_at(cut, elements);
                    rank += inner.children[..at].iter().map(|child| child.count as usize).sum::<usize>();
                    node = Some(&inner.children[at].node);
                }
            }
        }
    }

    /// Adds a key that is not there; `elements` has it already.
    pub fn insert(&mut self, id: Id, elements: &Elements) {
        let root = self.root.take().unwrap_or_else(|| {
            self.leaves += 1;
            Node::Leaf(Box::default())
        });
        let root = self.root.insert(root);
        let mut grown = Grown::default();
        if let Some(right) = root.insert(id, elements, true, &mut grown) {
            let left = std::mem::replace(root, Node::Inner(Box::default()));
            let Node::Inner(inner) = root else { unreachable!("it was just made") };
            inner.children.push(Child::of(left));
            inner.children.push(Child::of(right));
            grown.inners += 1;
        }
        self.leaves += grown.leaves;
        self.inners += grown.inners;
    }

    /// Removes the key of `score` and `member`, which is there.
    pub fn remove(&mut self, score: f64, member: &[u8], elements: &Elements) {
        let Some(root) = &mut self.root else { return };
        let mut shrunk = Grown::default();
        root.remove(Cut::AfterKey(score, member), elements, &mut shrunk);
        match root {
            Node::Leaf(leaf) if leaf.ids.is_empty() => {
                self.root = None;
                shrunk.leaves += 1;
            }
            Node::Inner(inner) if inner.children.len() == 1 => {
                self.root = inner.children.pop().map(|child| child.node);
                shrunk.inners += 1;
            }
            _ => {}
        }
        self.leaves -= shrunk.leaves;
        self.inners -= shrunk.inners;
    }

    /// Changes a key's score where it is; false: its place may be another then.
    pub fn rescore(&mut self, old: f64, member: &[u8], new: f64, elements: &Elements) -> bool {
        let mut node = self.root.as_mut();
        while let Some(Node::Inner(inner)) = node {
            let at = inner.child_at(Cut::AfterKey(old, member), elements);
            node = Some(&mut inner.children[at].node);
        }
        let Some(Node::Leaf(leaf)) = node else { return false };
        let at = leaf.rank(Cut::AfterKey(old, member), elements) - 1;
        let new_place = Cut::BeforeKey(new, member);
        let precedes = |at: usize| new_place.follows(leaf.scores[at], || elements.get(leaf.ids[at]).member());
        // The first and the last key of a leaf would have to be compared with other leaves'.
        let stays = at > 0 && at + 1 < leaf.ids.len() && precedes(at - 1) && !precedes(at + 1);
        if stays {
            leaf.scores[at] = new;
        }
        stays
    }

    /// Gives the key of `score` and `member` another number. `elements` still has the old one.
    pub fn renumber(&mut self, score: f64, member: &[u8], to: Id, elements: &Elements) {
        if let Some(root) = &mut self.root {
            root.renumber(Cut::AfterKey(score, member), to, elements);
        }
    }

    /// Frees about `budget` keys; whether any are left. The counts are wrong from then on.
    pub fn release(&mut self, budget: usize) -> bool {
        for _ in 0..=budget / LEAF {
            let left = match &mut self.root {
                Some(Node::Inner(inner)) => inner.drop_last_leaf(),
                _ => false,
            };
            if !left {
                self.root = None;
            }
        }
        self.root.is_some()
    }

    /// Bytes on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.leaves * size_of::<Leaf>() + self.inners * size_of::<Inner>()
    }
}

/// Nodes that were made, or freed.
#[derive(Default)]
struct Grown {
    leaves: usize,
    inners: usize,
}

impl Node {
    /// Adds a key; the new right neighbour, if the node had to be split. `is_last`: nothing in the tree is behind it.
    fn insert(&mut self, id: Id, elements: &Elements, is_last: bool, grown: &mut Grown) -> Option<Node> {
        match self {
            Node::Leaf(leaf) => {
                let element = elements.get(id);
                let at = leaf.rank(Cut::BeforeKey(element.score, element.member()), elements);
                let right = leaf.insert(at, element.score, id, is_last)?;
                grown.leaves += 1;
                Some(Node::Leaf(right))
            }
            Node::Inner(inner) => {
                let element = elements.get(id);
                let at = inner.child_at(Cut::BeforeKey(element.score, element.member()), elements);
                let is_last = is_last && at + 1 == inner.children.len();
                let child = &mut inner.children[at];
                let split = child.node.insert(id, elements, is_last, grown);
                child.count += 1;
                child.refresh_key();
                let right = Child::of(split?);
                inner.children[at].count -= right.count;
                let right = inner.insert(at + 1, right, is_last)?;
                grown.inners += 1;
                Some(Node::Inner(right))
            }
        }
    }

    /// Removes the key just before a place.
    fn remove(&mut self, cut: Cut<'_>, elements: &Elements, freed: &mut Grown) {
        match self {
            Node::Leaf(leaf) => {
                let at = leaf.rank(cut, elements) - 1;
                leaf.scores.remove(at);
                leaf.ids.remove(at);
            }
            Node::Inner(inner) => {
                let at = inner.child_at(cut, elements);
                let child = &mut inner.children[at];
                child.node.remove(cut, elements, freed);
                child.count -= 1;
                if child.count > 0 {
                    child.refresh_key();
                }
                inner.tidy(at, freed);
            }
        }
    }

    /// Gives the key just before a place another number.
    fn renumber(&mut self, cut: Cut<'_>, to: Id, elements: &Elements) {
        match self {
            Node::Leaf(leaf) => {
                let at = leaf.rank(cut, elements) - 1;
                leaf.ids[at] = to;
            }
            Node::Inner(inner) => {
                let at = inner.child_at(cut, elements);
                let child = &mut inner.children[at];
                child.node.renumber(cut, to, elements);
                child.refresh_key();
            }
        }
    }

    /// Takes all that is in its right neighbour, if both fit in one with some room left.
    fn merge(&mut self, right: &mut Node) -> bool {
        match (self, right) {
            (Node::Leaf(left), Node::Leaf(right)) if left.ids.len() + right.ids.len() <= LEAF * 3 / 4 => {
                left.scores.extend(right.scores.drain(..));
                left.ids.extend(right.ids.drain(..));
                true
            }
            (Node::Inner(left), Node::Inner(right)) if left.children.len() + right.children.len() <= INNER * 3 / 4 => {
                left.children.extend(right.children.drain(..));
                true
            }
            _ => false,
        }
    }
}

impl Leaf {
    /// How many of its keys are before a place.
    fn rank(&self, cut: Cut<'_>, elements: &Elements) -> usize {
        partition(self.ids.len(), |at| cut.follows(self.scores[at], || elements.get(self.ids[at]).member()))
    }

    /// Adds a key; the new right neighbour, if the leaf was full.
    fn insert(&mut self, at: usize, score: f64, id: Id, is_last: bool) -> Option<Box<Leaf>> {
        if !self.ids.is_full() {
            self.scores.insert(at, score);
            self.ids.insert(at, id);
            return None;
        }
        let from = split_at(LEAF, at, is_last);
        let mut right =
            Box::new(Leaf { scores: self.scores.drain(from..).collect(), ids: self.ids.drain(from..).collect() });
        let (half, at) = if at < from { (self, at) } else { (&mut *right, at - from) };
        half.scores.insert(at, score);
        half.ids.insert(at, id);
        Some(right)
    }
}

impl Inner {
    /// The child that has what is just before a place, or the first one.
    fn child_at(&self, cut: Cut<'_>, elements: &Elements) -> usize {
        let follows = |at: usize| {
            let child = &self.children[at];
            cut.follows(child.score, || elements.get(child.id).member())
        };
        partition(self.children.len(), follows).saturating_sub(1)
    }

    /// Adds a child; the new right neighbour, if the node was full.
    fn insert(&mut self, at: usize, child: Child, is_last: bool) -> Option<Box<Inner>> {
        if !self.children.is_full() {
            self.children.insert(at, child);
            return None;
        }
        let from = split_at(INNER, at, is_last);
        let mut right = Box::new(Inner { children: self.children.drain(from..).collect() });
        if at < from {
            self.children.insert(at, child);
        } else {
            right.children.insert(at - from, child);
        }
        Some(right)
    }

    /// Sees to a child that has lost something: it goes when it is empty, and joins a neighbour when it nearly is.
    fn tidy(&mut self, at: usize, freed: &mut Grown) {
        let (length, nearly_empty) = match &self.children[at].node {
            Node::Leaf(leaf) => (leaf.ids.len(), LEAF / 4),
            Node::Inner(inner) => (inner.children.len(), INNER / 4),
        };
        let gone = if length == 0 {
            self.children.remove(at)
        } else if length <= nearly_empty {
            let left = if at > 0 && self.merge(at - 1) {
                at - 1
            } else if at + 1 < self.children.len() && self.merge(at) {
                at
            } else {
                return;
            };
            self.children.remove(left + 1)
        } else {
            return;
        };
        match gone.node {
            Node::Leaf(_) => freed.leaves += 1,
            Node::Inner(_) => freed.inners += 1,
        }
    }

    /// Moves what the right neighbour of child `at` has into it, if it fits; the neighbour is to be removed then.
    fn merge(&mut self, at: usize) -> bool {
        let [left, right] = &mut self.children[at..at + 2] else { unreachable!("both are there") };
        let merged = left.node.merge(&mut right.node);
        if merged {
            left.count += right.count;
        }
        merged
    }

    /// Frees the last leaf below it; false: it has nothing left but what can be freed at once.
    fn drop_last_leaf(&mut self) -> bool {
        if let Some(Child { node: Node::Inner(inner), .. }) = self.children.last_mut()
            && inner.drop_last_leaf()
        {
            return true;
        }
        self.children.pop();
        !self.children.is_empty()
    }
}

impl Child {
    fn of(node: Node) -> Child {
        let count = match &node {
            Node::Leaf(leaf) => leaf.ids.len() as u32,
            Node::Inner(inner) => inner.children.iter().map(|child| child.count).sum(),
        };
        let mut child = Child { score: 0.0, id: 0, count, node };
        child.refresh_key();
        child
    }

    fn refresh_key(&mut self) {
        (self.score, self.id) = match &self.node {
            Node::Leaf(leaf) => (leaf.scores[0], leaf.ids[0]),
            Node::Inner(inner) => (inner.children[0].score, inner.children[0].id),
        };
    }
}

/// Where a full node is split to take something at `at`: in the middle; or before what comes last of all, since what
/// arrives in ascending order fills nodes then.
fn split_at(capacity: usize, at: usize, is_last: bool) -> usize {
    if is_last && at == capacity { capacity } else { capacity / 2 }
}

/// How many of the first `length` numbers `is_before` holds for, given that it does up to some number.
#[inline]
fn partition(length: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = (low + high) / 2;
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
