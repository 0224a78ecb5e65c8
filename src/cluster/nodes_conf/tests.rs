//! What Redis wrote is read; what it would not write is refused; nothing panics.

use super::*;
use crate::cluster::Cluster;
use crate::cluster::load::LoadError;
use crate::cluster::now::Now;
use crate::cluster::options::Options;
use proptest::prelude::*;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

const A: &str = "07c37dfeb235213a872192d90877d0cd55635b91";
const B: &str = "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1";
const C: &str = "292f8b365bb7edb5e285caf0b7e6ddc7265d2f4f";

fn load(text: &str) -> Result<Cluster, LoadError> {
    let options = Options { port: 30004, ..Options::default() };
    Cluster::load(options, Xoshiro256PlusPlus::seed_from_u64(1), text, Now { unix_ms: 99, mono_ms: 0 })
}

fn problem(text: &str) -> Problem {
    match load(text).map(|_| ()) {
        Err(LoadError::Corrupt(corrupt)) => corrupt.problem,
        other => panic!("{other:?} for {text:?}"),
    }
}

#[test]
fn a_cluster_of_redis_is_read_and_written_back() {
    let text = format!(
        "{A} 127.0.0.1:30004@40004,host-1 myself,master - 0 99 4 connected 0-5460 5462 [93-<-{C}] [5462->-{B}]\n\
         {B} 2001:db8::7:30002@31002 master - 0 99 2 disconnected 5461 5463-10922\n\
         {C} 127.0.0.1:30006@31006 slave,fail {B} 99 99 2 disconnected\n\
         vars currentEpoch 6 lastVoteEpoch 5\n"
    );
    let options = Options { announce_hostname: Some("host-1".into()), port: 30004, ..Options::default() };
    let random = Xoshiro256PlusPlus::seed_from_u64(1);
    let cluster = Cluster::load(options, random, &text, Now { unix_ms: 99, mono_ms: 0 }).unwrap();
    assert_eq!(cluster.nodes_conf(), text);
}

#[test]
fn the_forms_of_other_versions_are_read() {
    let line = |address: &str| format!("{A} {address} myself,master - 0 0 0 connected\n");
    let address = |text: &str| NodesConf::parse(&line(text)).unwrap().nodes.remove(0).address;
    assert_eq!(address("10.0.0.1:6379").bus_port, 16379, "Redis 3 has no bus port");
    let valkey = address("10.0.0.1:6379@16379,name,shard-id=69bc080733d1355567173199cff4a6a039a2f024");
    assert_eq!(valkey.hostname, "name", "Redis 7.2 and Valkey tell more");
    assert_eq!(address("10.0.0.1:6379@16379,,shard-id=69").hostname, "");
}

#[test]
fn blank_lines_and_unknown_vars_are_skipped() {
    let text = format!("\n{A} :0@0 myself,master - 0 0 3 connected\n\nVARS lastvoteepoch 2 other 7\n\n\n");
    assert!(load(&text).unwrap().nodes_conf().ends_with("vars currentEpoch 3 lastVoteEpoch 2\n"));
}

#[test]
fn a_node_that_is_only_named_is_known_by_its_name() {
    let text = format!("{A} :1@1 myself,slave {B} 0 0 9 connected\nvars currentEpoch 9 lastVoteEpoch 0\n");
    let written = load(&text).unwrap().nodes_conf();
    assert!(written.contains(&format!("{B} :0@0 noflags - 0 0 0 disconnected\n")));
    assert!(written.contains(&format!("myself,slave {B} 0 0 0 connected\n")), "a replica's epoch is its primary's");
}

#[test]
fn a_damaged_file_is_refused_with_the_reason() {
    let me = format!("{A} :1@1 myself,master - 0 0 0 connected");
    let b = format!("{B} :2@2 master - 0 0 0 connected");
    let cases = [
        (String::new(), Problem::NoMyself),
        (b.clone(), Problem::NoMyself),
        ("something else\n".into(), Problem::TooFewFields),
        (format!("{me}\nvars currentEpoch"), Problem::OddVars),
        (format!("{me}\nvars currentEpoch x"), Problem::Number),
        (me.replace(A, "short"), Problem::NodeId),
        (me.replace(A, &A.to_uppercase()), Problem::NodeId),
        (me.replace(":1@1", "1"), Problem::Address),
        (me.replace(":1@1", ":70000@1"), Problem::Address),
        (me.replace(":1@1", ":60000"), Problem::Address),
        (me.replace(":1@1", ":1@1,a_b"), Problem::Address),
        (me.replace("myself", "mine"), Problem::Flag),
        (me.replace(" - 0", " - x"), Problem::Number),
        (format!("{me} 16384"), Problem::Slot),
        (format!("{me} 7-5"), Problem::Slot),
        (format!("{me} -5"), Problem::Slot),
        (format!("{me} [5]"), Problem::Slot),
        (format!("{me} [5->-{B}"), Problem::Slot),
        (format!("{me} [5-=-{B}]"), Problem::Slot),
        (format!("{me} [5->-short]"), Problem::NodeId),
        (format!("{me} 5\n{b} 5"), Problem::SlotTwice),
        (format!("{me}\n{me}"), Problem::NodeTwice),
        (format!("{me}\n{}", b.replace("master", "myself,master")), Problem::MyselfTwice),
        (me.replace("master -", &format!("slave {A}")), Problem::OwnPrimary),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(&text), expected, "{text}");
    }
}

#[test]
fn the_reason_names_the_line() {
    let text = format!("\n{A} :1@1 myself,master - 0 0 0 connected 99999");
    assert_eq!(
        load(&text).map(|_| ()).unwrap_err().to_string(),
        "Unrecoverable error: corrupted cluster config file: line 2: not a slot, a range of slots, or an open slot"
    );
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = load(&text);
    }

    #[test]
    fn no_damage_to_a_good_file_makes_it_panic(at in 0usize..260, insert in "[ -~\n]{0,8}", cut in 0usize..20) {
        let mut text = format!(
            "{A} 127.0.0.1:1@2,host myself,master - 0 99 4 connected 0-5460 5462 [93-<-{C}] [5462->-{B}]\n\
             {C} 127.0.0.1:3@4 slave,fail {B} 99 99 2 disconnected\n\
             vars currentEpoch 6 lastVoteEpoch 5\n"
        );
        let at = at.min(text.len());
        text.replace_range(at..(at + cut).min(text.len()), &insert);
        if let Ok(cluster) = load(&text) {
            let written = cluster.nodes_conf();
            prop_assert_eq!(load(&written).unwrap().nodes_conf(), written, "what is written can be read");
        }
    }
}
