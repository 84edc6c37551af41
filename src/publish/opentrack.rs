//! opentrack's "UDP over network": six little-endian 64-bit floats, x, y, z in centimetres, yaw,
//! pitch, roll in degrees.
//!
//! Axes of the person: x to the right, y up, z away from the screen; yaw to the right, pitch up,
//! roll to the right shoulder. A user turns axes around in opentrack's mapping. Of several faces,
//! the nearest is followed.

use super::udp::Udp;
use super::{PublishError, Receiver, Way};
use crate::face::nearest::Nearest;
use crate::face::pose::HeadPose;
use crate::record::entry::Entry;

/// Bytes of a datagram.
pub const PACKET: usize = 48;

pub struct OpenTrack {
    udp: Udp,
    nearest: Nearest,
}

impl OpenTrack {
    pub fn new(udp: Udp) -> Self {
        OpenTrack { udp, nearest: Nearest::default() }
    }
}

impl Receiver for OpenTrack {
    /// A frame without a head sends nothing: the game keeps its view.
    fn deliver(&mut self, entry: &Entry) -> Result<Way, PublishError> {
        let pose = self.nearest.choose(&entry.seen.faces).and_then(|face| face.measures.pose.as_ref());
        pose.map_or(Ok(Way::Unused), |pose| self.udp.send(&packet(pose)).map(|()| Way::Works))
    }
}

fn packet(pose: &HeadPose) -> [u8; PACKET] {
    let at = pose.position / 10.0;
    let numbers = [-at.x, -at.y, at.z, pose.yaw_deg(), -pose.pitch_deg(), -pose.roll_deg()];
    let mut bytes = [0; PACKET];
    for (place, number) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
        *place = f64::from(number).to_le_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix6, Rotation3, Vector3};

    use super::*;

    #[test]
    fn the_packet_is_six_little_endian_doubles_from_the_persons_view() {
        // The nose points to the left in the picture, which is the person's right, and up; the head
        // leans to that side.
        let turn = |axis, degrees: f32| Rotation3::from_axis_angle(&axis, degrees.to_radians());
        let camera_from_head =
            turn(Vector3::x_axis(), -10.0) * turn(Vector3::y_axis(), 20.0) * turn(Vector3::z_axis(), -5.0);
        let position = Vector3::new(-100.0, 50.0, 600.0);
        let pose = HeadPose { camera_from_head, position, covariance: Matrix6::identity() };
        let bytes = packet(&pose);
        let numbers: Vec<f64> = bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
        let expected = [10.0, -5.0, 60.0, 20.0, 10.0, 5.0];
        assert!(numbers.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{numbers:?}");
        assert_eq!(bytes[16..24], 60f64.to_le_bytes());
    }
}
