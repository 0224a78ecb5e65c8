//! Glob patterns, as KEYS, SCAN MATCH, PSUBSCRIBE and CONFIG GET read them. Pure functions.
//!
//! `*` any bytes, `?` one byte, `[abc]`, `[a-z]`, `[^a]` one byte of a class, `\` takes the next byte
//! as it is. Facts that surprise are Redis's own: a class that is never closed ends with the pattern,
//! and class ranges compare bytes as signed.

use crate::base::limits;

/// Whether letters match regardless of their (ASCII) case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `a` is not `A`: keys, channels.
    Sensitive,
    /// `a` is `A`: names of directives and commands.
    Insensitive,
}

/// Whether `pattern` matches all of `text`.
///
/// Only the last `*` is ever tried again, since an earlier one could not do better; so the cost is at
/// most the product of the two lengths, for hostile patterns too. As in Redis, a text that needs more than
/// [`MAX_STARS`](limits::MAX_STARS) of them does not match.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on when a byte does not match: behind the last `*`, which then swallows one byte more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    let mut stars = 0;
    loop {
        match (pattern, text) {
            ([b'*', rest @ ..], _) => {
                let rest = &rest[rest.iter().take_while(|byte| **byte == b'*').count()..];
                if rest.is_empty() {
                    return true;
                }
                stars += 1;
                if stars > limits::MAX_STARS {
                    return false;
                }
                pattern = rest;
                retry = Some((rest, text));
                continue;
            }
            ([], []) => return true,
            ([_, ..], [byte, after @ ..]) => {
                if let Some(rest) = step(pattern, *byte, case) {
                    (pattern, text) = (rest, after);
                    continue;
                }
            }
            _ => {}
        }
        match retry {
            Some((behind, [_, shorter @ ..])) => {
                retry = Some((behind, shorter));
                (pattern, text) = (behind, shorter);
            }
            _ => return false,
        }
    }
}

/// The rest of `pattern` if its first element, not a `*`, matches `byte`.
fn step(pattern: &[u8], byte: u8, case: Case) -> Option<&[u8]> {
    match pattern {
        [b'?', rest @ ..] => Some(rest),
        [b'[', class @ ..] => {
            let (inside, rest) = in_class(class, byte, case);
            inside.then_some(rest)
        }
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => same(*literal, byte, case).then_some(rest),
        [] => None,
    }
}

/// Whether `byte` is in the class that starts behind its `[`, and the pattern behind the class.
fn in_class(class: &[u8], byte: u8, case: Case) -> (bool, &[u8]) {
    let (negated, mut class) = match class {
        [b'^', rest @ ..] => (true, rest),
        class => (false, class),
    };
    let mut found = false;
    loop {
        class = match class {
            [] => return (found != negated, class),
            [b'\\', literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
            [b']', rest @ ..] => return (found != negated, rest),
            [low, b'-', high, rest @ ..] => {
                found |= in_range(*low, *high, byte, case);
                rest
            }
            [literal, rest @ ..] => {
                found |= same(*literal, byte, case);
                rest
            }
        }
    }
}

fn in_range(low: u8, high: u8, byte: u8, case: Case) -> bool {
    let [low, high, byte] = [low, high, byte].map(|byte| fold(byte, case) as i8);
    (low.min(high)..=low.max(high)).contains(&byte)
}

fn same(a: u8, b: u8, case: Case) -> bool {
    fold(a, case) == fold(b, case)
}

fn fold(byte: u8, case: Case) -> u8 {
    match case {
        Case::Sensitive => byte,
        Case::Insensitive => byte.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive)
    }

    #[test]
    fn stars_and_question_marks_stand_for_any_bytes() {
        for (pattern, text) in
            [("*", "x"), ("*", ""), ("h?llo", "hello"), ("h*o", "ho"), ("*a*b*", "xxaxxb"), ("a**", "a")]
        {
            assert!(keys(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("h?llo", "hllo"), ("h*o", "hop"), ("?", ""), ("", "a"), ("a*b", "a")] {
            assert!(!keys(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn classes_hold_bytes_ranges_and_escapes() {
        for (pattern, text) in
            [("h[ae]llo", "hallo"), ("[a-c]", "b"), ("[c-a]", "b"), ("[^a]", "b"), ("[\\]]", "]"), ("[ab", "b")]
        {
            assert!(keys(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("h[^ae]llo", "hello"), ("[]", "a"), ("[a-", "c"), ("[\\]]", "\\"), ("[", "[")] {
            assert!(!keys(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_backslash_takes_the_next_byte_as_it_is_and_itself_at_the_end() {
        assert!(keys("a\\*", "a*") && !keys("a\\*", "ab") && keys("a\\", "a\\") && keys("\\?\\[", "?["));
    }

    #[test]
    fn case_counts_only_where_asked() {
        assert!(matches(b"MAX*[A-C]", b"maxmemory-b", Case::Insensitive));
        assert!(!matches(b"MAX*", b"maxmemory", Case::Sensitive));
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_the_product_of_the_lengths() {
        let pattern = "a*".repeat(2000) + "b";
        assert!(!keys(&pattern, &"a".repeat(4000)));
    }

    proptest! {
        #[test]
        fn every_text_matches_itself_when_escaped(text: Vec<u8>) {
            let pattern: Vec<u8> = text.iter().flat_map(|byte| [b'\\', *byte]).collect();
            prop_assert!(matches(&pattern, &text, Case::Sensitive));
        }

        #[test]
        fn no_pattern_panics(pattern: Vec<u8>, text: Vec<u8>) {
            matches(&pattern, &text, Case::Insensitive);
        }
    }
}
