//! The geo commands: points of the earth as scores of a sorted set, geohashes of 52 bits. Run on the core that owns the
//! key's slot.
//!
//! `cell` is the geohash, `shape` what is searched and how far points are from each other. All arithmetic is Redis's,
//! step by step, so that every digit is the same.

pub mod cell;
pub mod point;
pub mod search;
pub mod shape;

#[cfg(test)]
mod tests;

use crate::base::double;
use crate::data::exec::Handler;
use crate::resp::{Error, Proto, Reply};
use cell::{LATITUDES, LONGITUDES};

/// The geo commands by name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("geoadd", point::geoadd),
    ("geodist", point::geodist),
    ("geohash", point::geohash),
    ("geopos", point::geopos),
    ("georadius", search::georadius),
    ("georadius_ro", search::georadius_ro),
    ("georadiusbymember", search::georadiusbymember),
    ("georadiusbymember_ro", search::georadiusbymember_ro),
    ("geosearch", search::geosearch),
    ("geosearchstore", search::geosearchstore),
];

/// A place on the earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// East of Greenwich, or west if negative.
    pub longitude: f64,
    /// North of the equator, or south if negative.
    pub latitude: f64,
}

impl Point {
    /// Reads a longitude and a latitude.
    fn parse(longitude: &[u8], latitude: &[u8]) -> Result<Point, Error> {
        let number = |text| double::parse(text).ok_or(Error::NotAFloat);
        let (longitude, latitude) = (number(longitude)?, number(latitude)?);
        if !LONGITUDES.contains(longitude) || !LATITUDES.contains(latitude) {
            return Err(Error::new(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}")));
        }
        Ok(Point { longitude, latitude })
    }
}

/// How many meters a unit is.
fn unit(word: &[u8]) -> Result<f64, Error> {
    match word.to_ascii_lowercase().as_slice() {
        b"m" => Ok(1.0),
        b"km" => Ok(1000.0),
        b"ft" => Ok(0.3048),
        b"mi" => Ok(1609.34),
        _ => Err(Error::new("ERR unsupported unit provided. please use M, KM, FT, MI")),
    }
}

/// Writes a distance, with four digits behind the point.
fn write_distance(reply: &mut Reply<'_>, distance: f64) {
    let units = (distance * 10_000.0).round_ties_even() as u64;
    reply.bulk(format!("{}.{:04}", units / 10_000, units % 10_000).as_bytes());
}

/// Writes a point as an array of longitude and latitude.
fn write_point(reply: &mut Reply<'_>, point: Point) {
    reply.array(2);
    for degrees in [point.longitude, point.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        let text = if text == "-0" { "0" } else { text };
        match reply.proto() {
            Proto::Resp2 => reply.bulk(text.as_bytes()),
            Proto::Resp3 => reply.raw(format!(",{text}\r\n").as_bytes()),
        }
    }
}
