//! A node starts, ends and refuses to start with a clear word and the right exit code.

mod common;

use common::Node;
use std::fs;

/// The node must give up, and say each of `words`.
fn assert_refused(args: &[&str], words: &[&str]) {
    let (status, log) = Node::refused(args);
    assert!(!status.success(), "started and ended well with {args:?}\n{log}");
    assert!(status.code().is_some(), "ended by a signal, {status}\n{log}");
    assert!(!log.contains("panicked"), "a panic is no message\n{log}");
    for word in words {
        assert!(log.to_lowercase().contains(&word.to_lowercase()), "does not say {word:?}\n{log}");
    }
}

#[test]
fn a_port_in_use_is_refused() {
    let first = Node::start(&[]);
    let port = first.port().to_string();
    assert_refused(&["--port", &port], &["address already in use", &port]);
    // Redis's test programs, for which a node with `PID:` in its log has its port, try another one at these words.
    let log = Node::refused(&["--port", &port]).1;
    assert!(log.contains("Failed listening on port") && !log.contains(" PID: "), "{log}");
    assert_eq!(first.connect().call(&["PING"]), "+PONG\r\n");
}

#[test]
fn a_core_port_in_use_is_refused() {
    let first = Node::start_cluster(&["--data-cores", "2"]);
    let taken = first.core_port(1).to_string();
    let refused =
        ["--cluster-enabled", "yes", "--data-cores", "2", "--core-port-base", &first.core_port(1).to_string()];
    assert_refused(&refused, &["address already in use", &taken]);
    assert_eq!(first.connect().call(&["PING"]), "+PONG\r\n");
}

#[test]
fn a_missing_configuration_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("no-such.conf");
    let path = path.to_str().expect("a name");
    let (status, log) = Node::refused_with_file(path);
    assert!(!status.success() && log.contains(path), "{status}\n{log}");
}

#[test]
fn an_unreadable_configuration_is_refused() {
    // A folder in place of a file: root could read a file whatever its mode.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a name");
    let (status, log) = Node::refused_with_file(path);
    assert!(!status.success() && log.contains(path), "{status}\n{log}");
}

#[test]
fn a_configuration_that_is_no_text_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("binary.conf");
    fs::write(&path, b"port \xff\xfe\x00\n").expect("a file");
    let (status, log) = Node::refused_with_file(path.to_str().expect("a name"));
    assert!(status.code().is_some_and(|code| code != 0) && !log.contains("panicked"), "{status}\n{log}");
}

#[test]
fn an_unknown_directive_is_named() {
    assert_refused(&["--no-such-directive", "1"], &["no-such-directive"]);
}

#[test]
fn a_value_that_cannot_be_is_named() {
    assert_refused(&["--databases", "0"], &["databases"]);
    assert_refused(&["--appendonly", "perhaps"], &["appendonly"]);
    assert_refused(&["--maxmemory", "much"], &["maxmemory"]);
    assert_refused(&["--port", "65536"], &["port"]);
    assert_refused(&["--data-cores", "many"], &["data-cores"]);
}

#[test]
fn a_directive_in_a_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.conf");
    fs::write(&path, "# a comment\nmaxclients 100\nno-such-directive 1\n").expect("a file");
    let (status, log) = Node::refused_with_file(path.to_str().expect("a name"));
    assert!(!status.success() && log.contains("no-such-directive") && log.contains('3'), "{status}\n{log}");
}

#[test]
fn a_file_and_the_command_line_both_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.conf");
    fs::write(&path, "maxclients 123\ntimeout 77\n").expect("a file");
    let node = Node::start_with_file(path.to_str().expect("a name"), &["--timeout", "88"]);
    let mut client = node.connect();
    assert_eq!(client.call(&["CONFIG", "GET", "maxclients"]), "*2\r\n$10\r\nmaxclients\r\n$3\r\n123\r\n");
    assert_eq!(client.call(&["CONFIG", "GET", "timeout"]), "*2\r\n$7\r\ntimeout\r\n$2\r\n88\r\n");
}

#[test]
fn two_nodes_do_not_share_one_nodes_conf() {
    let first = Node::start(&["--cluster-enabled", "yes"]);
    let folder = first.folder().to_str().expect("a name");
    assert_refused(&["--cluster-enabled", "yes", "--dir", folder], &["nodes.conf"]);
    assert_eq!(first.connect().call(&["PING"]), "+PONG\r\n");
}

#[test]
fn a_node_keeps_its_name_and_slots_over_a_restart() {
    let mut first = Node::start(&["--cluster-enabled", "yes"]);
    let mut client = first.connect();
    let name = client.call(&["CLUSTER", "MYID"]);
    assert_eq!(client.call(&["CLUSTER", "ADDSLOTSRANGE", "0", "99", "200", "299"]), "+OK\r\n");
    assert!(first.terminate().success());
    let folder = first.folder().to_str().expect("a name").to_string();
    let second = Node::start(&["--cluster-enabled", "yes", "--dir", &folder]);
    let mut client = second.connect();
    assert_eq!(client.call(&["CLUSTER", "MYID"]), name);
    assert!(client.call(&["CLUSTER", "NODES"]).contains(" 0-99 200-299"));
}

#[test]
fn a_broken_nodes_conf_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("nodes.conf"), "this is no node\n").expect("a file");
    let dir = folder.path().to_str().expect("a name");
    assert_refused(&["--cluster-enabled", "yes", "--dir", dir], &["nodes.conf"]);
}

#[test]
fn a_missing_folder_is_refused() {
    assert_refused(&["--dir", "/no/such/folder"], &["/no/such/folder"]);
}

#[test]
fn sigterm_ends_the_node_cleanly() {
    for cores in ["1", "3"] {
        let mut node = Node::start(&["--data-cores", cores]);
        let client = node.connect();
        let status = node.terminate();
        assert!(status.success(), "{status}\n{}", node.log());
        assert_eq!(client.read_to_end(), "");
    }
}

#[test]
fn sigint_ends_the_node_cleanly() {
    let mut node = Node::start(&["--data-cores", "2"]);
    node.signal("INT");
    assert!(node.wait().success());
}

#[test]
fn shutdown_ends_the_node_cleanly() {
    for how in [&["SHUTDOWN"][..], &["SHUTDOWN", "NOSAVE"]] {
        let mut node = Node::start(&["--data-cores", "2"]);
        let mut client = node.connect();
        assert!(client.try_call(how).is_err(), "a clean SHUTDOWN gives no reply");
        assert!(node.wait().success());
    }
}
