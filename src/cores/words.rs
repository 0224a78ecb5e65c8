//! What this thread has said in the log since it last looked: a data core sends the replies that follow from it only
//! when it is written, so that who sees one finds its reason.

use std::cell::Cell;

thread_local! {
    static SAID: Cell<bool> = const { Cell::new(false) };
}

/// This thread has said something that may be the reason of a reply.
pub fn said() {
    SAID.set(true);
}

/// Whether it has since this was last asked.
#[inline]
pub fn take() -> bool {
    SAID.replace(false)
}
