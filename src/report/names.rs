//! Where the names of a chart's points stand: each touches its own point, or has a line to it, and
//! nothing else.

/// Of a character, at most, and above and below the base of a line, in pixels.
const CHARACTER: f64 = 9.0;
const ASCENT: f64 = 11.0;
const DESCENT: f64 = 4.0;
/// Between a point and the name beside it.
const GAP: f64 = 5.0;
/// Kept free around everything.
const MARGIN: f64 = 3.0;
/// Rows, and how far aside in them, that are tried for a name with a line.
const ROW: f64 = ASCENT + DESCENT + 2.0 * MARGIN;
const ROWS: i32 = 20;
const ASIDE: [f64; 7] = [14.0, 30.0, 50.0, 80.0, 120.0, 180.0, 260.0];

/// The place of a name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NamePlace {
    /// Where its text begins, on the base of the line.
    pub at: [f64; 2],
    /// Where a line from the point ends, if the name stands apart from it.
    pub line_to: Option<[f64; 2]>,
}

#[derive(Debug, Clone, Copy)]
struct Area {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Area {
    fn of_point([x, y]: [f64; 2], radius: f64) -> Self {
        Area { left: x - radius, right: x + radius, top: y - radius, bottom: y + radius }
    }

    fn of_name([x, base]: [f64; 2], width: f64) -> Self {
        Area { left: x, right: x + width, top: base - ASCENT, bottom: base + DESCENT }
    }

    fn touches(&self, other: &Area) -> bool {
        self.left < other.right + MARGIN
            && other.left < self.right + MARGIN
            && self.top < other.bottom + MARGIN
            && other.top < self.bottom + MARGIN
    }

    fn is_crossed(&self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) -> bool {
        (0..=32)
            .map(|i| f64::from(i) / 32.0)
            .any(|part| self.touches(&Area::of_point([x1 + (x2 - x1) * part, y1 + (y2 - y1) * part], 0.0)))
    }

    fn is_inside(&self, outer: &Area) -> bool {
        self.left >= outer.left && self.right <= outer.right && self.top >= outer.top && self.bottom <= outer.bottom
    }
}

/// Places for the names of points of this radius within `left, top, right, bottom`, in their order.
/// Where there is no room left, a name stands beside its point, whatever it covers.
pub(super) fn places(names: &[String], points: &[[f64; 2]], radius: f64, bounds: [f64; 4]) -> Vec<NamePlace> {
    let [left, top, right, bottom] = bounds;
    let bounds = Area { left, right, top, bottom };
    let markers: Vec<Area> = points.iter().map(|point| Area::of_point(*point, radius)).collect();
    let mut taken: Vec<Area> = Vec::new();
    let mut lines: Vec<[[f64; 2]; 2]> = Vec::new();
    let mut places = Vec::new();
    for (name, point) in names.iter().zip(points) {
        let width = CHARACTER * name.chars().count() as f64;
        let is_free = |place: &NamePlace| {
            let area = Area::of_name(place.at, width);
            let is_own = |marker: &Area| marker.touches(&Area::of_point(*point, 0.0));
            area.is_inside(&bounds)
                && !markers.iter().chain(&taken).any(|other| other.touches(&area))
                && !lines.iter().any(|[from, to]| area.is_crossed(*from, *to))
                && place.line_to.is_none_or(|to| {
                    let others = markers.iter().filter(|marker| !is_own(marker));
                    !others.chain(&taken).any(|other| other.is_crossed(*point, to))
                })
        };
        let mut all = candidates(*point, radius, width);
        let place = all.clone().find(is_free).or_else(|| all.next());
        if let Some(place) = place {
            taken.push(Area::of_name(place.at, width));
            lines.extend(place.line_to.map(|to| [*point, to]));
            places.push(place);
        }
    }
    places
}

/// Beside the point, below, above, at its left; then ever further off, with a line.
fn candidates([x, y]: [f64; 2], radius: f64, width: f64) -> impl Iterator<Item = NamePlace> + Clone {
    let (middle, apart) = (y + (ASCENT - DESCENT) / 2.0, radius + GAP);
    let near = [
        [x + apart, middle],
        [x - width / 2.0, y + apart + ASCENT],
        [x - width / 2.0, y - apart - DESCENT],
        [x - apart - width, middle],
    ];
    let far = (0..ROWS).flat_map(|row| [row, -row]).flat_map(move |row| {
        let down = ROW * f64::from(row);
        ASIDE.into_iter().flat_map(move |aside| {
            let right = NamePlace { at: [x + aside, middle + down], line_to: Some([x + aside - MARGIN, y + down]) };
            let left =
                NamePlace { at: [x - aside - width, middle + down], line_to: Some([x - aside + MARGIN, y + down]) };
            [right, left]
        })
    });
    near.into_iter().map(|at| NamePlace { at, line_to: None }).chain(far)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RADIUS: f64 = 5.0;
    const BOUNDS: [f64; 4] = [0.0, 30.0, 560.0, 300.0];

    /// Whether each name touches its own point, or has a line to it, and no other thing.
    fn check(names: &[String], points: &[[f64; 2]]) {
        let places = places(names, points, RADIUS, BOUNDS);
        assert_eq!(places.len(), names.len());
        let areas: Vec<Area> = names
            .iter()
            .zip(&places)
            .map(|(name, place)| Area::of_name(place.at, CHARACTER * name.chars().count() as f64))
            .collect();
        for (i, (area, place)) in areas.iter().zip(&places).enumerate() {
            assert!(!areas[..i].iter().any(|other| other.touches(area)), "{places:?} of {points:?}");
            let markers = points.iter().map(|point| Area::of_point(*point, RADIUS));
            assert!(!markers.into_iter().any(|marker| marker.touches(area)), "{places:?} of {points:?}");
            let [x, y] = place.line_to.unwrap_or(points[i]);
            let end = Area::of_point([x, y], if place.line_to.is_some() { MARGIN } else { RADIUS + GAP });
            assert!(end.touches(area), "{place:?} is far from {:?}", points[i]);
        }
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| ["small", "base", "nano, 2 threads"][i % 3].to_owned()).collect()
    }

    #[test]
    fn names_touch_their_points_and_nothing_else() {
        let mut state = 1u32;
        let mut random = |below: f64| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24) * below
        };
        for count in 1..8 {
            for _ in 0..20 {
                let points: Vec<_> = (0..count).map(|_| [60.0 + random(390.0), 50.0 + random(230.0)]).collect();
                check(&names(count), &points);
            }
        }
    }

    #[test]
    fn points_in_one_place_have_a_name_each() {
        check(&names(5), &[[250.0, 156.7]; 5]);
        check(&names(5), &[[450.0, 156.7]; 5]);
    }
}
