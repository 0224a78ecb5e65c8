//! Tests of the listpack: against a list of texts, against bytes Redis wrote, and against bytes nobody wrote.

use super::*;
use proptest::prelude::*;

fn of(texts: &[&[u8]]) -> Listpack {
    let mut listpack = Listpack::new();
    texts.iter().for_each(|text| listpack.push_back(text));
    listpack
}

fn texts(listpack: &Listpack) -> Vec<Vec<u8>> {
    listpack.iter().map(Entry::to_vec).collect()
}

#[test]
fn the_bytes_are_those_redis_writes() {
    // What DUMP of a hash `a 1 bb -5 c 5000` holds in Redis 7.0.15, without RDB's wrapping.
    let bytes = of(&[b"a", b"1", b"bb", b"-5", b"c", b"5000"]).as_bytes().to_vec();
    assert_eq!(bytes, b"\x1a\0\0\0\x06\0\x81a\x02\x01\x01\x82bb\x03\xdf\xfb\x02\x81c\x02\xf1\x88\x13\x03\xff");
}

#[test]
fn each_integer_takes_the_smallest_encoding_that_holds_it() {
    for (value, first, size) in [
        (0, 0, 2),
        (127, 127, 2),
        (128, 0xC0, 3),
        (-1, 0xDF, 3),
        (4095, 0xCF, 3),
        (-4096, 0xD0, 3),
        (4096, 0xF1, 4),
        (-32_768, 0xF1, 4),
        (32_768, 0xF2, 5),
        (-8_388_608, 0xF2, 5),
        (8_388_608, 0xF3, 6),
        (i64::from(i32::MIN), 0xF3, 6),
        (i64::from(i32::MAX) + 1, 0xF4, 10),
        (i64::MIN, 0xF4, 10),
        (i64::MAX, 0xF4, 10),
    ] {
        let listpack = of(&[value.to_string().as_bytes()]);
        assert_eq!((listpack.bytes[HEADER], listpack.as_bytes().len() - HEADER - 1), (first, size), "{value}");
        assert!(matches!(listpack.iter().next(), Some(Entry::Int(read)) if read == value), "{value}");
    }
}

#[test]
fn strings_of_all_lengths_come_back() {
    // Around the borders of the encodings and of the length behind an entry.
    for length in [0, 1, 63, 64, 125, 126, 127, 4095, 4096, 16_377, 16_378, 16_379, 2_097_145, 2_097_146, 2_097_147] {
        let text = vec![b'x'; length];
        let listpack = of(&[b"before", &text, b"after"]);
        assert_eq!(texts(&listpack)[1], text, "{length}");
        assert_eq!(listpack.iter().rev().nth(1).map(Entry::to_vec), Some(text), "{length}");
        assert!(Listpack::from_bytes(listpack.as_bytes().to_vec()).is_some(), "{length}");
    }
}

#[test]
fn more_entries_than_the_header_can_tell_are_counted() {
    let mut listpack = Listpack::new();
    (0..65_536).for_each(|_| listpack.push_back(b"1"));
    assert_eq!(listpack.len(), 65_536);
    listpack.delete_range(-2, 2);
    assert_eq!(listpack.len(), 65_534);
    assert_eq!(Listpack::from_bytes(listpack.as_bytes().to_vec()), Some(listpack));
}

#[test]
fn finding_passes_what_it_is_told_to_skip() {
    let listpack = of(&[b"a", b"v", b"v", b"a", b"10", b"v"]);
    let first = listpack.first().unwrap();
    let index = |text: &[u8], skip| {
        let found = listpack.find(first, text, skip)?;
        (0..6).find(|&index| listpack.seek(index) == Some(found))
    };
    assert_eq!((index(b"v", 0), index(b"v", 1), index(b"a", 1), index(b"10", 1)), (Some(1), Some(2), Some(0), Some(4)));
    assert_eq!((index(b"010", 0), index(b"", 1)), (None, None));
}

#[test]
fn one_wrong_byte_is_refused_or_harmless() {
    let text = [b'x'; 200];
    let good = of(&[b"a", b"1", b"-5", &text, b"70000", b"5000000000", b"", b"100000"]).as_bytes().to_vec();
    for at in 0..good.len() {
        for byte in 0..=255 {
            let mut bytes = good.clone();
            bytes[at] = byte;
            if let Some(mut listpack) = Listpack::from_bytes(bytes) {
                let mut back = listpack.iter().rev().map(Entry::to_vec).collect::<Vec<_>>();
                back.reverse();
                assert_eq!(back, texts(&listpack));
                listpack.push_front(b"new");
                assert!(Listpack::from_bytes(listpack.as_bytes().to_vec()).is_some());
            }
        }
    }
    for length in 0..good.len() {
        assert!(Listpack::from_bytes(good[..length].to_vec()).is_none());
    }
}

