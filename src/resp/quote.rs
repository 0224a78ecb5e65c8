//! Quoting a word for a configuration line or MONITOR, so that [`split_args`](super::inline::split_args) reads it back.

/// `text` in double quotes, with escapes for all that is not printable.
pub fn quote(text: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in text {
        match byte {
            b'\\' | b'"' => quoted.extend([b'\\', *byte]),
            b'\n' => quoted.extend(b"\\n"),
            b'\r' => quoted.extend(b"\\r"),
            b'\t' => quoted.extend(b"\\t"),
            0x07 => quoted.extend(b"\\a"),
            0x08 => quoted.extend(b"\\b"),
            b' '..=b'~' => quoted.push(*byte),
            _ => quoted.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::inline::split_args;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_printable_is_escaped() {
        assert_eq!(quote(b"a \"b\"\\\n\x01\xff"), br#""a \"b\"\\\n\x01\xff""#);
    }

    proptest! {
        #[test]
        fn what_is_quoted_splits_back(word in proptest::collection::vec(any::<u8>(), 0..32)) {
            prop_assert_eq!(split_args(&quote(&word)).unwrap(), vec![word]);
        }
    }
}
