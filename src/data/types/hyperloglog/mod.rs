//! The HyperLogLog: about how many different elements were added, in 12 KiB at most. Redis's own representation, byte
//! for byte, since clients can GET and SET it and it is dumped as it is.
//!
//! ```text
//! "HYLL" | encoding: 0 dense, 1 sparse | 3 zeroes | cached count: u64, top bit set = not valid | registers
//! ```
//!
//! An element's hash chooses one of 16384 registers, which keeps the longest run of zeroes seen in the rest of a hash.
//! Dense registers have 6 bits each ([`dense`]); sparse ones are runs ([`sparse`]). Bytes may come from anywhere: what is
//! read is checked, and what is wrong is [`Corrupt`].

pub mod dense;
pub mod sparse;

#[cfg(test)]
mod tests;

/// Bits of a hash that choose the register.
const INDEX_BITS: u32 = 14;
/// How many registers there are.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits of a hash in which zeroes are counted.
const RUN_BITS: u32 = 64 - INDEX_BITS;

const MAGIC: &[u8; 4] = b"HYLL";
const HEADER: usize = 16;
const CACHE: std::ops::Range<usize> = 8..16;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
const DENSE_SIZE: usize = HEADER + dense::SIZE;

/// The registers are not what their encoding says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// How registers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Six bits each.
    Dense,
    /// Runs.
    Sparse,
}

/// Whether `bytes` look like a HyperLogLog, and of which encoding. Sparse registers may be corrupt nevertheless.
pub fn encoding(bytes: &[u8]) -> Option<Encoding> {
    if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
        return None;
    }
    match bytes[4] {
        DENSE => (bytes.len() == DENSE_SIZE).then_some(Encoding::Dense),
        SPARSE => Some(Encoding::Sparse),
        _ => None,
    }
}

/// One that has seen nothing.
pub fn new() -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &[SPARSE, 0, 0, 0], &[0; 8]].concat();
    bytes.extend(sparse::EMPTY);
    bytes
}

/// The cached count of `bytes`, which look like a HyperLogLog; `None`: it is to be computed.
pub fn cached_count(bytes: &[u8]) -> Option<u64> {
    let cached = u64::from_le_bytes(bytes[CACHE].try_into().ok()?);
    (cached >> 63 == 0).then_some(cached)
}

/// Remembers a count.
pub fn set_cached_count(bytes: &mut [u8], count: u64) {
    bytes[CACHE].copy_from_slice(&count.to_le_bytes());
}

/// Says that the cached count does not hold any more.
pub fn forget_cached_count(bytes: &mut [u8]) {
    bytes[CACHE.end - 1] |= 0x80;
}

/// The registers' bytes.
pub fn registers(bytes: &[u8]) -> &[u8] {
    &bytes[HEADER..]
}

/// Adds an element to a dense one, where it is; whether it changed.
pub fn add_dense(bytes: &mut [u8], element: &[u8]) -> bool {
    let (index, run) = place(element);
    dense::raise(&mut bytes[HEADER..], index, run)
}

/// Adds an element; whether it changed. A sparse one becomes dense when it grows beyond `sparse_max` bytes.
pub fn add(bytes: &mut Vec<u8>, element: &[u8], sparse_max: usize) -> Result<bool, Corrupt> {
    let (index, run) = place(element);
    raise(bytes, index, run, sparse_max)
}

/// Makes a register at least `run`; whether it changed.
pub fn raise(bytes: &mut Vec<u8>, index: usize, run: u8, sparse_max: usize) -> Result<bool, Corrupt> {
    if bytes[4] == DENSE {
        return Ok(dense::raise(&mut bytes[HEADER..], index, run));
    }
    match sparse::raise(registers(bytes), index, run, sparse_max.saturating_sub(HEADER))? {
        sparse::Raised::Same => return Ok(false),
        sparse::Raised::Registers(new) => {
            bytes.truncate(HEADER);
            bytes.extend(new);
        }
        sparse::Raised::TooLarge => {
            make_dense(bytes)?;
            dense::raise(&mut bytes[HEADER..], index, run);
        }
    }
    forget_cached_count(bytes);
    Ok(true)
}

