//! Inline commands: a line of words as a person types it, with Redis's quoting. The slow path.

/// Splits a line into its arguments; `None` when a quote does not end, or ends inside a word.
///
/// Between double quotes `\xHH` is a byte, `\n \r \t \b \a` are control characters, and a backslash
/// before anything else stands for that byte. Between single quotes only `\'` is special. The lines
/// of redis.conf have the same grammar. Source: Redis `sdssplitargs`.
pub fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut args = Vec::new();
    let mut rest = skip_blanks(line);
    while !rest.is_empty() {
        let (arg, after) = word(rest)?;
        args.push(arg);
        rest = skip_blanks(after);
    }
    Some(args)
}

/// The first word of `rest`, which starts with no blank, and what follows it.
/// A quote may open inside a word (`a"b c"` is one word) but must end with it.
fn word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let after = loop {
        match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t', ..] => break rest,
            [b'"', quoted @ ..] => break double_quoted(quoted, &mut word)?,
            [b'\'', quoted @ ..] => break single_quoted(quoted, &mut word)?,
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    };
    Some((word, after))
}

/// Unquotes up to the closing `"` and returns what follows it.
fn double_quoted<'l>(mut rest: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        let (byte, after) = match rest {
            [b'"', after @ ..] => return ends_word(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), after)
            }
            [b'\\', escaped, after @ ..] => (control(*escaped), after),
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        word.push(byte);
        rest = after;
    }
}

/// Unquotes up to the closing `'` and returns what follows it.
fn single_quoted<'l>(mut rest: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        let (byte, after) = match rest {
            [b'\'', after @ ..] => return ends_word(after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        word.push(byte);
        rest = after;
    }
}

/// A closing quote must be followed by a blank or nothing.
fn ends_word(after: &[u8]) -> Option<&[u8]> {
    after.first().is_none_or(is_blank).then_some(after)
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    &line[line.iter().position(|byte| !is_blank(byte)).unwrap_or(line.len())..]
}

/// C's `isspace`.
fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn control(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::split_args;

    fn split(line: &str) -> Option<Vec<Vec<u8>>> {
        split_args(line.as_bytes())
    }

    fn words(words: &[&str]) -> Option<Vec<Vec<u8>>> {
        Some(words.iter().map(|word| word.as_bytes().to_vec()).collect())
    }

    #[test]
    fn blanks_of_any_kind_separate_words() {
        assert_eq!(split(" \t set  a\tb \x0b\x0c"), words(&["set", "a", "b"]));
        assert_eq!(split(""), words(&[]));
    }

    #[test]
    fn double_quotes_know_escapes() {
        assert_eq!(split_args(br#""\x41\xff\n\r\t\b\a\\\"\q\xg""#), Some(vec![b"A\xff\n\r\t\x08\x07\\\"qxg".to_vec()]));
    }

    #[test]
    fn single_quotes_know_only_themselves() {
        assert_eq!(split(r"'a\'b\n' c"), words(&["a'b\\n", "c"]));
    }

    #[test]
    fn a_quote_may_open_inside_a_word() {
        assert_eq!(split(r#"a"b c" """#), words(&["ab c", ""]));
    }

    #[test]
    fn a_quote_that_does_not_end_or_ends_inside_a_word_is_refused() {
        for line in [r#""a"#, "'a", r#""a"b"#, "'a'b", r#""a\"#, r#"""""#] {
            assert_eq!(split(line), None, "{line}");
        }
    }
}
