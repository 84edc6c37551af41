//! Landmarks of a picture: `cargo run --example landmarks PICTURE`.

use wingmark::face::Observer;
use wingmark::picture;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or("assets/eileen-collins.jpg".into());
    let frame = picture::read(path.as_ref())?;
    for face in Observer::builder().build()?.observe(&frame)?.faces {
        println!("a face with confidence {:.2}", face.presence);
        for landmark in face.landmarks {
            println!("  {:.1} {:.1}", landmark.at.x, landmark.at.y);
        }
    }
    Ok(())
}
