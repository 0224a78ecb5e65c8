//! What is searched: a circle or a box around a point; how far points are from each other, and which cells of the map
//! cover a shape.

use super::Point;
use super::cell::{Cell, POINT_STEPS, Span};
use std::f64::consts::PI;

/// The earth's mean radius in meters.
const EARTH_RADIUS: f64 = 6_372_797.560856;
/// Half the width of the map in meters.
const HALF_MAP: f64 = 20_037_726.37;
const RADIANS: f64 = PI / 180.0;

/// What is searched around a point; lengths in meters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// All within a radius.
    Circle(f64),
    /// All within half a width and half a height.
    Box {
        /// From west to east.
        width: f64,
        /// From south to north.
        height: f64,
    },
}

/// The great-circle distance of two points in meters, by the haversine formula.
pub fn distance(one: Point, other: Point) -> f64 {
    let v = ((other.longitude * RADIANS - one.longitude * RADIANS) / 2.0).sin();
    if v == 0.0 {
        return latitude_distance(one, other);
    }
    let (one, other) = (one.latitude * RADIANS, other.latitude * RADIANS);
    let u = ((other - one) / 2.0).sin();
    let a = u * u + one.cos() * other.cos() * v * v;
    2.0 * EARTH_RADIUS * a.sqrt().asin()
}

fn latitude_distance(one: Point, other: Point) -> f64 {
    EARTH_RADIUS * (other.latitude * RADIANS - one.latitude * RADIANS).abs()
}

impl Shape {
    /// How far `point` is from `center`, if it is within the shape around it.
    pub fn reaches(self, center: Point, point: Point) -> Option<f64> {
        match self {
            Shape::Circle(radius) => Some(distance(center, point)).filter(|&distance| distance <= radius),
            Shape::Box { width, height } => {
                let on_meridian = Point { latitude: point.latitude, ..center };
                let within =
                    latitude_distance(point, center) <= height / 2.0 && distance(point, on_meridian) <= width / 2.0;
                within.then(|| distance(center, point))
            }
        }
    }

    /// The cells that cover the shape around `center`, in the order in which Redis looks at them.
    pub fn cells(self, center: Point) -> Vec<Cell> {
        let (longitudes, latitudes) = self.bounds(center);
        let mut steps = self.steps(center.latitude);
        let mut cell = Cell::of(center, steps);
        if steps > 1 && !surrounded(cell, longitudes, latitudes) {
            steps -= 1;
            cell = Cell::of(center, steps);
        }

        // Where the cell itself reaches beyond the shape its neighbours have nothing.
        let (own_longitudes, own_latitudes) = cell.area();
        let leaves = |yes: bool| steps >= 2 && yes;
        let no_south = leaves(own_latitudes.min < latitudes.min);
        let no_north = leaves(own_latitudes.max > latitudes.max);
        let no_west = leaves(own_longitudes.min < longitudes.min);
        let no_east = leaves(own_longitudes.max > longitudes.max);
        const ORDER: [(i32, i32); 9] = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let wanted = ORDER.into_iter().filter(|&(east, north)| {
            !(north < 0 && no_south || north > 0 && no_north || east < 0 && no_west || east > 0 && no_east)
        });
        let mut cells: Vec<Cell> = Vec::new();
        for next in wanted.map(|(east, north)| cell.neighbor(east, north)) {
            // With a huge shape neighbours can be the same. (The first one is not compared, as in Redis.)
            if cells.len() < 2 || cells.last() != Some(&next) {
                cells.push(next);
            }
        }
        cells
    }

    /// The longitudes and latitudes the shape may reach.
    fn bounds(self, center: Point) -> (Span, Span) {
        let (half_width, half_height) = match self {
            Shape::Circle(radius) => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let north = half_height / EARTH_RADIUS / RADIANS;
        // Meridians are closer to each other away from the equator, so the side that is nearer to it is the wider one.
        let at = if center.latitude < 0.0 { center.latitude - north } else { center.latitude + north };
        let east = half_width / EARTH_RADIUS / (at * RADIANS).cos() / RADIANS;
        let around = |degrees: f64, delta: f64| Span { min: degrees - delta, max: degrees + delta };
        (around(center.longitude, east), around(center.latitude, north))
    }

    /// How small cells may be for nine to cover the shape.
    fn steps(self, latitude: f64) -> u32 {
        let mut meters = match self {
            Shape::Circle(radius) => radius,
            Shape::Box { width, height } => ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt(),
        };
        if meters == 0.0 {
            return POINT_STEPS;
        }
        let mut steps = 1;
        while meters < HALF_MAP {
            meters *= 2.0;
            steps += 1;
        }
        let towards_pole = i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
        (steps - 2 - towards_pole).clamp(1, POINT_STEPS as i32) as u32
    }
}

/// Whether a cell's four neighbours reach as far as a shape does.
fn surrounded(cell: Cell, longitudes: Span, latitudes: Span) -> bool {
    let area = |east, north| cell.neighbor(east, north).area();
    let short = area(0, 1).1.max < latitudes.max
        || area(0, -1).1.min > latitudes.min
        || area(1, 0).0.max < longitudes.max
        || area(-1, 0).0.min > longitudes.min;
    !short
}