/// Makes a sparse one dense. The cached count stays.
pub fn make_dense(bytes: &mut Vec<u8>) -> Result<(), Corrupt> {
    if bytes[4] == DENSE {
        return Ok(());
    }
    let mut wide = [0; dense::SIZE];
    let mut index = 0;
    for run in sparse::runs(registers(bytes)) {
        let run = run?;
        for _ in 0..run.length {
            dense::raise(&mut wide, index, run.value);
            index += 1;
        }
    }
    bytes.truncate(HEADER);
    bytes[4] = DENSE;
    bytes.extend(wide);
    Ok(())
}

/// Raises `most` to the registers of `bytes`, which look like a HyperLogLog.
pub fn merge_into(most: &mut [u8; REGISTERS], bytes: &[u8]) -> Result<(), Corrupt> {
    if bytes[4] == DENSE {
        let registers = registers(bytes);
        most.iter_mut().enumerate().for_each(|(index, most)| *most = (*most).max(dense::get(registers, index)));
        return Ok(());
    }
    // All is checked before anything is changed.
    sparse::runs(registers(bytes)).try_for_each(|run| run.map(drop))?;
    let mut index = 0;
    for run in sparse::runs(registers(bytes)).flatten() {
        most[index..index + run.length].iter_mut().for_each(|most| *most = (*most).max(run.value));
        index += run.length;
    }
    Ok(())
}

/// About how many different elements were added to `bytes`, which look like a HyperLogLog.
pub fn count(bytes: &[u8]) -> Result<u64, Corrupt> {
    let mut histogram = [0; 64];
    if bytes[4] == DENSE {
        (0..REGISTERS).for_each(|index| histogram[usize::from(dense::get(registers(bytes), index))] += 1);
    } else {
        for run in sparse::runs(registers(bytes)) {
            let run = run?;
            histogram[usize::from(run.value)] += run.length as u32;
        }
    }
    Ok(estimate(&histogram))
}

/// The same for registers of a byte each.
pub fn count_registers(registers: &[u8; REGISTERS]) -> u64 {
    let mut histogram = [0; 64];
    registers.iter().for_each(|register| histogram[usize::from(register & 63)] += 1);
    estimate(&histogram)
}

/// The register of an element, and the run of zeroes it brings there, the one that ends it included.
fn place(element: &[u8]) -> (usize, u8) {
    const SEED: u64 = 0xadc8_3b19;
    let hash = murmur64a(element, SEED);
    // A bit that is always set ends the longest run.
    let rest = hash >> INDEX_BITS | 1 << RUN_BITS;
    (hash as usize & (REGISTERS - 1), rest.trailing_zeros() as u8 + 1)
}

/// MurmurHash2, its 64-bit variant A: a hash that all who share the representation must share.
fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let mut word = u64::from_le_bytes(word.try_into().expect("chunks are of eight")).wrapping_mul(M);
        word ^= word >> R;
        hash = (hash ^ word.wrapping_mul(M)).wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(M);
    }
    hash = (hash ^ hash >> R).wrapping_mul(M);
    hash ^ hash >> R
}

/// The count by how many registers have each value. Source: Otmar Ertl, "New cardinality estimation algorithms for
/// HyperLogLog sketches", arXiv:1702.01284.
fn estimate(histogram: &[u32; 64]) -> u64 {
    /// 0.5 / ln 2.
    const ALPHA: f64 = 0.721_347_520_444_481_7;
    let registers = REGISTERS as f64;
    let longest = RUN_BITS as usize + 1;
    let mut z = registers * tau((registers - f64::from(histogram[longest])) / registers);
    for value in histogram[1..longest].iter().rev() {
        z = (z + f64::from(*value)) * 0.5;
    }
    z += registers * sigma(f64::from(histogram[0]) / registers);
    (ALPHA * registers * registers / z).round() as u64
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
