//! Points around a place: GEOSEARCH, GEOSEARCHSTORE, and their older names GEORADIUS and GEORADIUSBYMEMBER.

use super::cell::Cell;
use super::shape::Shape;
use super::{Point, unit, write_distance, write_point};
use crate::base::double;
use crate::data::command::collection::{missed, read};
use crate::data::command::number::parse_i64;
use crate::data::command::zset::{current, store_result};
use crate::data::exec::Exec;
use crate::data::types::listpack::Entry;
use crate::data::types::zset::{Cut, Zset};
use crate::resp::{Error, Reply};

/// `GEORADIUS key longitude latitude radius unit [option ...]`
pub fn georadius(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    search(exec, args, Form::Radius { of_member: false, stores: true })
}

/// `GEORADIUS_RO key longitude latitude radius unit [option ...]`
pub fn georadius_ro(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    search(exec, args, Form::Radius { of_member: false, stores: false })
}

/// `GEORADIUSBYMEMBER key member radius unit [option ...]`
pub fn georadiusbymember(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    search(exec, args, Form::Radius { of_member: true, stores: true })
}

/// `GEORADIUSBYMEMBER_RO key member radius unit [option ...]`
pub fn georadiusbymember_ro(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    search(exec, args, Form::Radius { of_member: true, stores: false })
}

/// `GEOSEARCH key FROMMEMBER member | FROMLONLAT longitude latitude BYRADIUS radius unit | BYBOX width height unit
/// [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]`
pub fn geosearch(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    search(exec, args, Form::Search { stores: false })
}

/// `GEOSEARCHSTORE destination source` and as GEOSEARCH `[STOREDIST]`
pub fn geosearchstore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    search(exec, args, Form::Search { stores: true })
}

/// How a command is written.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Radius { of_member: bool, stores: bool },
    Search { stores: bool },
}

/// What a command wants.
#[derive(Default)]
struct Asked<'a> {
    center: Option<Point>,
    from_member: bool,
    from_place: bool,
    shape: Option<Shape>,
    /// Meters of the unit distances are told in.
    unit: f64,
    descending: Option<bool>,
    count: Option<usize>,
    any: bool,
    with_distance: bool,
    with_hash: bool,
    with_point: bool,
    store: Option<&'a [u8]>,
    store_distances: bool,
}

/// A point that was found.
struct Found<'z> {
    member: Entry<'z>,
    score: f64,
    point: Point,
    /// Meters to the center.
    distance: f64,
}

fn search(exec: &mut Exec<'_>, args: &[&[u8]], form: Form) -> Result<(), Error> {
    let is_search_store = form == Form::Search { stores: true };
    let source = exec.key(args[if is_search_store { 2 } else { 1 }]);
    if read::<Zset>(exec.stores, exec.db, &source, exec.now)?.is_none() {
        missed(exec, &source);
    }
    let zset = current(exec.stores, exec.db, &source, exec.now)?;
    let asked = Asked::parse(args, form, zset)?;

    let mut found = Vec::new();
    if let (Some(zset), Some(center), Some(shape)) = (zset, asked.center, asked.shape) {
        found = asked.find(zset, center, shape);
    }
    let Some(destination) = asked.store else {
        exec.reply.array(found.len());
        found.iter().for_each(|found| asked.write(&mut exec.reply, found));
        return Ok(());
    };

    let mut result = Zset::default();
    for found in &found {
        let score = if asked.store_distances { found.distance / asked.unit } else { found.score };
        result.set(found.member.text(&mut itoa::Buffer::new()), score, &exec.settings.encodings);
    }
    let count = found.len();
    exec.reply.int(count as i64);
    let destination = exec.key(destination);
    let event = if is_search_store { "geosearchstore" } else { "georadiusstore" };
    store_result(exec, &destination, result, event);
    // Redis counts each point.
    exec.changed(count.saturating_sub(1) as u64);
    Ok(())
}

