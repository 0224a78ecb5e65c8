//! The one helper that starts real nodes for the tests.
//!
//! [`Node::start`] runs this package's program, [`Node::redis`] the real redis-server to compare with. Each node has a
//! folder and a block of ports of its own, so any number of tests may run at once; dropping it ends exactly that child
//! process, and a test that fails shows the node's log. `CORESLOT=/path` tests another build of the program.
#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

pub mod client;
pub mod differential;

use client::Client;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a node may take to start or to end before a test gives up; far more than it needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server with a folder and ports of its own.
pub struct Node {
    child: Child,
    ports: Ports,
    folder: TempDir,
}

impl Node {
    /// Starts this package's program with `args` after the port, and waits until it answers.
    pub fn start(args: &[&str]) -> Node {
        Node::spawn(&program(), Ports::reserve(), args).ready()
    }

    /// Starts the real redis-server, and waits until it answers.
    pub fn redis(args: &[&str]) -> Node {
        Node::spawn("redis-server", Ports::reserve(), args).ready()
    }

    /// Starts this package's program as a cluster of one that serves every slot, with core ports.
    pub fn start_cluster(args: &[&str]) -> Node {
        let ports = Ports::reserve();
        let core_ports = ports.core_base().to_string();
        let own = ["--cluster-enabled", "yes", "--core-port-base", core_ports.as_str()];
        let node = Node::spawn(&program(), ports, &[&own[..], args].concat()).ready();
        node.serve_all_slots();
        node
    }

    /// Starts the real redis-server as a cluster of one that serves every slot.
    pub fn redis_cluster(args: &[&str]) -> Node {
        let node = Node::redis(&[&["--cluster-enabled", "yes"], args].concat());
        node.serve_all_slots();
        node
    }

    /// Starts this package's program with the configuration file `path`, then `args`.
    pub fn start_with_file(path: &str, args: &[&str]) -> Node {
        Node::spawn_with(&program(), &[path], Ports::reserve(), args).ready()
    }

    /// Starts this package's program with `args` that it cannot run with, and waits until it gives up: its exit status
    /// and what it printed.
    pub fn refused(args: &[&str]) -> (ExitStatus, String) {
        Node::spawn(&program(), Ports::reserve(), args).given_up()
    }

    /// Like [`Node::refused`], with a configuration file.
    pub fn refused_with_file(path: &str) -> (ExitStatus, String) {
        Node::spawn_with(&program(), &[path], Ports::reserve(), &[]).given_up()
    }

    fn given_up(mut self) -> (ExitStatus, String) {
        let status = self.wait();
        (status, self.log())
    }

    fn spawn(program: &str, ports: Ports, args: &[&str]) -> Node {
        Node::spawn_with(program, &[], ports, args)
    }

    /// `file` comes first, as redis-server takes it; a directive given twice counts as given last.
    fn spawn_with(program: &str, file: &[&str], ports: Ports, args: &[&str]) -> Node {
        let folder = TempDir::new().expect("a temporary folder");
        let child = launch(program, file, ports.base(), args, folder.path());
        Node { child, ports, folder }
    }

    /// Starts this package's program again, which has ended, with `args`, in the same folder and on the same ports.
    pub fn restart(&mut self, args: &[&str]) {
        self.child = launch(&program(), &[], self.port(), args, self.folder.path());
        self.await_ready();
    }

    fn ready(mut self) -> Node {
        self.await_ready();
        self
    }

    fn await_ready(&mut self) {
        let end = Instant::now() + PATIENCE;
        while !self.answers() {
            if let Some(status) = self.child.try_wait().expect("the child's state") {
                panic!("the node ended at its start, {status}");
            }
            assert!(Instant::now() < end, "the node does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port())).is_ok_and(|stream| {
            let reply = Client::over(stream).try_call(&["PING"]);
            // An error (NOAUTH) is an answer as well.
            reply.is_ok_and(|reply| !reply.starts_with(b"-LOADING"))
        })
    }

