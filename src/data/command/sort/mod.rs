//! The sort commands. Run on the core that owns the key's slot.

use crate::data::exec::Handler;

/// The sort commands by name.
pub const HANDLERS: &[(&str, Handler)] = &[];
