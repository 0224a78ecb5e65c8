//! The two sides against each other, without a socket.

use super::*;
use crate::contract::introduction::Introduction;
use rand_xoshiro::rand_core::SeedableRng;
use std::collections::HashMap;

fn primary(sync_delay: u64) -> Replication {
    let options = Options {
        port: 7000,
        user: Vec::new(),
        password: Vec::new(),
        announce_ip: Vec::new(),
        announce_port: 0,
        timeout: 60_000,
        ping_period: 10_000,
        backlog_size: 1 << 20,
        backlog_ttl: 3_600_000,
        diskless: true,
        sync_delay,
        sync_replicas: 0,
        load: options::Load::Spooled,
        priority: 100,
        read_only: true,
        announced: true,
        min_replicas: 0,
        max_lag: 10,
        output_limit: crate::contract::settings::Settings::default().output_limit_replica,
    };
    let random = Xoshiro256PlusPlus::seed_from_u64(1);
    Replication::new(options, 1, random, |_| Vec::new(), Box::new(|_| Target::Core(CoreId(0))), Box::new(|_| None))
}

/// Does what needs no other party: whether a snapshot began.
fn carry_out(replication: &mut Replication) -> bool {
    let mut began = false;
    loop {
        let actions = replication.take_actions();
        if actions.is_empty() {
            return began;
        }
        for action in actions {
            match action {
                Action::Stand(_) => replication.stood(),
                Action::Send(link, bytes) => replication.sent(link, bytes.len()),
                Action::Cut(_) => began = true,
                _ => {}
            }
        }
    }
}

#[test]
fn a_snapshot_begins_when_its_delay_is_over_though_the_replica_is_told_to_be_patient() {
    let mut replication = primary(5000);
    let who = Introduction { knows_end_mark: true, psync2: true, ..Introduction::default() };
    let link = replication.new_link();
    replication.synchronise(link, who, None, &[]);
    let began = (0..100).find(|tick| {
        replication.tick(tick * 100);
        carry_out(&mut replication)
    });
    assert_eq!(began, Some(50));
}

#[test]
fn data_cores_are_told_of_a_replica_as_soon_as_it_counts_as_online() {
    for diskless in [true, false] {
        let mut replication = primary(0);
        (replication.options.min_replicas, replication.options.diskless) = (1, diskless);
        let link = replication.new_link();
        let who = Introduction { knows_end_mark: true, ..Introduction::default() };
        replication.synchronise(link, who, None, &[]);
        assert!(carry_out(&mut replication));
        replication.cut_made(1);
        replication.snapshot_part(1, CoreId(0), Vec::new(), true);
        assert!(replication.info().contains("state=online"), "diskless: {diskless}");
        assert!(replication.is_followed() && replication.standing.good_replicas == 1, "diskless: {diskless}");
    }
}

#[test]
fn who_may_do_more_waits_until_all_cores_go_by_it() {
    let mut replication = primary(0);
    let told = |replication: &mut Replication| {
        let actions = replication.take_actions().into_iter();
        let standings = actions.filter_map(|action| match action {
            Action::Stand(standing) => Some((standing.replica, standing.loading, standing.waits)),
            _ => None,
        });
        standings.collect::<Vec<_>>()
    };
    let stood = |replication: &mut Replication| {
        replication.stood();
        told(replication)
    };
    replication.follow(Some(("a".to_owned(), 1)));
    assert_eq!(told(&mut replication), [(true, false, Waits::Nobody)]);
    assert_eq!(stood(&mut replication), []);
    replication.follow(None);
    assert_eq!(told(&mut replication), [(false, false, Waits::Writers)]);
    assert_eq!(stood(&mut replication), [(false, false, Waits::Nobody)]);
    assert!(!replication.is_settled());
    assert_eq!(stood(&mut replication), []);
    replication.set_disk(Disk { loading: true, ..Disk::default() });
    assert_eq!(told(&mut replication), [(false, true, Waits::Nobody)]);
    replication.set_disk(Disk::default());
    assert_eq!(told(&mut replication), [(false, false, Waits::Everybody)]);
    assert_eq!(stood(&mut replication), []);
    assert_eq!(stood(&mut replication), [(false, false, Waits::Nobody)]);
}

// ---- Several nodes, and what lies between them.

