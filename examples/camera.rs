//! A camera's loop: `cargo run --example camera [/dev/video0]`. Prints where each nose is, until
//! the camera ends.

use std::path::PathBuf;

use wingmark::capture::{Camera, CameraWish, Captured, Source};
use wingmark::face::Observer;
use wingmark::picture::frame::Frame;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = std::env::args_os().nth(1).map(PathBuf::from);
    let mut camera = Camera::open(node.as_deref(), CameraWish::default())?;
    let mut observer = Observer::builder().threads(2).build()?;
    // Reused from frame to frame, so that its bytes are allocated once.
    let mut frame = Frame::default();
    loop {
        match camera.capture_into(&mut frame)? {
            Captured::Frame => {
                for face in observer.observe(&frame)?.faces {
                    let nose = face.landmarks[30].at;
                    println!("{} face {}: {:.1} {:.1}", frame.sequence(), face.id, nose.x, nose.y);
                }
            }
            Captured::Damaged => eprintln!("a damaged frame"),
            Captured::Nothing => {}
            Captured::Waiting(status) => eprintln!("{status}"),
            Captured::End => return Ok(()),
        }
    }
}
