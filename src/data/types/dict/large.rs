//! A large item of a dict: shared by the copies of the dict, freed in pieces if it is huge.

use crate::base::limits;
use std::ops::Deref;
use std::sync::Arc;

/// See the module's description.
#[derive(Clone)]
pub enum Large {
    /// One piece of memory.
    Whole(Arc<[u8]>),
    /// Memory that can be given back little by little.
    Huge(Arc<Vec<u8>>),
}

impl Default for Large {
    fn default() -> Self {
        Large::Whole(Arc::default())
    }
}

impl From<Vec<u8>> for Large {
    fn from(bytes: Vec<u8>) -> Large {
        if bytes.len() > limits::FREED_AT_ONCE { Large::Huge(Arc::new(bytes)) } else { Large::Whole(bytes.into()) }
    }
}

impl Deref for Large {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Large::Whole(bytes) => bytes,
            Large::Huge(bytes) => bytes,
        }
    }
}

impl Large {
    /// What is left when a piece was freed; none: it can be dropped.
    pub fn shrunk(self) -> Option<Large> {
        let Large::Huge(mut bytes) = self else { return None };
        let left = Arc::get_mut(&mut bytes)?;
        left.truncate(left.len().saturating_sub(limits::FREED_AT_ONCE));
        left.shrink_to_fit();
        (left.len() > limits::FREED_AT_ONCE).then_some(Large::Huge(bytes))
    }
}
