//! Points of one key: GEOADD, GEOPOS, GEODIST, GEOHASH.

use super::cell::{COMMON_LATITUDES, Cell, POINT_STEPS};
use super::{Point, shape, unit, write_distance, write_point};
use crate::data::command::collection::{missed, read};
use crate::data::command::zset::add::zadd;
use crate::data::command::zset::lookup::each_score;
use crate::data::exec::Exec;
use crate::data::types::zset::Zset;
use crate::resp::Error;

/// `GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]`
pub fn geoadd(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let is_option = |word: &&&[u8]| [&b"nx"[..], b"xx", b"ch"].iter().any(|name| word.eq_ignore_ascii_case(name));
    let first = 2 + args[2..].iter().take_while(is_option).count();
    let has = |name: &[u8]| args[2..first].iter().any(|word| word.eq_ignore_ascii_case(name));
    let points = &args[first..];
    if !points.len().is_multiple_of(3) || has(b"nx") && has(b"xx") {
        return Err(Error::Syntax);
    }
    // Points are the scores of a sorted set: the rest is ZADD's.
    let mut command = vec![&b"zadd"[..]];
    command.extend(&args[1..first]);
    for point in points.chunks(3) {
        let cell = Cell::of(Point::parse(point[0], point[1])?, POINT_STEPS);
        let score = exec.scratch.alloc_slice_copy(itoa::Buffer::new().format(cell.bits).as_bytes());
        command.extend([&*score, point[2]]);
    }
    zadd(exec, &command)?;
    exec.replicate_as(&command);
    Ok(())
}

/// `GEOPOS key [member ...]`
pub fn geopos(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    each_score(exec, args, |reply, score| match score {
        Some(score) => write_point(reply, Cell::of_score(score).middle()),
        None => reply.null_array(),
    })
}

/// `GEODIST key member1 member2 [M | KM | FT | MI]`
pub fn geodist(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let unit = match args[4..] {
        [] => 1.0,
        [word] => unit(word)?,
        _ => return Err(Error::Syntax),
    };
    let key = exec.key(args[1]);
    let zset = read::<Zset>(exec.stores, exec.db, &key, exec.now)?;
    let point = |member| zset?.score(member).map(|score| Cell::of_score(score).middle());
    match (point(args[2]), point(args[3])) {
        (Some(one), Some(other)) => write_distance(&mut exec.reply, shape::distance(one, other) / unit),
        _ => exec.reply.null(),
    }
    if zset.is_none() {
        missed(exec, &key);
    }
    Ok(())
}

/// `GEOHASH key [member ...]`
pub fn geohash(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    each_score(exec, args, |reply, score| match score {
        Some(score) => reply.bulk(&common_geohash(Cell::of_score(score).middle())),
        None => reply.null(),
    })
}

/// The geohash as others write it, on a map that has the poles. The last of its digits has no bits left.
fn common_geohash(point: Point) -> [u8; 11] {
    const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let bits = Cell::on(point, POINT_STEPS, COMMON_LATITUDES).bits;
    std::array::from_fn(|digit| match digit {
        10 => ALPHABET[0],
        _ => ALPHABET[(bits >> (52 - (digit + 1) * 5)) as usize & 31],
    })
}