/// Nodes that are reached by their number as a port, and the connections between them.
struct World {
    nodes: Vec<Replication>,
    /// For each end of a connection the other one; none: it has not said PSYNC yet.
    links: HashMap<(usize, LinkId), Option<(usize, LinkId)>>,
    held: Vec<bool>,
    kept: Vec<Vec<u8>>,
    now: u64,
}

impl World {
    fn new(nodes: usize) -> World {
        let nodes: Vec<Replication> = (0..nodes).map(|number| node(number as u64)).collect();
        let (held, kept) = (vec![false; nodes.len()], vec![Vec::new(); nodes.len()]);
        let mut world = World { nodes, links: HashMap::new(), held, kept, now: 0 };
        world.pass(0);
        world
    }

    /// Time passes, and what is to be done is done.
    fn pass(&mut self, milliseconds: u64) {
        for _ in 0..=milliseconds / 100 {
            for node in 0..self.nodes.len() {
                self.nodes[node].tick(self.now);
                let held = self.held[node];
                self.nodes[node].advance_failover(held);
            }
            self.settle();
            self.now += 100;
        }
    }

    fn settle(&mut self) {
        while let Some((node, actions)) = self.nodes.iter_mut().enumerate().find_map(|(node, replication)| {
            let actions = replication.take_actions();
            (!actions.is_empty()).then_some((node, actions))
        }) {
            actions.into_iter().for_each(|action| self.carry_out(node, action));
        }
    }

    fn carry_out(&mut self, node: usize, action: Action) {
        let replication = &mut self.nodes[node];
        match action {
            Action::Stand(_) => replication.stood(),
            Action::Connect(link, _, _) => {
                self.links.insert((node, link), None);
                replication.opened(link);
            }
            Action::Send(link, bytes) => {
                replication.sent(link, bytes.len());
                self.deliver(node, link, &bytes);
            }
            Action::Keep(bytes) => self.kept[node].extend(bytes),
            Action::ForgetKept => self.kept[node].clear(),
            Action::SendKept(link, from, count) => {
                let bytes = self.kept[node][from as usize..][..count].to_vec();
                replication.sent(link, count);
                self.deliver(node, link, &bytes);
            }
            Action::HearOut(link) => {
                self.carry_out(node, Action::Close(link));
                self.nodes[node].closed(link, "it has been heard out");
            }
            Action::Close(link) => {
                if let Some(Some((other, there))) = self.links.remove(&(node, link)) {
                    self.links.remove(&(other, there));
                    self.nodes[other].closed(there, "the other side closed it");
                }
            }
            Action::Cut(number) => {
                let parts = vec![LogPart::Cut(number)];
                let sent = replication.merge.done(CoreId(0)) + 1;
                let batch = LogBatch {
                    core: CoreId(0),
                    number: sent,
                    of_replica: false,
                    made_ns: 0,
                    after: Vec::new(),
                    bytes: Vec::new(),
                    parts,
                };
                replication.logged(Box::new(batch));
                replication.snapshot_part(number, CoreId(0), b"keys".to_vec(), true);
            }
            Action::EndLoad => replication.loaded(Ok(0)),
            Action::Apply(number, _) => replication.applied(number),
            Action::CountKeys => replication.counted(0),
            Action::HoldWrites(hold) => self.held[node] = hold,
            Action::Copy(primary) => replication.follow(primary),
            _ => {}
        }
    }

    /// Bytes arrive: at the data core that greets, or at the other side.
    fn deliver(&mut self, node: usize, link: LinkId, bytes: &[u8]) {
        match self.links.get(&(node, link)) {
            Some(Some((other, there))) => self.nodes[*other].received(*there, bytes),
            Some(None) => self.greet(node, link, bytes),
            None => {}
        }
    }

    fn greet(&mut self, node: usize, link: LinkId, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let words: Vec<&str> = text.split("\r\n").skip(2).step_by(2).collect();
        match words.as_slice() {
            ["PING"] => self.nodes[node].received(link, b"+PONG\r\n"),
            ["PSYNC", id, next, ..] => {
                let other = usize::from(self.nodes[node].upstream().map_or(0, Upstream::port));
                if words.contains(&"FAILOVER") {
                    assert!(self.nodes[other].is_history(id.as_bytes()));
                    self.nodes[other].follow(None);
                    self.settle();
                }
                if self.nodes[other].refusal().is_some() {
                    return self.nodes[node].received(link, b"-NOMASTERLINK\r\n");
                }
                let there = self.nodes[other].new_link();
                self.links.insert((node, link), Some((other, there)));
                self.links.insert((other, there), Some((node, link)));
                let who = Introduction {
                    ip: "host".into(),
                    port: node as u16,
                    knows_end_mark: true,
                    psync2: true,
                    ..Introduction::default()
                };
                self.nodes[other].synchronise(there, who, Some((id.as_bytes(), next.parse().unwrap())), &[]);
            }
            _ => self.nodes[node].received(link, b"+OK\r\n"),
        }
    }

