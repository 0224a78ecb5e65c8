//! The geohash: a cell of the map, halved as often in either direction as it has steps, numbered along a Z curve.

use super::Point;

/// Steps of a point: 52 bits, which a double holds exactly.
pub const POINT_STEPS: u32 = 26;

/// Where the map ends. Source: EPSG:900913; the poles are not on it.
pub const LONGITUDES: Span = Span { min: -180.0, max: 180.0 };
/// See [`LONGITUDES`].
pub const LATITUDES: Span = Span { min: -85.05112878, max: 85.05112878 };
/// The latitudes of the geohashes that others use.
pub const COMMON_LATITUDES: Span = Span { min: -90.0, max: 90.0 };

/// Bits of the latitude.
const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;
/// Bits of the longitude.
const LONGITUDE_BITS: u64 = 0xAAAA_AAAA_AAAA_AAAA;

/// From one degree to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The lower end.
    pub min: f64,
    /// The upper end.
    pub max: f64,
}

impl Span {
    /// Whether `degrees` is in it, ends included.
    pub fn contains(self, degrees: f64) -> bool {
        self.min <= degrees && degrees <= self.max
    }

    /// The number of the part `degrees` is in, of `2^steps`.
    fn part_of(self, degrees: f64, steps: u32) -> u32 {
        ((degrees - self.min) / (self.max - self.min) * (1u64 << steps) as f64) as u32
    }

    /// The part with this number, of `2^steps`.
    fn part(self, number: u32, steps: u32) -> Span {
        let (scale, parts) = (self.max - self.min, (1u64 << steps) as f64);
        let border = |number: u32| self.min + f64::from(number) / parts * scale;
        Span { min: border(number), max: border(number.wrapping_add(1)) }
    }

    fn middle(self) -> f64 {
        (self.min + self.max) / 2.0
    }
}

/// A cell of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Bits of the longitude and the latitude by turns.
    pub bits: u64,
    /// Bits of each.
    pub steps: u32,
}

impl Cell {
    /// The cell `point` is in.
    pub fn of(point: Point, steps: u32) -> Cell {
        Cell::on(point, steps, LATITUDES)
    }

    /// The same on a map that has these latitudes.
    pub fn on(point: Point, steps: u32, latitudes: Span) -> Cell {
        let (x, y) = (LONGITUDES.part_of(point.longitude, steps), latitudes.part_of(point.latitude, steps));
        Cell { bits: spread(y) | spread(x) << 1, steps }
    }

    /// The cell of a point's score. Scores that are none give some cell too.
    pub fn of_score(score: f64) -> Cell {
        Cell { bits: score as i64 as u64, steps: POINT_STEPS }
    }

    /// Its longitudes and latitudes.
    pub fn area(self) -> (Span, Span) {
        (LONGITUDES.part(gather(self.bits >> 1), self.steps), LATITUDES.part(gather(self.bits), self.steps))
    }

    /// The point in its middle.
    pub fn middle(self) -> Point {
        let (longitudes, latitudes) = self.area();
        Point {
            longitude: longitudes.middle().clamp(LONGITUDES.min, LONGITUDES.max),
            latitude: latitudes.middle().clamp(LATITUDES.min, LATITUDES.max),
        }
    }

    /// The scores of the points in it: from the first to below the second.
    pub fn scores(self) -> (f64, f64) {
        let shift = 52 - 2 * self.steps;
        ((self.bits << shift) as f64, ((self.bits + 1) << shift) as f64)
    }

    /// The cell `east` and `north` steps away, of one at most; the map goes round in both directions.
    pub fn neighbor(self, east: i32, north: i32) -> Cell {
        let moved = self.moved(LONGITUDE_BITS, LATITUDE_BITS, east);
        moved.moved(LATITUDE_BITS, LONGITUDE_BITS, north)
    }

    /// Moves along the direction that has the bits `own`.
    fn moved(self, own: u64, other: u64, by: i32) -> Cell {
        let unused = 64 - 2 * self.steps;
        // With all bits of the other direction set a carry passes through them.
        let (mine, through) = (self.bits & own, other >> unused);
        let moved = match by {
            0 => return self,
            1.. => mine.wrapping_add(through + 1),
            _ => (mine | through).wrapping_sub(through + 1),
        };
        Cell { bits: moved & (own >> unused) | self.bits & other, steps: self.steps }
    }
}

/// Spreads 32 bits over the even bits of 64.
fn spread(bits: u32) -> u64 {
    let mut bits = u64::from(bits);
    for (shift, mask) in [
        (16, 0x0000_FFFF_0000_FFFF),
        (8, 0x00FF_00FF_00FF_00FF),
        (4, 0x0F0F_0F0F_0F0F_0F0F),
        (2, 0x3333_3333_3333_3333),
        (1, LATITUDE_BITS),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Gathers the even bits.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & LATITUDE_BITS;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0F0F_0F0F_0F0F_0F0F),
        (4, 0x00FF_00FF_00FF_00FF),
        (8, 0x0000_FFFF_0000_FFFF),
        (16, 0x0000_0000_FFFF_FFFF),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}
