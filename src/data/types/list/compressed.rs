//! A listpack that is kept compressed (LZF, as in a snapshot), because it is far from the ends of its list.

use super::super::listpack::Listpack;

/// Shorter ones are left as they are: compressing takes 35 us and more whatever the length.
const SHORTEST: usize = 1024;

/// See the module's description.
#[derive(Debug)]
pub struct Compressed {
    bytes: Box<[u8]>,
    size: u32,
}

impl Compressed {
    /// The listpack, compressed; none: that would save less than an eighth.
    pub fn of(pack: &Listpack) -> Option<Compressed> {
        let bytes = pack.as_bytes();
        if bytes.len() < SHORTEST {
            return None;
        }
        let mut room = vec![0; bytes.len() - bytes.len() / 8];
        let length = lzf_rust::compress(bytes, &mut room).ok()?;
        Some(Compressed { bytes: room[..length].into(), size: bytes.len() as u32 })
    }

    /// The listpack.
    pub fn unpack(&self) -> Listpack {
        let bytes = lzf_rust::decompress_into_vec(&self.bytes, self.size());
        bytes.ok().and_then(Listpack::from_bytes).expect("it was compressed here")
    }

    /// Bytes of the listpack.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// The compressed bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}
