//! CRC16 (XMODEM) eight bytes at a time. The `crc16` crate goes byte by byte, each waiting for the one
//! before it; it is the reference here, and serves keys too short for a step.

/// `TABLES[zeros][byte]` is the CRC of `byte` and that many zero bytes behind it.
static TABLES: [[u16; 256]; 8] = tables();

/// The CRC16 of `bytes`.
///
/// A CRC is linear, so that of eight bytes is the sum (xor) of eight looked up independently of each
/// other; what came before them is added to the first two. Zeros in front change nothing, so a length
/// that is no multiple of eight is filled up there.
#[inline]
pub fn crc16(bytes: &[u8]) -> u16 {
    let Some(first) = bytes.first_chunk() else { return crc16::State::<crc16::XMODEM>::calculate(bytes) };
    let (head, words) = bytes.as_rchunks::<8>();
    let mut crc = match head.len() {
        0 => 0,
        len => step(0, u64::from_be_bytes(*first) >> (64 - 8 * len)),
    };
    for word in words {
        crc = step(crc, u64::from_be_bytes(*word));
    }
    crc
}

#[inline]
fn step(crc: u16, word: u64) -> u16 {
    let word = word ^ u64::from(crc) << 48;
    (0..8).fold(0, |sum, zeros| sum ^ TABLES[zeros][(word >> (8 * zeros)) as usize & 0xff])
}

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut zeros = 0;
        while zeros < 8 {
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
                bit += 1;
            }
            tables[zeros][byte] = crc;
            zeros += 1;
        }
        byte += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn reference(bytes: &[u8]) -> u16 {
        crc16::State::<crc16::XMODEM>::calculate(bytes)
    }

    #[test]
    fn the_check_value_of_the_cluster_specification() {
        assert_eq!(super::crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn every_short_length_agrees_with_the_reference() {
        let bytes: Vec<u8> = (0..200u8).map(|byte| byte.wrapping_mul(151).wrapping_add(7)).collect();
        for len in 0..=bytes.len() {
            assert_eq!(super::crc16(&bytes[..len]), reference(&bytes[..len]), "{len}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_agree_with_the_reference(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(super::crc16(&bytes), reference(&bytes));
        }
    }
}
