//! The readers of each kind of value, and the forms that more than one word makes.

use super::{Refusal, Value, enterable, memory};
use crate::base::notify::Class;
use crate::contract::settings::OutputLimit;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Client classes in the order of `client-output-buffer-limit`, under the names CONFIG GET uses.
pub const CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

/// Addresses one node can be bound to. Source: Redis `CONFIG_BINDADDR_MAX`.
const MAX_ADDRESSES: usize = 16;

/// The highest CPU number that Linux can be built for.
const MAX_CPU: usize = 8191;

/// The letters of `notify-keyspace-events` in the order CONFIG GET writes them, those of `A` first.
const ALL_LETTERS: [(u8, Class); 10] = [
    (b'g', Class::GENERIC),
    (b'$', Class::STRING),
    (b'l', Class::LIST),
    (b's', Class::SET),
    (b'h', Class::HASH),
    (b'z', Class::ZSET),
    (b'x', Class::EXPIRED),
    (b'e', Class::EVICTED),
    (b't', Class::STREAM),
    (b'd', Class::MODULE),
];
const OTHER_LETTERS: [(u8, Class); 4] =
    [(b'n', Class::NEW), (b'K', Class::KEYSPACE), (b'E', Class::KEYEVENT), (b'm', Class::KEY_MISS)];

/// A decimal integer in the only form Redis takes: no sign but `-`, no leading zero, no blank.
pub fn integer(word: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(word).ok()?;
    let number = text.parse::<i64>().ok()?;
    (itoa::Buffer::new().format(number) == text).then_some(number)
}

pub fn within(number: i128, min: i128, max: i128) -> Result<i128, Refusal> {
    if (min..=max).contains(&number) {
        return Ok(number);
    }
    Err(format!("argument must be between {min} and {max} inclusive").into())
}

pub fn yes_or_no(word: &[u8]) -> Result<Value, Refusal> {
    match word.to_ascii_lowercase().as_slice() {
        b"yes" => Ok(Value::Bool(true)),
        b"no" => Ok(Value::Bool(false)),
        _ => Err("argument must be 'yes' or 'no'".into()),
    }
}

pub fn octal(word: &[u8], min: i128, max: i128) -> Result<Value, Refusal> {
    let number = std::str::from_utf8(word).ok().and_then(|text| i64::from_str_radix(text, 8).ok());
    match number.map(i128::from) {
        None => Err("argument couldn't be parsed as an octal number".into()),
        Some(number) if (min..=max).contains(&number) => Ok(Value::Octal(number)),
        Some(_) => Err(format!("argument must be between {min:o} and {max:o} inclusive").into()),
    }
}

pub fn memory_or_percent(word: &[u8], max: i128) -> Result<Value, Refusal> {
    if let Some(bytes) = memory::read(word) {
        return within(bytes.into(), -100, max).map(Value::Number);
    }
    let percent = word.strip_suffix(b"%").and_then(integer).filter(|percent| *percent >= 0);
    match percent {
        None => Err("argument must be a memory or percent value".into()),
        Some(0) => Ok(Value::Number(0)),
        Some(percent @ 1..=100) => Ok(Value::Percent(percent as u8)),
        Some(_) => Err("percentage argument must be less or equal to 100".into()),
    }
}

pub fn choice(word: &[u8], known: &[&'static str]) -> Result<&'static str, Refusal> {
    let found = known.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(word));
    found.copied().ok_or_else(|| one_of(known))
}

/// Some of the `known` words, told in their order; the first of them is none of the others.
pub fn choices(words: &[&[u8]], known: &[&'static str]) -> Result<Value, Refusal> {
    if words.is_empty() {
        return Err(one_of(known));
    }
    let chosen = words.iter().map(|word| choice(word, known)).collect::<Result<Vec<_>, _>>()?;
    let (none, some) = known.split_at(1);
    let mut ordered: Vec<&str> = some.iter().copied().filter(|word| chosen.contains(word)).collect();
    if ordered.is_empty() {
        ordered.extend(none);
    }
    Ok(Value::Choices(ordered))
}

fn one_of(known: &[&str]) -> Refusal {
    format!("argument(s) must be one of the following: {}", known.join(", ")).into()
}

/// A directory, made absolute from the one it is changed from, so that it keeps its meaning.
pub fn directory(word: &[u8], old: Option<&Value>) -> Result<Value, Refusal> {
    let from = match old {
        Some(old) => Path::new(std::ffi::OsStr::from_bytes(old.bytes())).to_path_buf(),
        None => std::env::current_dir().unwrap_or_default(),
    };
    let path = from.join(std::ffi::OsStr::from_bytes(word));
    enterable(&path)?;
    let path = path.canonicalize().unwrap_or(path);
    Ok(Value::Text(path.into_os_string().into_vec()))
}

/// Save points, added to those of `old`; one empty word clears them.
pub fn save(words: &[&[u8]], old: Option<&Value>) -> Result<Value, Refusal> {
    const WRONG: &str = "Invalid save parameters";
    if matches!(words, [[]]) {
        return Ok(Value::Save(Vec::new()));
    }
    let mut points = match old {
        Some(Value::Save(points)) => points.clone(),
        _ => Vec::new(),
    };
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(WRONG.into());
    }
    for [seconds, changes] in pairs {
        match (signed(seconds), signed(changes)) {
            (Some(seconds @ 1..), Some(changes @ 0..)) => points.push((seconds, changes)),
            _ => return Err(WRONG.into()),
        }
    }
    Ok(Value::Save(points))
}

/// Limits of the classes that are named; the others stay as in `old`.
pub fn output_limits(words: &[&[u8]], old: Option<&Value>) -> Result<Value, Refusal> {
    let mut limits = match old {
        Some(Value::OutputLimits(limits)) => *limits,
        _ => Default::default(),
    };
    let (quadruples, rest) = words.as_chunks::<4>();
    if !rest.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for [class, hard, soft, seconds] in quadruples {
        let class = match class.to_ascii_lowercase().as_slice() {
            b"normal" => 0,
            b"slave" | b"replica" => 1,
            b"pubsub" => 2,
            _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
        };
        let (Some(hard), Some(soft), Some(seconds @ 0..)) = (memory::read(hard), memory::read(soft), signed(seconds))
        else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".into());
        };
        limits[class] = OutputLimit { hard, soft, soft_seconds: seconds as u64 };
    }
    Ok(Value::OutputLimits(limits))
}

