//! Foxglove's `ImageAnnotations`: each face's points, the curves through them, and a label.
//!
//! Foxglove's origin is the corner of the first pixel, ours its centre: half a pixel is added.

use nalgebra::Point2;
use serde::Serialize;
use serde_json::{Value, json};

use super::entry::Entry;
use crate::face::Face;
use crate::model::scheme::IBUG_68;

#[derive(Serialize)]
pub struct ImageAnnotations {
    circles: [(); 0],
    points: Vec<PointsAnnotation>,
    texts: Vec<TextAnnotation>,
}

#[derive(Serialize)]
struct PointsAnnotation {
    timestamp: Time,
    r#type: u8,
    points: Vec<Point>,
    outline_color: Color,
    outline_colors: [Color; 0],
    fill_color: Color,
    thickness: f64,
}

#[derive(Serialize)]
struct TextAnnotation {
    timestamp: Time,
    position: Point,
    text: String,
    font_size: f64,
    text_color: Color,
    background_color: Color,
}

#[derive(Clone, Copy, Serialize)]
struct Time {
    sec: u64,
    nsec: u64,
}

#[derive(Clone, Copy, Serialize)]
struct Point {
    x: f64,
    y: f64,
}

#[derive(Clone, Copy, Serialize)]
struct Color {
    r: f32,
    g: f32,
    b: f32,
    a: f32,
}

/// Values of `PointsAnnotation.type`.
const POINTS: u8 = 1;
const LINE_LIST: u8 = 4;

const GREEN: Color = Color { r: 0.2, g: 1.0, b: 0.4, a: 1.0 };
const YELLOW: Color = Color { r: 1.0, g: 0.9, b: 0.2, a: 1.0 };
const SHADE: Color = Color { r: 0.0, g: 0.0, b: 0.0, a: 0.6 };

impl ImageAnnotations {
    pub fn of(entry: &Entry) -> Self {
        let wall = entry.wall_nanos();
        let timestamp = Time { sec: wall / 1_000_000_000, nsec: wall % 1_000_000_000 };
        let faces = &entry.seen.faces;
        ImageAnnotations {
            circles: [],
            points: faces.iter().flat_map(|face| drawing(face, timestamp)).collect(),
            texts: faces.iter().map(|face| label(face, timestamp)).collect(),
        }
    }
}

/// The curves of the scheme, then the points on top.
fn drawing(face: &Face, timestamp: Time) -> [PointsAnnotation; 2] {
    let annotation = |r#type, points, colour, thickness| PointsAnnotation {
        timestamp,
        r#type,
        points,
        outline_color: colour,
        outline_colors: [],
        fill_color: colour,
        thickness,
    };
    let at = |i: usize| point(face.landmarks[i].at);
    let segments = IBUG_68.curves.iter().flat_map(|curve| curve.points.windows(2)).flatten();
    let lines = annotation(LINE_LIST, segments.map(|&i| at(i)).collect(), GREEN, 1.0);
    let dots = annotation(POINTS, (0..face.landmarks.len()).map(at).collect(), YELLOW, 2.0);
    [lines, dots]
}

fn label(face: &Face, timestamp: Time) -> TextAnnotation {
    TextAnnotation {
        timestamp,
        position: point(face.bounds.min),
        text: format!("face {}: {:.0} %", face.id, face.presence * 100.0),
        font_size: 12.0,
        text_color: YELLOW,
        background_color: SHADE,
    }
}

fn point(p: Point2<f32>) -> Point {
    let corner = |v: f32| (f64::from(v + 0.5) * 1e3).round() / 1e3;
    Point { x: corner(p.x), y: corner(p.y) }
}

/// The JSON schema of the message, spelled out: readers of MCAP need not follow references.
pub fn schema() -> Value {
    let number = || json!({ "type": "number" });
    let count = |maximum: u64| json!({ "type": "integer", "minimum": 0, "maximum": maximum });
    let object = |title: &str, properties: Value| json!({ "type": "object", "title": title, "properties": properties });
    let list = |items: Value| json!({ "type": "array", "items": items });
    let time = || object("time", json!({ "sec": count(u64::from(u32::MAX)), "nsec": count(999_999_999) }));
    let point = || object("foxglove.Point2", json!({ "x": number(), "y": number() }));
    let colour = || object("foxglove.Color", json!({ "r": number(), "g": number(), "b": number(), "a": number() }));
    let circle = json!({
        "timestamp": time(), "position": point(), "diameter": number(), "thickness": number(),
        "fill_color": colour(), "outline_color": colour(),
    });
    let points = json!({
        "timestamp": time(), "type": count(4), "points": list(point()), "outline_color": colour(),
        "outline_colors": list(colour()), "fill_color": colour(), "thickness": number(),
    });
    let text = json!({
        "timestamp": time(), "position": point(), "text": { "type": "string" }, "font_size": number(),
        "text_color": colour(), "background_color": colour(),
    });
    object(
        "foxglove.ImageAnnotations",
        json!({
            "circles": list(object("foxglove.CircleAnnotation", circle)),
            "points": list(object("foxglove.PointsAnnotation", points)),
            "texts": list(object("foxglove.TextAnnotation", text)),
        }),
    )
}
