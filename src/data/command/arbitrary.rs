//! Commands made up from the command table: arguments as the table documents them, and then some of them wrong.
//!
//! What is made is decided by bytes from outside, so that a property test can shrink them and a fuzzer can change them.

use super::spec::{self, Arg, Spec, doc};

/// Bytes that decide; where they end, everything is the first of what there is to choose from.
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Decides by `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Choices(bytes)
    }

    /// A number below `bound`.
    pub fn draw(&mut self, bound: usize) -> usize {
        match self.0 {
            [high, low, rest @ ..] => {
                self.0 = rest;
                (usize::from(*high) << 8 | usize::from(*low)) % bound
            }
            _ => 0,
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.draw(from.len())]
    }
}

/// Keys: one of each type that [`FILL`] makes, one that is missing, an empty one and one that needs hops.
const KEYS: &[&str] =
    &["string", "number", "list", "hash", "set", "ints", "zset", "stream", "bits", "hll", "missing", ""];

/// Makes a key of each type.
pub const FILL: &[&str] = &[
    "SET string abc",
    "SET number 10",
    "RPUSH list a b 1 2 3",
    "HSET hash a 1 b 2 f 1.5",
    "SADD set a b 1.5",
    "SADD ints 1 2 3",
    "GEOADD zset 13.36 38.11 a 15.08 37.5 b",
    "XADD stream 1-1 a 1",
    "XGROUP CREATE stream group 0",
    "XREADGROUP GROUP group a STREAMS stream >",
    "SET bits 12345678",
    "PFADD hll a b c",
];

/// Whole numbers, most of them near some edge. None asks for so much that an answer in full would take long.
const INTEGERS: &[&str] = &[
    "1",
    "0",
    "-1",
    "2",
    "3",
    "10",
    "-10",
    "63",
    "64",
    "255",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "01",
    "+1",
    " 1",
    "0x10",
    "1.5",
    "",
    "a",
];

/// Numbers with a fraction, and what is not one.
const DOUBLES: &[&str] = &[
    "1",
    "0",
    "-1",
    "1.5",
    "-0",
    "0.001",
    "3.0e3",
    "inf",
    "-inf",
    "+inf",
    "nan",
    "1e308",
    "-1e308",
    "1e-320",
    "1e999",
    "(1",
    "(inf",
    "9007199254740993",
    "0x1p3",
    ".5",
    "5.",
    "",
    "a",
    "1 ",
    "180",
    "90.1",
];

/// What is meant by nobody as a number.
const STRINGS: &[&str] = &[
    "a",
    "b",
    "1",
    "group",
    "",
    "*",
    "[a",
    "(a",
    "-",
    "+",
    "$",
    ">",
    "0",
    "1-1",
    "0-0",
    "18446744073709551615-1",
    "18446744073709551616-0",
    "-1-1",
    "return redis.call('get', KEYS[1])",
    "return {1, {2, {}}, 'x'}",
    "error('no')",
    "#!lua name=lib\nredis.register_function('f', function() return 1 end)",
    "f",
    "lib",
    "u8",
    "i64",
    "u64",
    "i65",
    "#1",
    "*->a",
    "#",
    "weight_*",
    "\0\x7f\n",
    "127.0.0.1",
    "string",
    "{string}1",
    "[a-",
    "\\",
    "[^]",
    "\u{0}\u{1}a\u{a}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}",
];

/// A call of `spec`'s command.
pub fn call(spec: &Spec, choices: &mut Choices<'_>) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = spec.full_name().split('|').map(|word| word.as_bytes().to_vec()).collect();
    let name = words.len();
    arguments(spec.doc().args, choices, &mut words);
    // Half of the calls are as documented.
    for _ in 0..choices.pick(&[0, 0, 0, 1, 2, 5]) {
        spoil(&mut words, name, choices);
    }
    words
}

/// The command that the choice falls on, of those that `has` says there are.
pub fn command(has: impl Fn(&Spec) -> bool, choices: &mut Choices<'_>) -> &'static Spec {
    let there: Vec<&Spec> = spec::all().iter().filter(|spec| has(spec)).collect();
    choices.pick(&there)
}

fn arguments(args: &[Arg], choices: &mut Choices<'_>, words: &mut Vec<Vec<u8>>) {
    for arg in args {
        if arg.flags & doc::OPTIONAL != 0 && choices.draw(2) == 0 {
            continue;
        }
        let times = if arg.flags & doc::MULTIPLE != 0 { choices.pick(&[1, 1, 2, 3, 20]) } else { 1 };
        for time in 0..times {
            let token = arg.token.filter(|_| time == 0 || arg.flags & doc::MULTIPLE_TOKEN != 0);
            words.extend(token.map(|token| token.as_bytes().to_vec()));
            match arg.kind {
                "pure-token" => {}
                "oneof" => {
                    arguments(std::slice::from_ref(&arg.members[choices.draw(arg.members.len())]), choices, words)
                }
                "block" => arguments(arg.members, choices, words),
                kind => words.push(value(kind, choices).into()),
            }
        }
    }
}

/// An argument of this type; seldom, of any other.
fn value(kind: &str, choices: &mut Choices<'_>) -> &'static str {
    let kind = if choices.draw(8) == 7 { choices.pick(&["key", "integer", "double", "string"]) } else { kind };
    choices.pick(match kind {
        "key" => KEYS,
        "integer" | "unix-time" => INTEGERS,
        "double" => DOUBLES,
        _ => STRINGS,
    })
}

/// One argument less, more or other.
fn spoil(words: &mut Vec<Vec<u8>>, name: usize, choices: &mut Choices<'_>) {
    let at = name + choices.draw(words.len() - name + 1);
    let kind = choices.pick(&["string", "integer", "double", "key"]);
    let new = value(kind, choices).into();
    match choices.draw(4) {
        0 if at < words.len() => drop(words.remove(at)),
        1 if at < words.len() => words.insert(at, words[at].clone()),
        2 if at < words.len() => words[at] = new,
        _ => words.insert(at, new),
    }
}