pub fn oom_scores(words: &[&[u8]]) -> Result<Value, Refusal> {
    let Ok(words) = <[&[u8]; 3]>::try_from(words) else { return Err("wrong number of arguments".into()) };
    let scores = words.map(|word| signed(word).filter(|score| (-2000..=2000).contains(score)));
    match scores {
        [Some(primary), Some(replica), Some(child)] => Ok(Value::OomScores([primary, replica, child])),
        _ => Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000.".into()),
    }
}

pub fn notify(letters: &[u8]) -> Result<Value, Refusal> {
    let mut classes = Class::default();
    for letter in letters {
        let known = ALL_LETTERS.iter().chain(&OTHER_LETTERS).find(|(known, _)| known == letter);
        classes.0 |= match known {
            Some((_, class)) => class.0,
            None if *letter == b'A' => all_classes(),
            None => return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
        };
    }
    Ok(Value::Notify(classes))
}

pub fn notify_letters(classes: Class) -> String {
    let letters = |known: &[(u8, Class)]| -> String {
        known.iter().filter(|(_, class)| classes.contains(*class)).map(|(letter, _)| char::from(*letter)).collect()
    };
    if classes.0 & all_classes() != all_classes() {
        return letters(&ALL_LETTERS) + &letters(&OTHER_LETTERS);
    }
    // Redis leaves `n` out when it writes `A`, though `A` does not mean it.
    format!("A{}", letters(&OTHER_LETTERS[1..]))
}

fn all_classes() -> u32 {
    ALL_LETTERS.iter().fold(0, |all, (_, class)| all | class.0)
}

pub fn bind(words: &[&[u8]]) -> Result<Value, Refusal> {
    match words {
        [[]] => Ok(Value::Bind(Vec::new())),
        _ if words.len() > MAX_ADDRESSES => Err("Too many bind addresses specified.".into()),
        _ => Ok(Value::Bind(words.iter().map(|word| word.to_vec()).collect())),
    }
}

pub fn replica_of(words: &[&[u8]]) -> Result<Value, Refusal> {
    let (host, port) = match words {
        [[]] => return Ok(Value::ReplicaOf(None)),
        [host, port] => (*host, *port),
        _ => return Err("wrong number of arguments".into()),
    };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Value::ReplicaOf(None));
    }
    let port = signed(port).and_then(|port| u16::try_from(port).ok()).ok_or("Invalid master port")?;
    Ok(Value::ReplicaOf(Some((host.to_vec(), port))))
}

pub fn percentiles(words: &[&[u8]]) -> Result<Value, Refusal> {
    if matches!(words, [[]]) {
        return Ok(Value::Percentiles(Vec::new()));
    }
    let read = |word: &&[u8]| -> Result<f64, Refusal> {
        let number = std::str::from_utf8(word).ok().and_then(|text| text.parse::<f64>().ok());
        match number.filter(|number| !number.is_nan()) {
            None => Err("Invalid latency-tracking-info-percentiles parameters".into()),
            Some(number) if (0.0..=100.0).contains(&number) => Ok(number),
            Some(_) => Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into()),
        }
    };
    words.iter().map(read).collect::<Result<_, _>>().map(Value::Percentiles)
}

/// A number with at most six decimals and no zeros at its end.
pub fn decimal(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub fn cpu_list(list: &[u8]) -> Result<Vec<usize>, Refusal> {
    const WRONG: &str = "CPUs are numbers and ranges divided by commas, such as 0-3,6";
    let mut cpus = Vec::new();
    if list.is_empty() {
        return Ok(cpus);
    }
    for part in list.split(|byte| *byte == b',') {
        let text = std::str::from_utf8(part).map_err(|_| WRONG)?;
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else { return Err(WRONG.into()) };
        if first > last || last > MAX_CPU {
            return Err(WRONG.into());
        }
        cpus.extend(first..=last);
    }
    Ok(cpus)
}

/// A decimal integer with an optional sign.
fn signed(word: &[u8]) -> Option<i64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}
