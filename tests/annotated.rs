//! The whole Observer on points that a person read off the built-in picture, enlarged 15 times: no
//! net had a part in them.

use std::path::Path;

use nalgebra::Point2;
use wingmark::face::{Observer, Options, zoo};
use wingmark::picture;

/// Landmarks of iBUG's scheme, in pixels with the first one's centre at (0, 0). The person who read
/// them trusts them to 2 px.
const READ: [(usize, [f32; 2], &str); 7] = [
    (36, [194.2, 100.5], "outer corner of the right eye"),
    (39, [212.5, 103.0], "its inner corner"),
    (42, [236.4, 104.8], "inner corner of the left eye"),
    (45, [258.2, 103.2], "its outer corner"),
    (33, [224.5, 132.9], "below the nose"),
    (48, [202.7, 138.8], "right corner of the mouth"),
    (54, [246.0, 139.2], "its left corner"),
];

/// Between the outer corners of the eyes.
const EYES_PX: f32 = 64.1;

#[test]
fn the_built_in_face_has_its_landmarks_where_a_person_sees_them() {
    let frame = picture::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/eileen-collins.jpg")).unwrap();
    let net = |name| zoo::shipped(name).unwrap().load().unwrap();
    for name in ["nano", "small", "base"].into_iter().filter(|name| zoo::shipped(name).is_ok()) {
        let mut observer = Observer::new(&net(zoo::FACES), &net(name), &Options::unsmoothed()).unwrap();
        let faces = observer.observe(&frame).unwrap().faces;
        assert_eq!(faces.len(), 1, "{name}");
        let off = READ.map(|(landmark, [x, y], what)| {
            let off = (faces[0].landmarks[landmark].at - Point2::new(x, y)).norm();
            assert!(off < 0.06 * EYES_PX, "{name}: {what} is {off} px off");
            off
        });
        let mean = off.iter().sum::<f32>() / off.len() as f32;
        assert!(mean < 0.03 * EYES_PX, "{name}: {mean} px off in the mean");
    }
}
