//! DEBUG DIGEST and DIGEST-VALUE: a fingerprint of data that does not depend on how it is stored or by whom, the same
//! as Redis computes. Two nodes with the same digest have the same data.

use crate::base::double;
use crate::data::store::{Handle, Store, Value};
use crate::data::types::list::End;
use crate::data::types::stream::Id;
use sha1_smol::Sha1;
use std::ops::ControlFlow;

/// A digest.
pub type Digest = [u8; 20];

/// Adds something whose order does not matter.
pub fn xor(digest: &mut Digest, bytes: &[u8]) {
    let hash = Sha1::from(bytes).digest().bytes();
    digest.iter_mut().zip(hash).for_each(|(byte, other)| *byte ^= other);
}

/// Adds something whose order matters.
pub fn mix(digest: &mut Digest, bytes: &[u8]) {
    xor(digest, bytes);
    *digest = Sha1::from(*digest).digest().bytes();
}

/// The digest of a database of one store, to be combined with those of the others by XOR; none if it is empty.
pub fn database(store: &Store, db: usize) -> Option<Digest> {
    let mut sum = Digest::default();
    // With time 0 nothing is past its deadline.
    store.keys(db, 0, |key, handle| {
        let mut digest = Digest::default();
        mix(&mut digest, key);
        value(store, handle, &mut digest);
        xor(&mut sum, &digest);
    });
    (!store.is_empty(db)).then_some(sum)
}

/// The digest of all data, of those of its databases.
pub fn all(databases: &[Option<Digest>]) -> Digest {
    let mut sum = Digest::default();
    for (db, digest) in databases.iter().enumerate() {
        let Some(digest) = digest else { continue };
        mix(&mut sum, &(db as u32).to_be_bytes());
        sum.iter_mut().zip(digest).for_each(|(byte, other)| *byte ^= other);
    }
    sum
}

/// Adds a value and its deadline.
pub fn value(store: &Store, handle: Handle, digest: &mut Digest) {
    content(store.value(handle), digest);
    if store.deadline(handle).is_some() {
        xor(digest, b"!!expire!!");
    }
}

fn content(value: Value<'_>, digest: &mut Digest) {
    let mut buffer = itoa::Buffer::new();
    let pair = |first: &[u8], second: &[u8]| {
        let mut digest = Digest::default();
        mix(&mut digest, first);
        mix(&mut digest, second);
        digest
    };
    // Redis's numbers of the types.
    let kind: u32 = match value {
        Value::Bytes(_) => 0,
        Value::List(_) => 1,
        Value::Set(_) => 2,
        Value::Zset(_) => 3,
        Value::Hash(_) => 4,
        Value::Stream(_) => 6,
    };
    mix(digest, &kind.to_be_bytes());
    match value {
        Value::Bytes(bytes) => mix(digest, bytes),
        Value::List(list) => list.each(End::Head, 0..list.len(), |element| mix(digest, element.text(&mut buffer))),
        Value::Set(set) => set.iter().for_each(|member| xor(digest, member.text(&mut buffer))),
        Value::Zset(zset) => {
            for (member, score) in zset.iter() {
                let element = pair(member.text(&mut buffer), double::Buffer::new().format(score));
                xor(digest, &element);
            }
        }
        Value::Hash(hash) => {
            for (field, value) in hash.iter() {
                let element = pair(field.text(&mut buffer), value.text(&mut itoa::Buffer::new()));
                xor(digest, &element);
            }
        }
        Value::Stream(stream) => {
            stream.each(Id::ZERO, Id { ms: u64::MAX, seq: u64::MAX }, false, |entry| {
                mix(digest, format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
                entry.texts().for_each(|text| mix(digest, text.text(&mut buffer)));
                ControlFlow::Continue(())
            });
        }
    }
}

/// A digest as it is shown.
pub fn show(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
