//! What it promises, by examples and against a model.

use super::*;
use proptest::prelude::*;

const LIMITS: NodeLimits = NodeLimits { bytes: 4096, entries: 5 };

fn id(ms: u64) -> Id {
    Id { ms, seq: 0 }
}

fn ids(stream: &Stream, backwards: bool) -> Vec<u64> {
    let mut found = Vec::new();
    stream.each(Id::ZERO, Id::MAX, backwards, |view| {
        found.push(view.id.ms);
        ControlFlow::Continue(())
    });
    found
}

fn filled(count: u64) -> Stream {
    let mut stream = Stream::default();
    (1..=count).for_each(|ms| stream.push(id(ms), &[b"name", ms.to_string().as_bytes()], LIMITS));
    stream
}

#[test]
fn entries_keep_their_fields_whether_their_names_are_the_nodes_or_not() {
    let mut stream = Stream::default();
    stream.push(id(1), &[b"a", b"1", b"b", b"two"], LIMITS);
    stream.push(id(2), &[b"a", b"3", b"b", b"4"], LIMITS);
    stream.push(id(3), &[b"c", b"5"], LIMITS);
    let mut texts = Vec::new();
    stream.each(Id::ZERO, Id::MAX, false, |view| {
        texts.push(view.texts().map(|text| String::from_utf8(text.to_vec()).unwrap()).collect::<Vec<_>>().join(" "));
        ControlFlow::Continue(())
    });
    assert_eq!(texts, ["a 1 b two", "a 3 b 4", "c 5"]);
}

#[test]
fn trimming_by_whole_nodes_leaves_what_shares_a_node() {
    let mut stream = filled(12);
    assert_eq!(stream.trim(Keep::Length(3), true, 0), 5, "the next node has entries that stay");
    assert_eq!(stream.trim(Keep::Length(3), false, 0), 4);
    assert_eq!((ids(&stream, false), stream.first_id()), (vec![10, 11, 12], id(10)));
    assert_eq!(stream.trim(Keep::From(id(12)), false, 0), 2);
    assert_eq!(stream.max_deleted_id, Id::ZERO);
}

#[test]
fn a_deleted_entry_leaves_a_gap_that_makes_the_lag_unknown() {
    let mut stream = filled(5);
    let group = Group::new(id(1), Some(1));
    assert_eq!(stream.lag(&group), Some(4));
    stream.delete(id(3));
    assert_eq!(stream.lag(&group), None);
    assert_eq!(stream.lag(&Group::new(id(5), Some(5))), Some(0));
}

#[test]
fn an_entry_is_with_one_consumer_only() {
    let mut group = Group::new(Id::ZERO, None);
    let (one, _) = group.consumer_named(b"one", 1);
    let (two, _) = group.consumer_named(b"two", 1);
    group.give(id(1), Pending { consumer: one, delivered: 1, count: 1 });
    group.give(id(1), Pending { consumer: two, delivered: 2, count: 2 });
    assert!(group.consumer(one).pending.is_empty() && group.consumer(two).pending.contains(&id(1)));
    assert_eq!(group.remove_consumer(b"two"), Some(1));
    assert!(group.pending().is_empty() && !group.acknowledge(id(1)));
}

proptest! {
    #[test]
    fn it_is_a_sorted_list_of_ids(steps in prop::collection::vec((0..4_u8, 1..60_u64), 1..200)) {
        let (mut stream, mut model) = (Stream::default(), Vec::new());
        let mut last = 0;
        for (step, number) in steps {
            match step {
                0 | 1 => {
                    last += number;
                    stream.push(id(last), &[b"n", b"v"], LIMITS);
                    model.push(last);
                }
                2 => {
                    let found = model.iter().position(|ms| *ms == number);
                    prop_assert_eq!(stream.delete(id(number)), found.is_some());
                    found.map(|at| model.remove(at));
                }
                _ => {
                    let gone = model.len().saturating_sub(number as usize);
                    prop_assert_eq!(stream.trim(Keep::Length(number), false, 0), gone as u64);
                    model.drain(..gone);
                }
            }
            prop_assert_eq!(stream.len(), model.len() as u64);
        }
        prop_assert_eq!(&ids(&stream, false), &model);
        prop_assert_eq!(stream.first_id().ms, model.first().copied().unwrap_or(0));
        let nodes: Option<Vec<(Id, Node)>> = std::iter::successors(stream.node_after(None), |(key, _)| stream.node_after(Some(*key)))
            .map(|(key, node)| Some((key, Node::from_listpack(node.listpack().clone(), key)?)))
            .collect();
        let again = Stream::from_nodes(nodes.expect("well-formed"), stream.len()).expect("it adds up");
        model.reverse();
        prop_assert_eq!(ids(&again, true), model);
    }
}
