//! CONFIG SET takes effect at once on every core, or is refused.

mod common;

use common::client::Client;
use common::{Node, eventually};
use std::net::TcpStream;

#[test]
fn a_password_is_asked_of_those_who_come_after() {
    let node = Node::start(&["--data-cores", "3"]);
    let mut client = node.connect();
    assert_eq!(client.run("CONFIG SET requirepass secret"), "+OK\r\n");
    assert_eq!(client.run("PING"), "+PONG\r\n");
    for _ in 0..6 {
        let mut other = node.connect();
        assert_eq!(other.run("GET a"), "-NOAUTH Authentication required.\r\n");
        assert!(other.run("AUTH wrong").starts_with(b"-WRONGPASS "));
        assert_eq!(other.run("AUTH secret"), "+OK\r\n");
        assert_eq!(other.run("GET a"), "$-1\r\n");
    }
    assert_eq!(client.run("CONFIG SET requirepass "), "+OK\r\n");
    assert_eq!(node.connect().run("GET a"), "$-1\r\n");
}

#[test]
fn the_port_moves_and_connections_stay() {
    for cores in ["1", "3"] {
        let node = Node::start(&["--data-cores", cores]);
        let mut client = node.connect();
        let (old, new) = (node.port(), node.spare_port(0));
        assert_eq!(client.run(&format!("CONFIG SET port {new}")), "+OK\r\n");
        for _ in 0..6 {
            assert_eq!(Client::connect(new).run("PING"), "+PONG\r\n");
        }
        assert!(TcpStream::connect(("127.0.0.1", old)).is_err(), "the old port is closed");
        assert!(client.run("INFO server").contains(&format!("tcp_port:{new}\r\n")));
        assert_eq!(client.run(&format!("CONFIG SET port {old}")), "+OK\r\n");
        assert_eq!(node.connect().run("PING"), "+PONG\r\n");
    }
}

#[test]
fn a_port_that_cannot_be_had_is_refused_and_the_old_one_stays() {
    let (first, second) = (Node::start(&[]), Node::start(&[]));
    let mut client = second.connect();
    assert_eq!(
        client.run(&format!("CONFIG SET port {}", first.port())),
        "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.\r\n"
    );
    assert_eq!(client.run("CONFIG GET port").strings(), ["port".to_owned(), second.port().to_string()]);
    assert_eq!(second.connect().run("PING"), "+PONG\r\n");
}

#[test]
fn addresses_to_listen_on_change() {
    let node = Node::start_cluster(&["--data-cores", "2", "--bind", "127.0.0.1"]);
    let mut client = node.connect();
    let connects = |address: &str, port: u16| TcpStream::connect((address, port)).is_ok();
    assert!(!connects("127.0.0.2", node.port()));
    assert_eq!(client.call(&["CONFIG", "SET", "bind", "127.0.0.1 127.0.0.2"]), "+OK\r\n");
    for port in [node.port(), node.core_port(0), node.core_port(1)] {
        assert!(connects("127.0.0.1", port) && connects("127.0.0.2", port), "port {port}");
    }
    assert_eq!(
        client.run("CONFIG SET bind 198.51.100.1"),
        "-ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses.\r\n"
    );
    assert_eq!(Client::connect(node.core_port(1)).run("PING"), "+PONG\r\n");
}

#[test]
fn the_log_level_counts_at_once() {
    let node = Node::start(&["--loglevel", "warning"]);
    let mut client = node.connect();
    assert_eq!(client.run("CONFIG SET loglevel debug"), "+OK\r\n");
    client.run("CONFIG SET timeout 100");
    eventually("it is logged", || node.log().contains("timeout"));
}

#[test]
fn several_are_set_or_none() {
    let node = Node::start(&["--data-cores", "2"]);
    let mut client = node.connect();
    assert!(client.run("CONFIG SET maxclients 77 maxmemory nonsense").starts_with(b"-ERR CONFIG SET failed"));
    assert_eq!(client.run("CONFIG GET maxclients").strings(), ["maxclients", "10000"]);
    assert_eq!(client.run("CONFIG SET maxclients 77 maxmemory 1gb"), "+OK\r\n");
    assert_eq!(client.run("CONFIG GET maxclients").strings(), ["maxclients", "77"]);
    assert!(client.run("CONFIG SET databases 3").contains("can't set immutable config"));
}

#[test]
fn a_unix_socket_and_a_pid_file_live_as_long_as_the_node() {
    use std::os::unix::net::UnixStream;
    let mut node = Node::start(&["--data-cores", "3", "--unixsocket", "socket", "--pidfile", "pid"]);
    let socket = node.folder().join("socket");
    let folder = node.folder().to_owned();
    for _ in 0..6 {
        use std::io::{Read, Write};
        let mut stream = UnixStream::connect(&socket).expect("the Unix socket");
        stream.write_all(b"CLIENT INFO\r\nQUIT\r\n").expect("written");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("replies");
        assert!(text.contains(&format!(" addr={}:0 ", socket.display())) && text.ends_with("+OK\r\n"), "{text}");
    }
    assert!(std::fs::read_to_string(folder.join("pid")).is_ok_and(|pid| pid.trim().parse::<u32>().is_ok()));
    assert!(node.terminate().success());
    assert!(!folder.join("socket").exists() && !folder.join("pid").exists());
}
