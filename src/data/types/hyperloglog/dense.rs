//! Registers of six bits, one after the other from the lowest bit of each byte on.

use super::REGISTERS;

const BITS: usize = 6;
const MASK: u16 = (1 << BITS) - 1;
/// Bytes of all registers.
pub const SIZE: usize = REGISTERS * BITS / 8;

/// A register's value.
#[inline]
pub fn get(registers: &[u8], index: usize) -> u8 {
    let (byte, bit) = (index * BITS / 8, index * BITS % 8);
    (pair(registers, byte) >> bit & MASK) as u8
}

/// Makes a register at least `value`; whether it changed.
pub fn raise(registers: &mut [u8], index: usize, value: u8) -> bool {
    if get(registers, index) >= value {
        return false;
    }
    let (byte, bit) = (index * BITS / 8, index * BITS % 8);
    let changed = pair(registers, byte) & !(MASK << bit) | u16::from(value) << bit;
    let [low, high] = changed.to_le_bytes();
    registers[byte] = low;
    if let Some(next) = registers.get_mut(byte + 1) {
        *next = high;
    }
    true
}

/// Two bytes; the one behind the last is zero.
fn pair(registers: &[u8], byte: usize) -> u16 {
    u16::from_le_bytes([registers[byte], registers.get(byte + 1).copied().unwrap_or(0)])
}
