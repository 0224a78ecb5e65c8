//! What waits to be sent over one connection of the bus core: frames, taken by the connection's task.
//!
//! Both ends are on the bus core's thread. Invariant: `bytes` counts every frame until it has left whole.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// See the module's header.
pub(super) struct Outbox<F = Rc<[u8]>>(RefCell<Inner<F>>);

struct Inner<F> {
    frames: VecDeque<F>,
    bytes: usize,
    closed: bool,
    /// The link's task, which waits for a frame or for the end.
    waker: Option<Waker>,
}

impl<F> Default for Outbox<F> {
    fn default() -> Self {
        Outbox(RefCell::new(Inner { frames: VecDeque::new(), bytes: 0, closed: false, waker: None }))
    }
}

impl<F: AsRef<[u8]>> Outbox<F> {
    /// Adds a frame.
    pub fn push(&self, frame: F) {
        let mut inner = self.0.borrow_mut();
        inner.bytes += frame.as_ref().len();
        inner.frames.push_back(frame);
        inner.wake();
    }

    /// Ends the link.
    pub fn close(&self) {
        let mut inner = self.0.borrow_mut();
        inner.closed = true;
        inner.frames.clear();
        inner.wake();
    }

    /// Whether the link was ended.
    pub fn is_closed(&self) -> bool {
        self.0.borrow().closed
    }

    /// Bytes that have not left yet.
    pub fn bytes(&self) -> usize {
        self.0.borrow().bytes
    }

    /// A frame of so many bytes has left.
    pub fn sent(&self, bytes: usize) {
        self.0.borrow_mut().bytes -= bytes;
    }

    /// The next frame, when there is one; none when the link is ended.
    pub async fn next(&self) -> Option<F> {
        poll_fn(|context| {
            let mut inner = self.0.borrow_mut();
            if inner.closed {
                return Poll::Ready(None);
            }
            let frame = inner.frames.pop_front();
            frame.map_or_else(|| inner.wait(context), |frame| Poll::Ready(Some(frame)))
        })
        .await
    }

    /// Returns when the link is ended.
    pub async fn closed(&self) {
        poll_fn(|context| {
            let mut inner = self.0.borrow_mut();
            if inner.closed { Poll::Ready(()) } else { inner.wait(context) }
        })
        .await;
    }
}

impl<F> Inner<F> {
    fn wait<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, poll_once};

    #[test]
    fn frames_leave_in_order_and_count_until_they_have_left() {
        let outbox: Outbox = Outbox::default();
        outbox.push(b"one".as_slice().into());
        outbox.push(b"three".as_slice().into());
        let first = block_on(outbox.next()).unwrap();
        assert_eq!((&first[..], outbox.bytes()), (&b"one"[..], 8));
        outbox.sent(3);
        assert_eq!(block_on(outbox.next()).unwrap()[..], *b"three");
        assert_eq!(outbox.bytes(), 5);
        assert!(block_on(poll_once(outbox.next())).is_none());
    }

    #[test]
    fn a_closed_link_sends_nothing_more() {
        let outbox: Outbox = Outbox::default();
        outbox.push(b"frame".as_slice().into());
        outbox.close();
        assert!(block_on(outbox.next()).is_none() && outbox.is_closed());
        block_on(outbox.closed());
    }
}
