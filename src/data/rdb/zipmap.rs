//! The zipmap: what small hashes were before Redis 2.6. Only read; nothing here writes one.
//!
//! ```text
//! pairs: u8, 254 = not known | pair ... | 0xFF
//! pair: length, field, length, unused bytes: u8, value, unused      length: 1 byte, or 0xFE and 4
//! ```

const END: u8 = 0xFF;
const LONG: u8 = 0xFE;

/// A field and its value.
pub type Pair<'z> = (&'z [u8], &'z [u8]);

/// Its fields and values, if `bytes` are a zipmap to the last bit; an empty one is damaged, as Redis has it.
pub fn pairs(bytes: &[u8]) -> Option<Vec<Pair<'_>>> {
    let (&count, mut rest) = bytes.split_first()?;
    let mut pairs = Vec::new();
    while rest != [END] {
        let (field_length, tail) = length(rest)?;
        let (field, tail) = tail.split_at_checked(field_length)?;
        let (value_length, tail) = length(tail)?;
        let (&unused, tail) = tail.split_first()?;
        let (value, tail) = tail.split_at_checked(value_length)?;
        rest = tail.get(usize::from(unused)..)?;
        pairs.push((field, value));
    }
    (!pairs.is_empty() && (count == LONG || usize::from(count) == pairs.len())).then_some(pairs)
}

/// A length, and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [LONG, rest @ ..] => {
            let (long, rest) = rest.split_first_chunk()?;
            let long = u32::from_le_bytes(*long) as usize;
            (long >= usize::from(LONG)).then_some((long, rest))
        }
        [END, ..] | [] => None,
        [short, rest @ ..] => Some((usize::from(*short), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_and_values_are_read_and_unused_bytes_skipped() {
        let long = [&[LONG, 44, 1, 0, 0, 0][..], &[b'v'; 300]].concat();
        let bytes = [b"\x02\x01f\x02\x03v1...\x02ff", &long[..], &[END]].concat();
        assert_eq!(pairs(&bytes), Some(vec![(&b"f"[..], &b"v1"[..]), (b"ff", &[b'v'; 300])]));
        for damaged in
            [&b"\x01\xff"[..], b"\x00\xff", b"\x01\x01f\x01\x00", b"\x01\x01f\x01\x00v", b"\x01\x09f\x01\x00v\xff", b""]
        {
            assert_eq!(pairs(damaged), None, "{damaged:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            bytes.push(END);
            pairs(&bytes);
        }
    }
}
