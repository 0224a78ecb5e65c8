//! Patterns of SORT: `weight_*` is the string at the key with the element in place of the star, `object_*->name` a
//! field of the hash there, `#` the element itself.

use crate::data::command::collection::missed;
use crate::data::exec::Exec;
use crate::data::types::hash::Hash;
use crate::data::types::listpack::Entry;

/// What `pattern` leads to for `element`.
pub fn look_up(exec: &mut Exec<'_>, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = memchr::memchr(b'*', pattern)?;
    let (before, after) = (&pattern[..star], &pattern[star + 1..]);
    let (after, field) = match memchr::memmem::find(after, b"->") {
        Some(arrow) if arrow + 2 < after.len() => (&after[..arrow], Some(&after[arrow + 2..])),
        _ => (after, None),
    };
    let name = [before, element, after].concat();
    let key = exec.key(&name);
    let Some(handle) = exec.find(&key) else {
        missed(exec, &key);
        return None;
    };
    let store = exec.store(key.slot);
    match field {
        Some(field) => store.collection::<Hash>(handle).ok()?.get(field).map(Entry::to_vec),
        None => store.string(handle).map(<[u8]>::to_vec),
    }
}