    fn serve_all_slots(&self) {
        let mut client = self.connect();
        assert_eq!(client.call(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "+OK\r\n");
        let end = Instant::now() + PATIENCE;
        while !client.call(&["CLUSTER", "INFO"]).contains("cluster_state:ok") {
            assert!(Instant::now() < end, "all slots are assigned, yet the cluster is not ok");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Makes one cluster of `nodes`, each started as a cluster node: the slots are spread evenly over the first
    /// `primaries`. Returns when all of them see it whole.
    pub fn form_cluster(nodes: &[&Node], primaries: usize) {
        for (number, node) in nodes.iter().enumerate() {
            let mut client = node.connect();
            assert_eq!(client.run(&format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1)), "+OK\r\n");
            if number < primaries {
                let (first, end) = (16384 * number / primaries, 16384 * (number + 1) / primaries);
                assert_eq!(client.run(&format!("CLUSTER ADDSLOTSRANGE {first} {}", end - 1)), "+OK\r\n");
            }
            if number > 0 {
                assert_eq!(client.run(&format!("CLUSTER MEET 127.0.0.1 {}", nodes[0].port())), "+OK\r\n");
            }
        }
        for node in nodes {
            let known = format!("cluster_known_nodes:{}\r\n", nodes.len());
            let mut client = node.connect();
            eventually("the cluster is whole", || {
                let info = client.run("CLUSTER INFO");
                info.contains(&known) && info.contains("cluster_state:ok")
            });
            eventually("all nodes are connected", || {
                let nodes = client.run("CLUSTER NODES");
                !nodes.contains("handshake") && !nodes.contains("disconnected")
            });
        }
    }

    /// A port that this node's test may use and nobody else has: the `number`th behind those of the cores.
    pub fn spare_port(&self, number: u16) -> u16 {
        assert!(number < 6);
        self.ports.base() + Ports::SIZE - 1 - number
    }

    /// The port for clients.
    pub fn port(&self) -> u16 {
        self.ports.base()
    }

    /// The port of data core `core`, of a node that was started by [`Node::start_cluster`].
    pub fn core_port(&self, core: u16) -> u16 {
        self.ports.core_base() + core
    }

    /// The address for client libraries.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port())
    }

    /// The node's folder, which is its working folder too.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        Client::connect(self.port())
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the node still runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("the child's state").is_none()
    }

    /// Sends SIGTERM and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name}");
    }

    /// Whether every thread of the process stands still: a signal reaches them one after the other.
    pub fn stands_still(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let state = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        threads.flatten().all(|thread| state(thread).rsplit(')').next().is_some_and(|rest| rest.starts_with(" T")))
    }

    /// Waits until the process has ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child's state") {
                return status;
            }
            assert!(Instant::now() < end, "the node does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// All that the node printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).expect("the log")).into_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the node on port {} ---\n{}---", self.port(), self.log());
        }
        // Only ever our own child; it may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(program: &str, file: &[&str], port: u16, args: &[&str], folder: &std::path::Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log file");
    let mut command = Command::new(program);
    command.args(file).args(["--port", &port.to_string(), "--save", "", "--appendonly", "no"]).args(args);
    command.current_dir(folder).stdin(Stdio::null());
    command.stdout(log.try_clone().expect("a second handle")).stderr(log);
    command.spawn().unwrap_or_else(|error| panic!("cannot start {program}: {error}"))
}

/// Waits until `condition` holds; fails with `what` if it never does.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// This package's program, or the one named by `CORESLOT`.
fn program() -> String {
    std::env::var("CORESLOT").unwrap_or_else(|_| env!("CARGO_BIN_EXE_coreslot").to_string())
}

/// A block of ports: the client port, the core ports after it, and the bus port 10000 above.
///
/// Tests run in several processes at once, so a block is reserved by holding the UDP socket of its first port: the
/// kernel gives it to one process only, and takes it back however that process ends. All ports lie below those that
/// the kernel gives to outgoing connections.
struct Ports {
    mark: UdpSocket,
}

impl Ports {
    const SIZE: u16 = 16;
    const BUS_OFFSET: u16 = 10000;

    fn reserve() -> Ports {
        let blocks = (11000..20900).step_by(usize::from(Ports::SIZE));
        // Start at different places, so that a port that was just given up rests a while.
        let first = std::process::id() as usize * 7 % blocks.len();
        for base in blocks.clone().skip(first).chain(blocks.take(first)) {
            let Ok(mark) = UdpSocket::bind(("127.0.0.1", base)) else { continue };
            let mut wanted = (base..base + Ports::SIZE).chain([base + Ports::BUS_OFFSET]);
            if wanted.all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
                return Ports { mark };
            }
        }
        panic!("no free block of ports between 11000 and 20900");
    }

    fn base(&self) -> u16 {
        self.mark.local_addr().expect("a bound socket").port()
    }

    fn core_base(&self) -> u16 {
        self.base() + 1
    }
}
