//! Which photograph a file shows, by its name, and whether it is held out of training: all faces of
//! a photograph go the same way, on every machine and in every run.
//!
//! Landmark nets and the detector hold out different photographs. Both rules stay as they are: the
//! shipped nets learned by them, and by another rule they would be judged by what they have seen.
//! `photographs.csv` has names with the answers of both, which the tests here and
//! `tests/accuracy/held_out.py` are held to.

/// What is held out of the training of a kind of nets.
pub struct HoldOut {
    /// One photograph of so many.
    one_in: u64,
    /// The name that all faces of a photograph have in common.
    photograph: fn(&str) -> &str,
}

/// Of landmark nets, and of what is fitted to them: presence, eyes, shapes, calibration.
pub const OF_LANDMARKS: HoldOut = HoldOut { one_in: 10, photograph: without_last_number };
/// Of the face detector.
pub const OF_DETECTOR: HoldOut = HoldOut { one_in: 8, photograph: without_number_of_cut };

impl HoldOut {
    pub fn has(&self, file: &str) -> bool {
        name_hash(self.photograph(file)).is_multiple_of(self.one_in)
    }

    pub fn photograph<'a>(&self, file: &'a str) -> &'a str {
        (self.photograph)(stem(file))
    }
}

fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// A last number tells the faces of a photograph apart where a number stands before it, too
/// (`helen_3036412907_2`); else it is the photograph's own (`lfpw_image_0125`).
fn without_last_number(stem: &str) -> &str {
    match stem.rsplit_once('_') {
        Some((name, number)) if is_number(number) && name.bytes().any(|b| b.is_ascii_digit()) => name,
        _ => stem,
    }
}

/// Sets that cut a photograph into faces number them at the end, and WFLW's photographs are WIDER
/// FACE's.
fn without_number_of_cut(stem: &str) -> &str {
    let is_numbered = ["helen_", "wflw_", "cacd_", "ytf_", "rmfd_"].iter().any(|set| stem.starts_with(set));
    // A cut of WIDER FACE has one number more than the photograph.
    let is_cut = stem.starts_with("wider_") && stem.rsplit('_').take_while(|part| is_number(part)).count() > 2;
    let name = if is_numbered || is_cut { stem.rsplit_once('_').map_or(stem, |(name, _)| name) } else { stem };
    name.strip_prefix("wflw_").or(name.strip_prefix("wider_")).unwrap_or(name)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// FNV-1a, finished with a multiplication: short names that differ in their last digit have to
/// spread.
fn name_hash(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_answers() {
        let mut table = csv::Reader::from_reader(include_str!("photographs.csv").as_bytes());
        for row in table.records() {
            let row = row.unwrap();
            let answers = [&OF_LANDMARKS, &OF_DETECTOR].map(|rule| (rule.photograph(&row[0]), rule.has(&row[0])));
            assert_eq!(answers, [(&row[1], &row[2] == "yes"), (&row[3], &row[4] == "yes")], "{}", &row[0]);
        }
    }

    #[test]
    fn of_every_source_the_share_is_held_out() {
        for (rule, expected) in [(OF_LANDMARKS, 900..1100), (OF_DETECTOR, 1125..1375)] {
            for name in [
                |i| format!("helen_{i}_1.jpg"),
                |i| format!("lfpw_image_{i:04}.jpg"),
                |i| format!("image{i:05}.jpg"),
                |i| format!("wider_12_Group_Group_12_Group_Group_12_{i}_0.jpg"),
            ] {
                let held = (0..10_000).filter(|&i| rule.has(&name(i))).count();
                assert!(expected.contains(&held), "{held} such as {}", name(0));
            }
        }
    }
}
