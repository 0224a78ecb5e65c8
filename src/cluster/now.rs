//! The time, as a value: the control plane has no clock.

/// One moment, by both clocks of its owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Unix time in milliseconds: for what people and other nodes read. May jump.
    pub unix_ms: u64,
    /// Milliseconds of a clock that never jumps: for every delay and timeout.
    pub mono_ms: u64,
}

impl Now {
    /// Milliseconds passed since `earlier`.
    pub fn since(self, earlier: Now) -> u64 {
        self.mono_ms.saturating_sub(earlier.mono_ms)
    }
}
