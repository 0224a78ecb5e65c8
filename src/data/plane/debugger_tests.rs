//! Scripts that are debugged, of clients of a node with several cores.

use super::testing::{Connection, Node, encode};
use crate::contract::settings::Settings;

const SCRIPT: &str =
    "redis.call('set',KEYS[1],'new')\nredis.call('rpush',KEYS[2],'x')\nreturn\tredis.call('get',KEYS[1])";

/// A node of three cores with two keys, and a client whose script stands still before its first line.
fn stopped(how: &str) -> (Node, Connection, Connection) {
    let mut node = Node::new(3, 7, Settings::default());
    let (user, other) = (node.connect(0), node.connect(1));
    node.call(other, "SET a old PX 100000");
    assert_eq!(node.call(user, &format!("SCRIPT DEBUG {how}")), "+OK\r\n");
    let stop = node.call(user, &format!("EVAL {SCRIPT} 2 a b"));
    assert_eq!(stop, "*2\r\n+* Stopped at 1, stop reason = step over\r\n+-> 1   redis.call('set',KEYS[1],'new')\r\n");
    (node, user, other)
}

#[test]
fn what_a_debugged_script_changes_stays_or_is_undone() {
    for (how, value, list) in [("SYNC", "$3\r\nnew\r\n", ":1\r\n"), ("YES", "$3\r\nold\r\n", ":0\r\n")] {
        let (mut node, user, other) = stopped(how);
        let step = node.call(user, "step");
        assert!(step.starts_with("*4\r\n+<redis> set a new\r\n+<reply> \"+OK\"\r\n+* Stopped at 2"), "{step}");
        assert_eq!(node.call(user, "continue"), "*1\r\n+<endsession>\r\n$3\r\nnew\r\n");
        assert_eq!(node.call(other, "GET a"), value);
        assert_eq!(node.call(other, "LLEN b"), list);
        let deadline = node.call(other, "PTTL a");
        assert_eq!(deadline, if how == "YES" { ":100000\r\n" } else { ":-1\r\n" });
        node.assert_at_rest();
    }
}

#[test]
fn others_wait_until_the_user_is_done_or_gone() {
    let (mut node, user, other) = stopped("SYNC");
    assert_eq!(node.call(other, "GET a"), "");
    let shown = node.call(user, "print KEYS");
    assert_eq!(shown, "*1\r\n+<value> {\"a\"; \"b\"}\r\n");
    node.disconnect(user);
    node.pass(1);
    node.settle();
    assert_eq!(node.take_replies(other), b"$3\r\nnew\r\n");
    node.assert_at_rest();
}

#[test]
fn a_script_that_can_not_begin_ends_its_session() {
    let mut node = Node::new(1, 7, Settings::default());
    let user = node.connect(0);
    node.call(user, "SCRIPT DEBUG YES");
    let refused = node.call(user, "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0");
    assert_eq!(refused, "-ERR Please use EVAL instead of EVALSHA for debugging\r\n");
    node.send(user, &encode("EVAL return\t{ 0"));
    node.settle();
    let told = node.take_replies(user);
    assert!(told.starts_with(b"*1\r\n+<endsession>\r\n-ERR Error compiling script"), "{}", told.escape_ascii());
    node.assert_at_rest();
}