    fn follow(&mut self, node: usize, primary: usize) {
        self.nodes[node].follow(Some(("host".into(), primary as u16)));
        self.pass(7000);
        assert!(self.nodes[node].upstream().unwrap().is_up());
    }

    /// A client of that node writes.
    fn write(&mut self, node: usize) {
        self.nodes[node].append_on(0, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n");
        self.nodes[node].feed_replicas();
        self.settle();
    }

    fn syncs(&self, node: usize) -> [u64; 3] {
        self.nodes[node].counters.all()
    }
}

fn node(number: u64) -> Replication {
    let mut node = primary(5000);
    node.history = History::new(Xoshiro256PlusPlus::seed_from_u64(number));
    node
}

#[test]
fn a_chain_of_replicas_has_what_is_written_and_goes_on_where_it_was() {
    let mut world = World::new(3);
    world.follow(1, 0);
    world.follow(2, 1);
    world.write(0);
    world.pass(2000);
    let offset = world.nodes[0].offset();
    assert!(offset > 0 && world.nodes.iter().all(|node| node.offset() == offset));
    let link = world.nodes[0].replicas()[0].link;
    world.carry_out(0, Action::Close(link));
    world.nodes[0].closed(link, "a test");
    world.write(0);
    world.pass(3000);
    assert!(world.nodes.iter().all(|node| node.offset() == world.nodes[0].offset()));
    assert_eq!((world.syncs(0), world.syncs(1)[0]), ([1, 1, 1], 1));
}

#[test]
fn a_failover_makes_the_replica_the_primary_and_needs_no_full_synchronisation() {
    let mut world = World::new(3);
    world.follow(1, 0);
    world.follow(2, 0);
    world.write(0);
    assert!(world.nodes[1].fail_over(None, None, false).is_err());
    assert!(world.nodes[0].fail_over(Some(("host".into(), 7)), None, false).is_err());
    world.nodes[0].fail_over(Some(("host".into(), 1)), None, false).unwrap();
    assert!(world.nodes[0].fail_over(None, None, false).is_err());
    world.settle();
    assert!(world.held[0], "writes wait until it is over");
    world.pass(3000);
    assert!(!world.held[0] && !world.nodes[0].is_failing_over());
    assert!(world.nodes[0].is_replica() && !world.nodes[1].is_replica());
    world.write(1);
    world.pass(3000);
    assert_eq!(world.nodes[0].offset(), world.nodes[1].offset());
    assert_eq!((world.syncs(1)[0], world.syncs(1)[1]), (0, 1));
}

#[test]
fn a_failover_that_never_comes_about_is_given_up() {
    let mut world = World::new(2);
    world.follow(1, 0);
    world.nodes[0].fail_over(None, Some(1000), false).unwrap();
    world.settle();
    // The data cores never say that nobody writes any more.
    world.held[0] = false;
    world.pass(400);
    assert!(world.nodes[0].is_failing_over());
    world.pass(1000);
    assert!(!world.nodes[0].is_failing_over() && !world.nodes[0].is_replica());
    world.nodes[0].fail_over(None, None, false).unwrap();
    world.nodes[0].abort_failover().unwrap();
    assert!(world.nodes[0].abort_failover().is_err());
}

#[test]
fn a_node_that_starts_with_a_snapshot_goes_on_in_its_stream() {
    let mut world = World::new(2);
    world.follow(1, 0);
    world.write(0);
    world.pass(2000);
    let facts = |node: &mut Replication| {
        node.cut_for_file(1 << 63);
        node.take_actions();
        node.logged(Box::new(LogBatch {
            core: CoreId(0),
            number: node.merge.done(CoreId(0)) + 1,
            of_replica: false,
            made_ns: 0,
            after: Vec::new(),
            bytes: Vec::new(),
            parts: vec![LogPart::Cut(1 << 63)],
        }));
        let told = node.take_actions().into_iter().find_map(|action| match action {
            Action::FileCut(_, facts) => Some(facts),
            _ => None,
        });
        told.flatten().expect("a stream")
    };
    // The primary starts again: its replica goes on, and deletes what died meanwhile.
    let place = facts(&mut world.nodes[0]);
    assert_eq!((&place.id, place.offset), (&world.nodes[1].history.id, world.nodes[1].offset()));
    world.nodes[0] = node(7);
    world.nodes[0].resume(place, false, &[(2, b"dead".to_vec())]);
    let links: Vec<(usize, LinkId)> = world.links.drain().map(|(end, _)| end).collect();
    links.into_iter().filter(|(node, _)| *node == 1).for_each(|(_, link)| world.nodes[1].closed(link, "a test"));
    world.pass(3000);
    assert_eq!(world.nodes[1].offset(), world.nodes[0].offset());
    assert_eq!(world.syncs(0), [0, 1, 0]);
    // So does a replica that starts again.
    let place = facts(&mut world.nodes[1]);
    world.nodes[1] = node(8);
    world.nodes[1].follow(Some(("host".into(), 0)));
    world.nodes[1].resume(place, true, &[]);
    world.pass(3000);
    assert_eq!((world.syncs(0), world.nodes[1].offset()), ([0, 2, 0], world.nodes[0].offset()));
}

#[test]
fn old_data_goes_when_the_new_is_there_or_at_once_if_there_is_none() {
    for (load, keys, expected) in [
        (options::Load::Spooled, 5, "+end"),
        (options::Load::DirectIfEmpty, 5, "+end"),
        (options::Load::DirectIfEmpty, 0, "begin-"),
        (options::Load::Beside, 5, "-"),
    ] {
        let mut replica = node(1);
        replica.options.load = load;
        replica.follow(Some(("host".into(), 9)));
        let mut seen = String::new();
        let mut link = None;
        let mut lines = [
            "+PONG\r\n".to_owned(),
            "+OK\r\n+OK\r\n".to_owned(),
            format!("+FULLRESYNC {} 100\r\n", "f".repeat(40)),
            "$4\r\n".to_owned(),
            "keys".to_owned(),
        ]
        .into_iter();
        for _ in 0..20 {
            replica.tick(100);
            for action in replica.take_actions() {
                match action {
                    Action::Stand(_) => replica.stood(),
                    Action::Connect(number, ..) => {
                        link = Some(number);
                        replica.opened(number);
                    }
                    Action::CountKeys => replica.counted(keys),
                    Action::BeginLoad { spooled } => seen.push(if spooled { '+' } else { '-' }),
                    Action::Empty if replica.upstream().is_some_and(|upstream| upstream.progress().1 > 0) => {
                        seen.push_str("early");
                    }
                    Action::Empty => seen.push_str(if seen.ends_with('+') { "end" } else { "begin" }),
                    _ => {}
                }
            }
            if let Some((link, line)) = link.and_then(|link| Some((link, lines.next()?))) {
                replica.received(link, line.as_bytes());
            }
        }
        assert_eq!(seen, expected, "{load:?} with {keys} keys");
    }
}

/// A replica whose primary has answered PSYNC with this line, and the link to it.
fn greeted(replica: &mut Replication, psync: &str) -> LinkId {
    replica.follow(Some(("host".into(), 9)));
    let mut link = None;
    for _ in 0..5 {
        for action in replica.take_actions() {
            match action {
                Action::Stand(_) => replica.stood(),
                Action::Connect(number, ..) => {
                    link = Some(number);
                    replica.opened(number);
                }
                _ => {}
            }
        }
    }
    let link = link.expect("a link");
    for line in ["+PONG\r\n", "+OK\r\n+OK\r\n", psync] {
        replica.received(link, line.as_bytes());
    }
    link
}

/// The numbers of the pieces that the cores are to execute.
fn pieces(replica: &mut Replication) -> Vec<u64> {
    let actions = replica.take_actions().into_iter();
    actions.filter_map(|action| if let Action::Apply(number, _) = action { Some(number) } else { None }).collect()
}

#[test]
fn a_replica_executes_all_that_came_before_its_link_broke_and_then_becomes_a_primary() {
    for breaks in [true, false] {
        let mut replica = node(1);
        let link = greeted(&mut replica, "+CONTINUE\r\n");
        assert!(replica.upstream().expect("a primary").is_up());
        let command = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n";
        let count = 2 * limits::PIECES_UNDER_WAY as u64;
        (0..count).for_each(|_| replica.received(link, command));
        // The beginning of one more.
        replica.received(link, &command[..9]);
        let mut under_way = pieces(&mut replica);
        assert_eq!(under_way.len(), limits::PIECES_UNDER_WAY);
        if breaks {
            replica.closed(link, "a test");
            under_way.extend(pieces(&mut replica));
        }
        replica.follow(None);
        let mut rest = count;
        if !breaks {
            // What lay in the link's socket is still heard.
            assert!(replica.take_actions().iter().any(|action| matches!(action, Action::HearOut(end) if *end == link)));
            replica.received(link, &command[9..]);
            under_way.extend(pieces(&mut replica));
            rest += 1;
        }
        let mut done = 0;
        while let Some(piece) = under_way.pop() {
            assert!(replica.is_leaving(), "not before all is done");
            replica.applied(piece);
            under_way.extend(pieces(&mut replica));
            done += 1;
            if !breaks && under_way.is_empty() {
                assert!(replica.is_leaving(), "not before its primary is heard out");
                replica.closed(link, "it has been heard out");
            }
        }
        assert!(done > 1 && !replica.is_replica());
        assert_eq!(replica.offset(), rest * command.len() as u64);
    }
}

#[test]
fn a_replica_connects_again_when_it_has_executed_what_came_and_asks_for_what_is_behind_that() {
    let mut replica = node(1);
    let link = greeted(&mut replica, "+CONTINUE\r\n");
    let command = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n";
    (0..20).for_each(|_| replica.received(link, command));
    replica.closed(link, "a test");
    let mut under_way = pieces(&mut replica);
    while let Some(piece) = under_way.pop() {
        replica.tick(1000);
        replica.applied(piece);
        for action in replica.take_actions() {
            match action {
                Action::Apply(number, _) => under_way.push(number),
                Action::Connect(..) => assert!(replica.offset() == 20 * command.len() as u64),
                Action::Stand(_) => replica.stood(),
                _ => {}
            }
        }
    }
    assert_eq!(replica.offset(), 20 * command.len() as u64);
}

#[test]
fn a_node_that_starts_as_a_replica_without_a_snapshot_has_nothing_to_go_on_from() {
    let mut world = World::new(2);
    world.nodes[1].follow(Some(("host".into(), 0)));
    world.nodes[1].start_anew();
    world.pass(7000);
    assert_eq!(world.syncs(0), [1, 0, 0], "it has asked for no place in a history");
    // One that was a primary asks for its own place, which may be the other's too.
    world.nodes[1].follow(None);
    world.nodes[1].follow(Some(("host".into(), 0)));
    world.pass(7000);
    assert_eq!(world.syncs(0)[0] + world.syncs(0)[1], 2);
}

#[test]
fn a_client_waits_for_what_was_written_before_its_last_answer_and_for_no_more() {
    let mut world = World::new(2);
    world.follow(1, 0);
    let write = |world: &mut World, made_ns: u64| {
        let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n".to_vec();
        let parts = vec![LogPart::Commands { db: 0, to: Audience::All, end: bytes.len() }];
        let number = world.nodes[0].merge.done(CoreId(0)) + 1;
        let batch = LogBatch { core: CoreId(0), number, of_replica: false, made_ns, after: Vec::new(), bytes, parts };
        world.nodes[0].logged(Box::new(batch));
    };
    let waited = |node: &mut Replication| {
        let mut actions = node.take_actions().into_iter();
        actions.find_map(|action| if let Action::Waited(_, count) = action { Some(count) } else { None })
    };
    write(&mut world, 1_000_000_000);
    world.settle();
    world.pass(2000);
    // What is written now stays on its way.
    write(&mut world, 2_000_000_000);
    let primary = &mut world.nodes[0];
    primary.take_actions();
    primary.wait(1, 1, 0, 1_500_000_000);
    assert_eq!(waited(primary), Some(1));
    primary.wait(2, 1, 0, 0);
    assert_eq!(waited(primary), Some(1), "who was never answered has written nothing");
    primary.wait(3, 1, 0, 2_500_000_000);
    assert_eq!(waited(primary), None);
}
