//! Lists against a plain deque of strings: whatever is done to both, they hold the same.

use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::VecDeque;

#[derive(Clone, Debug)]
enum Step {
    Push(bool, Vec<u8>),
    Pop(bool),
    Set(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Delete(usize, usize),
    Remove(bool, Vec<u8>, usize),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(vec!["", "1", "-300", "70000", "a", "bb", "9223372036854775807"]).prop_map(|text| text.into()),
        1 => (1..3usize).prop_map(|size| vec![b'x'; size * 40]),
        1 => Just(vec![b'y'; 150]),
        1 => Just(vec![b'c'; 1100]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<bool>(), text()).prop_map(|(head, text)| Step::Push(head, text)),
        2 => any::<bool>().prop_map(Step::Pop),
        2 => (any::<usize>(), text()).prop_map(|(at, text)| Step::Set(at, text)),
        3 => (any::<usize>(), text()).prop_map(|(at, text)| Step::Insert(at, text)),
        1 => (any::<usize>(), 0..12usize).prop_map(|(at, count)| Step::Delete(at, count)),
        1 => (any::<bool>(), text(), 1..4usize).prop_map(|(head, text, limit)| Step::Remove(head, text, limit)),
    ]
}

fn end(head: bool) -> End {
    if head { End::Head } else { End::Tail }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 300 }, ..ProptestConfig::default() })]

    #[test]
    fn a_list_is_a_deque_of_strings(steps in prop::collection::vec(step(), 1..150), fill in select(vec![-2, 1, 2, 5]), large in select(vec![100, LARGE]), depth in 0..3usize) {
        let limits = Limits { fill, large, depth };
        let (mut list, mut model) = (List::default(), VecDeque::<Vec<u8>>::new());
        for step in steps {
            match step {
                Step::Push(head, text) => {
                    list.push(end(head), &text, &limits);
                    if head { model.push_front(text) } else { model.push_back(text) }
                }
                Step::Pop(head) => {
                    let popped = if head { model.pop_front() } else { model.pop_back() };
                    prop_assert_eq!(list.pop(end(head), |entry| entry.to_vec()), popped);
                }
                Step::Set(at, text) if !model.is_empty() => {
                    let at = at % model.len();
                    prop_assert!(list.set(at as i64 - model.len() as i64, &text, &limits));
                    model[at] = text;
                }
                Step::Set(..) => prop_assert!(!list.set(0, b"", &limits)),
                Step::Insert(at, text) => {
                    let at = at % (model.len() + 1);
                    list.insert(at, &text, &limits);
                    model.insert(at, text);
                }
                Step::Delete(at, count) => {
                    let at = at % (model.len() + 1);
                    let count = count.min(model.len() - at);
                    let mut dead = list.delete(at, count);
                    while dead.release(1) {}
                    model.drain(at..at + count);
                }
                Step::Remove(head, text, limit) => {
                    let mut found: Vec<usize> = (0..model.len()).filter(|at| model[*at] == text).collect();
                    if !head {
                        found.reverse();
                    }
                    found.truncate(limit);
                    prop_assert_eq!(list.delete_equal(end(head), &text, limit), found.len());
                    found.sort_unstable();
                    found.into_iter().rev().for_each(|at| drop(model.remove(at)));
                }
            }
            prop_assert_eq!(list.len(), model.len());
            prop_assert_eq!(list.to_vec(), Vec::from(model.clone()));
            if let List::Many(many) = &list {
                let fresh: usize = many.nodes.iter().map(Node::heap_bytes).sum();
                prop_assert_eq!(many.heap_bytes(), fresh + many.nodes.len() * size_of::<Node>());
                for (at, node) in many.nodes.iter().enumerate() {
                    let mut count = 0;
                    _ = node.view().each(End::Tail, 0, &mut |_| { count += 1; ControlFlow::Continue(()) });
                    prop_assert!(count > 0 && node.count() == count);
                    let is_end = at == 0 || at == many.nodes.len() - 1;
                    let is_compressed = matches!(node, Node::Compressed { .. });
                    prop_assert!(!is_compressed || (depth > 0 && !is_end));
                }
            }
            for (at, element) in model.iter().enumerate() {
                prop_assert_eq!(list.get(at as i64, |element| element.to_vec()), Some(element.clone()));
            }
            let half = model.len() / 2;
            let ends = half..model.len();
            prop_assert_eq!(list.texts(End::Tail, ends.clone()), model.iter().rev().skip(half).cloned().collect::<Vec<_>>());
            prop_assert_eq!(list.texts(End::Head, ends), model.iter().skip(half).cloned().collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_list_comes_back_from_its_nodes() {
    let limits = Limits { fill: 3, large: 900, depth: 1 };
    let mut list = List::default();
    for number in 0..20 {
        list.push(End::Tail, &vec![b'z'; number * 50], &limits);
    }
    assert!(list.nodes().any(|node| matches!(node, NodeRef::Compressed(_))));
    let mut copy = List::default();
    for node in list.nodes() {
        match node {
            NodeRef::Packed(pack) => copy.push_packed(pack.clone(), &limits),
            NodeRef::Compressed(pack) => copy.push_packed(pack.unpack(), &limits),
            NodeRef::Plain(bytes) => copy.push_plain(bytes.to_vec(), &limits),
        }
    }
    assert_eq!(copy, list);
    assert_eq!(copy.node_count(), list.node_count());
}

#[test]
fn a_large_list_is_freed_in_pieces() {
    let mut list = List::default();
    for number in 0..20_000 {
        list.push(End::Tail, number.to_string().as_bytes(), &Limits { fill: -2, large: LARGE, depth: 0 });
    }
    assert!(list.node_count() > 5);
    let mut pieces = 1;
    while list.release(1000) {
        pieces += 1;
    }
    assert!(pieces > 3 && list.is_empty(), "{pieces}");
}

#[test]
fn nodes_deeper_than_the_limit_are_compressed() {
    let grown = |depth| {
        let mut list = List::default();
        for number in 0..2000 {
            let end = if number % 2 == 0 { End::Head } else { End::Tail };
            list.push(
                end,
                format!("a text that is much like the others: {number}").as_bytes(),
                &Limits { fill: -2, large: LARGE, depth },
            );
        }
        list
    };
    let (plain, mut list) = (grown(0), grown(2));
    let compressed = |list: &List| list.nodes().filter(|node| matches!(node, NodeRef::Compressed(_))).count();
    assert_eq!((compressed(&plain), compressed(&list)), (0, plain.node_count() - 4));
    assert!(list == plain && list.heap_bytes() < plain.heap_bytes() / 2);
    // An end never is.
    while list.pop(End::Head, |_| ()).is_some() {
        let first = list.node(0).is_none_or(|node| !matches!(node, NodeRef::Compressed(_)));
        assert!(first);
    }
}