impl<'a> Asked<'a> {
    fn parse(args: &[&'a [u8]], form: Form, zset: Option<&Zset>) -> Result<Asked<'a>, Error> {
        let mut asked = Asked { unit: 1.0, ..Asked::default() };
        let options = match form {
            Form::Radius { of_member: false, .. } => {
                asked.center = Some(Point::parse(args[2], args[3])?);
                asked.set_circle(args[4], args[5])?;
                &args[6..]
            }
            Form::Radius { of_member: true, .. } => {
                // Without a source what is written there is not looked at.
                if let Some(zset) = zset {
                    asked.center = Some(point_of(zset, args[2])?);
                    asked.set_circle(args[3], args[4])?;
                }
                &args[5..]
            }
            Form::Search { stores: false } => &args[2..],
            Form::Search { stores: true } => {
                asked.store = Some(args[1]);
                &args[3..]
            }
        };
        asked.parse_options(options, form, zset)?;
        asked.check(args[0], form)?;
        Ok(asked)
    }

    fn parse_options(&mut self, mut options: &[&'a [u8]], form: Form, zset: Option<&Zset>) -> Result<(), Error> {
        let is_search = matches!(form, Form::Search { .. });
        let names_destination = matches!(form, Form::Radius { stores: true, .. });
        while let [word, rest @ ..] = options {
            options = match (word.to_ascii_lowercase().as_slice(), rest) {
                (b"withdist", _) => {
                    self.with_distance = true;
                    rest
                }
                (b"withhash", _) => {
                    self.with_hash = true;
                    rest
                }
                (b"withcoord", _) => {
                    self.with_point = true;
                    rest
                }
                (b"any", _) => {
                    self.any = true;
                    rest
                }
                (b"asc", _) => {
                    self.descending = Some(false);
                    rest
                }
                (b"desc", _) => {
                    self.descending = Some(true);
                    rest
                }
                (b"count", [count, rest @ ..]) => {
                    let count = parse_i64(count).ok_or(Error::NotAnInteger)?;
                    let count = usize::try_from(count).ok().filter(|&count| count > 0);
                    self.count = Some(count.ok_or(Error::new("ERR COUNT must be > 0"))?);
                    rest
                }
                (name @ (b"store" | b"storedist"), [key, rest @ ..]) if names_destination => {
                    self.store = Some(key);
                    self.store_distances = name == b"storedist";
                    rest
                }
                (b"storedist", _) if form == (Form::Search { stores: true }) => {
                    self.store_distances = true;
                    rest
                }
                (b"frommember", [member, rest @ ..]) if is_search && !self.from_place => {
                    if let Some(zset) = zset {
                        self.center = Some(point_of(zset, member)?);
                    }
                    self.from_member = true;
                    rest
                }
                (b"fromlonlat", [longitude, latitude, rest @ ..]) if is_search && !self.from_member => {
                    self.center = Some(Point::parse(longitude, latitude)?);
                    self.from_place = true;
                    rest
                }
                (b"byradius", [radius, unit, rest @ ..])
                    if is_search && !matches!(self.shape, Some(Shape::Box { .. })) =>
                {
                    self.set_circle(radius, unit)?;
                    rest
                }
                (b"bybox", [width, height, unit, rest @ ..])
                    if is_search && !matches!(self.shape, Some(Shape::Circle(_))) =>
                {
                    self.set_box(width, height, unit)?;
                    rest
                }
                _ => return Err(Error::Syntax),
            };
        }
        Ok(())
    }

    fn set_circle(&mut self, radius: &[u8], word: &[u8]) -> Result<(), Error> {
        let radius = double::parse(radius).ok_or(Error::new("ERR need numeric radius"))?;
        if radius < 0.0 {
            return Err(Error::new("ERR radius cannot be negative"));
        }
        self.unit = unit(word)?;
        self.shape = Some(Shape::Circle(radius * self.unit));
        Ok(())
    }

    fn set_box(&mut self, width: &[u8], height: &[u8], word: &[u8]) -> Result<(), Error> {
        let width = double::parse(width).ok_or(Error::new("ERR need numeric width"))?;
        let height = double::parse(height).ok_or(Error::new("ERR need numeric height"))?;
        if width < 0.0 || height < 0.0 {
            return Err(Error::new("ERR height or width cannot be negative"));
        }
        self.unit = unit(word)?;
        self.shape = Some(Shape::Box { width: width * self.unit, height: height * self.unit });
        Ok(())
    }

    /// Refuses what does not go together.
    fn check(&self, name: &[u8], form: Form) -> Result<(), Error> {
        let is_search = matches!(form, Form::Search { .. });
        if self.store.is_some() && (self.with_distance || self.with_hash || self.with_point) {
            let what = if is_search { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return Err(Error::new(format!(
                "ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        if is_search && !self.from_member && !self.from_place {
            return Err(Error::Bytes(
                [b"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ", name].concat(),
            ));
        }
        if is_search && self.shape.is_none() {
            return Err(Error::Bytes([b"ERR exactly one of BYRADIUS and BYBOX can be specified for ", name].concat()));
        }
        if self.any && self.count.is_none() {
            return Err(Error::new("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    /// The points wanted, in the order wanted.
    fn find<'z>(&self, zset: &'z Zset, center: Point, shape: Shape) -> Vec<Found<'z>> {
        let enough = if self.any { self.count.unwrap_or(usize::MAX) } else { usize::MAX };
        let mut found = Vec::new();
        for cell in shape.cells(center) {
            let (min, max) = cell.scores();
            let (start, end) = (zset.count_before(Cut::BeforeScore(min)), zset.count_before(Cut::BeforeScore(max)));
            let within = zset.range(start..end.max(start), false).filter_map(|(member, score)| {
                let point = Cell::of_score(score).middle();
                let distance = shape.reaches(center, point)?;
                Some(Found { member, score, point, distance })
            });
            found.extend(within.take(enough - found.len()));
        }
        // The nearest ones are wanted if only some are, unless any will do.
        let descending = self.descending.or((self.count.is_some() && !self.any).then_some(false));
        match descending {
            Some(false) => found.sort_by(|one, other| one.distance.total_cmp(&other.distance)),
            Some(true) => found.sort_by(|one, other| other.distance.total_cmp(&one.distance)),
            None => {}
        }
        found.truncate(self.count.unwrap_or(usize::MAX));
        found
    }

    fn write(&self, reply: &mut Reply<'_>, found: &Found<'_>) {
        let extras = [self.with_distance, self.with_hash, self.with_point].into_iter().filter(|&wanted| wanted).count();
        if extras > 0 {
            reply.array(extras + 1);
        }
        reply.bulk(found.member.text(&mut itoa::Buffer::new()));
        if self.with_distance {
            write_distance(reply, found.distance / self.unit);
        }
        if self.with_hash {
            reply.int(found.score as i64);
        }
        if self.with_point {
            write_point(reply, found.point);
        }
    }
}

/// Where a member is.
fn point_of(zset: &Zset, member: &[u8]) -> Result<Point, Error> {
    let score = zset.score(member).ok_or(Error::new("ERR could not decode requested zset member"))?;
    Ok(Cell::of_score(score).middle())
}
