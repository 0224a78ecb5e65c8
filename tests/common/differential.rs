//! Compares a node with redis-server, reply by reply and byte by byte.

use super::Node;
use super::client::{Client, Raw};
use std::collections::BTreeMap;

/// Runs `script` on redis-server and on nodes of 1 and 3 data cores, and fails with every reply that differs.
///
/// One command a line, words as redis-cli takes them (quotes, `\xff`). `2> GET k` uses a second connection, `!` before
/// a command runs it without comparing the reply, `#` starts a comment.
pub fn assert_same(script: &str) {
    let oracle = run(&Node::redis(&[]), script);
    for cores in ["1", "3"] {
        let replies = run(&Node::start(&["--data-cores", cores]), script);
        fail_on_differences(&format!("standalone, {cores} data cores"), &oracle, &replies);
    }
}

/// Like [`assert_same`], with cluster nodes that own every slot.
pub fn assert_same_in_cluster(script: &str) {
    let oracle = run(&Node::redis_cluster(&[]), script);
    for cores in ["1", "3"] {
        let replies = run(&Node::start_cluster(&["--data-cores", cores]), script);
        fail_on_differences(&format!("cluster, {cores} data cores"), &oracle, &replies);
    }
}

/// A line of the script with its reply; none where the reply is not compared.
type Answered = (String, Option<Raw>);

fn run(node: &Node, script: &str) -> Vec<Answered> {
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let answer = |line: &str| {
        let (connection, command) = line.split_once("> ").filter(|(id, _)| is_number(id)).unwrap_or(("1", line));
        let (compared, command) = command.strip_prefix('!').map_or((true, command), |rest| (false, rest));
        let client = clients.entry(connection.to_string()).or_insert_with(|| node.connect());
        let reply = client.call(&words(command));
        (line.to_string(), compared.then_some(reply))
    };
    lines.map(answer).collect()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn fail_on_differences(what: &str, oracle: &[Answered], replies: &[Answered]) {
    let differences: Vec<String> = oracle
        .iter()
        .zip(replies)
        .filter(|(expected, found)| expected.1 != found.1)
        .map(|(expected, found)| format!("  {}\n    redis: {:?}\n    node:  {:?}", expected.0, expected.1, found.1))
        .collect();
    assert!(differences.is_empty(), "{what}: {} replies differ\n{}", differences.len(), differences.join("\n"));
}

/// Sends `input` over a connection of its own to both servers, and fails if what comes back differs. QUIT and the end of
/// the stream follow the input, so that the connection ends whatever the servers make of it; what was asked before
/// that must be answered all the same.
pub fn assert_same_bytes(redis: &Node, node: &Node, input: &[u8]) {
    let [expected, found] = [redis, node].map(|server| {
        let mut client = server.connect();
        // A server that has closed the connection already may refuse the rest.
        let _ = client.try_send(&[input, b"*1\r\n$4\r\nQUIT\r\n"].concat());
        client.half_close();
        client.read_to_end()
    });
    assert!(expected == found, "input {:?}\n  redis: {expected:?}\n  node:  {found:?}", Raw(input.to_vec()));
}

/// Splits a line into words as redis-cli does: blanks part them, double quotes hold `\n`, `\xff` and the like.
fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_word(quoted),
            None => {
                let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
                (word.as_bytes().to_vec(), after)
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// The word up to the closing quote, and what follows it.
fn quoted_word(text: &str) -> (Vec<u8>, &str) {
    let mut word = Vec::new();
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return (word, &text[at + 1..]),
            b'\\' => match bytes.next().expect("a character after the backslash").1 {
                b'n' => word.push(b'\n'),
                b'r' => word.push(b'\r'),
                b't' => word.push(b'\t'),
                b'x' => {
                    let code = u8::from_str_radix(&text[at + 2..at + 4], 16).expect("two hexadecimal digits");
                    word.push(code);
                    bytes.nth(1);
                }
                other => word.push(other),
            },
            _ => word.push(byte),
        }
    }
    panic!("a quote is not closed: {text}");
}