#[derive(Clone, Debug)]
enum Step {
    PushFront(Vec<u8>),
    PushBack(Vec<u8>),
    PushInt(i64),
    Insert(usize, Vec<u8>),
    InsertAfter(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    Delete(usize),
    DeleteRange(usize, usize),
    Append(Vec<Vec<u8>>),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<i64>().prop_map(|value| value.to_string().into_bytes()),
        (-70_000i64..70_000).prop_map(|value| value.to_string().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..10),
        (0usize..5000).prop_map(|length| vec![b'y'; length]),
        "[-+0]{0,2}[0-9]{0,3}".prop_map(String::into_bytes),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        text().prop_map(Step::PushFront),
        text().prop_map(Step::PushBack),
        any::<i64>().prop_map(Step::PushInt),
        (any::<usize>(), text()).prop_map(|(at, text)| Step::Insert(at, text)),
        (any::<usize>(), text()).prop_map(|(at, text)| Step::InsertAfter(at, text)),
        (any::<usize>(), text()).prop_map(|(at, text)| Step::Replace(at, text)),
        any::<usize>().prop_map(Step::Delete),
        (any::<usize>(), 0usize..4).prop_map(|(at, count)| Step::DeleteRange(at, count)),
        proptest::collection::vec(text(), 0..3).prop_map(Step::Append),
    ]
}

proptest! {
    #[test]
    fn it_is_a_list_of_texts(steps in proptest::collection::vec(step(), 0..60)) {
        let (mut listpack, mut model) = (Listpack::new(), Vec::<Vec<u8>>::new());
        for step in steps {
            let index = |number: usize| number % model.len().max(1);
            let place = |number: usize| listpack.seek(index(number) as i64);
            match step {
                Step::PushFront(text) => {
                    listpack.push_front(&text);
                    model.insert(0, text);
                }
                Step::PushBack(text) => {
                    listpack.push_back(&text);
                    model.push(text);
                }
                Step::PushInt(value) => {
                    listpack.push_back_int(value);
                    model.push(value.to_string().into_bytes());
                }
                Step::Insert(number, text) => if let Some(place) = place(number) {
                    let at = index(number);
                    let new = listpack.insert_before(place, &text);
                    prop_assert!(listpack.get(new).is(&text));
                    model.insert(at, text);
                }
                Step::InsertAfter(number, text) => if let Some(place) = place(number) {
                    let at = index(number);
                    let new = listpack.insert_after(place, &text);
                    prop_assert!(listpack.get(new).is(&text));
                    model.insert(at + 1, text);
                }
                Step::Replace(number, text) => if let Some(place) = place(number) {
                    let at = index(number);
                    listpack.replace(place, &text);
                    model[at] = text;
                }
                Step::Delete(number) => if let Some(place) = place(number) {
                    let at = index(number);
                    let next = listpack.delete(place);
                    model.remove(at);
                    prop_assert_eq!(next.map(|next| listpack.get(next).to_vec()), model.get(at).cloned());
                }
                Step::DeleteRange(number, count) => {
                    let start = index(number);
                    listpack.delete_range(start as i64 - model.len() as i64, count);
                    model.drain(start..(start + count).min(model.len()));
                }
                Step::Append(texts) => {
                    let mut other = Listpack::new();
                    texts.iter().for_each(|text| other.push_back(text));
                    listpack.append(&other);
                    model.extend(texts);
                }
            }
            prop_assert_eq!(texts(&listpack), model.clone());
            prop_assert_eq!(listpack.len(), model.len());
        }
        let mut back = Vec::new();
        let mut place = listpack.last();
        while let Some(at) = place {
            back.push(listpack.get(at).to_vec());
            place = listpack.prev(at);
        }
        back.reverse();
        prop_assert_eq!(&back, &model);
        for (index, text) in model.iter().enumerate() {
            prop_assert!(listpack.get(listpack.seek(index as i64).unwrap()).is(text));
            let found = listpack.find(listpack.first().unwrap(), text, 0).unwrap();
            let first = model.iter().position(|other| other == text).unwrap();
            prop_assert_eq!(Some(found), listpack.seek(first as i64));
        }
        prop_assert!(listpack.is_empty() || listpack.heap_bytes() >= listpack.as_bytes().len());
        prop_assert_eq!(Listpack::from_bytes(listpack.as_bytes().to_vec()), Some(listpack));
    }

    #[test]
    fn any_bytes_are_refused_or_read(body in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = ((body.len() + 7) as u32).to_le_bytes().to_vec();
        bytes.extend([0xFF, 0xFF]);
        bytes.extend(body);
        bytes.push(END);
        if let Some(listpack) = Listpack::from_bytes(bytes) {
            prop_assert_eq!(listpack.iter().count(), listpack.iter().rev().count());
        }
    }
}
