//! Glob patterns as KEYS, SCAN, PSUBSCRIBE, CONFIG GET and COMMAND LIST understand them. Pure functions, owned by no
//! thread.
//!
//! `*` any bytes, `?` one byte, `[abc]` `[a-z]` `[^a]` one byte (not) of a class, `\x` the byte x itself. As in Redis:
//! a class without `]` ends with the pattern, the ends of a range may come in either order and compare as signed bytes,
//! an escaped byte inside a class keeps its case, and the empty text matches no pattern but the empty one.
//!
//! Every part of a pattern but `*` takes exactly one byte. So when a match fails, only the last `*` is worth
//! stretching: an earlier one would but leave less text for the same parts. That makes the time at most pattern
//! times text, without recursion.

/// Whether `pattern` matches all of `text`.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_folded(pattern, text, |byte| byte)
}

/// As [`matches()`], with ASCII letters equal to their other case.
pub fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_folded(pattern, text, |byte| byte.to_ascii_lowercase())
}

fn matches_folded(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut pattern, mut text) = (pattern, text);
    // What follows the last `*`, and the text from which it has been tried.
    let mut last_star: Option<(&[u8], &[u8])> = None;
    while let [byte, rest_of_text @ ..] = text {
        if let [b'*', rest @ ..] = pattern {
            if rest.is_empty() {
                return true;
            }
            pattern = rest;
            last_star = Some((pattern, text));
        } else if let Some(rest) = match_one(pattern, *byte, &fold) {
            (pattern, text) = (rest, rest_of_text);
        } else if let Some((after_star, tried)) = last_star {
            (pattern, text) = (after_star, &tried[1..]);
            last_star = Some((pattern, text));
        } else {
            return false;
        }
    }
    pattern.iter().all(|&byte| byte == b'*')
}

/// The rest of `pattern` if its first part, which is no `*`, matches `byte`.
#[inline]
fn match_one<'p>(pattern: &'p [u8], byte: u8, fold: &impl Fn(u8) -> u8) -> Option<&'p [u8]> {
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some(rest),
        [b'[', class @ ..] => match_class(class, byte, fold),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (fold(*literal) == fold(byte)).then_some(rest),
    }
}

/// As [`match_one`], for what follows a `[`.
fn match_class<'p>(class: &'p [u8], byte: u8, fold: &impl Fn(u8) -> u8) -> Option<&'p [u8]> {
    let (negated, mut class) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    let rest = loop {
        class = match class {
            [] => break class,
            [b'\\', literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
            [b']', rest @ ..] => break rest,
            [from, b'-', to, rest @ ..] => {
                let (from, to) = if (*from as i8) <= *to as i8 { (*from, *to) } else { (*to, *from) };
                found |= (fold(from) as i8..=fold(to) as i8).contains(&(fold(byte) as i8));
                rest
            }
            [literal, rest @ ..] => {
                found |= fold(*literal) == fold(byte);
                rest
            }
        };
    };
    (found != negated).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(matching: bool, cases: &[(&str, &str)]) {
        for (pattern, text) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), matching, "{pattern} {text}");
        }
    }

    #[test]
    fn stars_and_question_marks() {
        all(true, &[("*", "x"), ("a*", "a"), ("a**", "ab"), ("*a*b", "xaxbb"), ("h?llo", "hello"), ("", "")]);
        all(false, &[("a*", "b"), ("*a*b", "ba"), ("h?llo", "hllo"), ("?", ""), ("", "x"), ("a", "ab")]);
    }

    #[test]
    fn the_empty_text_matches_no_star() {
        all(false, &[("*", ""), ("**", "")]);
    }

    #[test]
    fn classes_ranges_and_their_negation() {
        all(true, &[("h[ae]llo", "hallo"), ("h[a-c]llo", "hbllo"), ("h[c-a]llo", "hbllo"), ("[^a]", "b")]);
        all(false, &[("h[ae]llo", "hillo"), ("h[a-c]llo", "hdllo"), ("[^a]", "a"), ("[]", "x")]);
    }

    #[test]
    fn a_class_without_end_ends_with_the_pattern() {
        all(true, &[("[abc", "b"), ("[^", "x"), ("[a-", "-"), ("[\\", "\\")]);
        all(false, &[("[", "["), ("[abc", "bx")]);
    }

    #[test]
    fn a_backslash_takes_the_next_byte_as_it_is() {
        all(true, &[("\\*", "*"), ("a\\", "a\\"), ("[\\]]", "]"), ("[a\\-z]", "-"), ("\\\\", "\\")]);
        all(false, &[("\\*", "x"), ("[a\\-z]", "b")]);
    }

    #[test]
    fn case_can_be_ignored() {
        assert!(matches_ignoring_case(b"CONFIG|*", b"config|get"));
        assert!(matches_ignoring_case(b"[A-C]", b"b"));
        assert!(!matches_ignoring_case(b"[\\A]", b"a"), "an escaped byte in a class keeps its case");
        assert!(!matches(b"A", b"a"));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = b"*a".repeat(500);
        let text = b"a".repeat(499);
        assert!(!matches(&[&pattern[..], b"b"].concat(), &text.repeat(20)));
    }

    /// The definition, by trying everything.
    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| by_definition(rest, &text[skip..])),
            (_, []) => pattern.is_empty(),
            (_, [byte, rest @ ..]) => {
                match_one(pattern, *byte, &|byte| byte).is_some_and(|pattern| by_definition(pattern, rest))
            }
        }
    }

    proptest! {
        #[test]
        fn stretching_only_the_last_star_is_enough(pattern in "[ab*?\\[\\]^\\\\-]{0,10}", text in "[ab\\]-]{1,10}") {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text), by_definition(pattern, text));
        }

        #[test]
        fn no_bytes_make_it_panic(pattern in any::<Vec<u8>>(), text in any::<Vec<u8>>()) {
            matches(&pattern, &text);
            matches_ignoring_case(&pattern, &text);
        }
    }
}
