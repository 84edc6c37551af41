//! Which photograph a file shows, by its name, and whether it is held out of training: all faces of
//! a photograph go the same way, on every machine and in every run.
//!
//! Landmark nets and the detector hold out different photographs. Of the shipped nets' sets both
//! rules answer as they are: by other answers those nets would be judged by what they have seen.
//! `photographs.csv` has names with the answers of both, which the tests here and
//! `tests/accuracy/held_out.py` are held to.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

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

    /// Whether there is something to learn from and something to judge by.
    ///
    /// # Errors
    /// Where all of these files or none of them are held out.
    pub fn check<'a>(&self, files: impl Iterator<Item = &'a str> + Clone) -> Result<()> {
        let held_out = files.clone().filter(|file| self.has(file)).count();
        ensure!((1..files.clone().count()).contains(&held_out), "{}", self.told(files));
        Ok(())
    }

    /// How many of these files are held out, and why.
    pub fn told<'a>(&self, files: impl Iterator<Item = &'a str> + Clone) -> String {
        let (count, held_out) = (files.clone().count(), files.clone().filter(|file| self.has(file)).count());
        let photographs: BTreeSet<&str> = files.map(|file| self.photograph(file)).collect();
        let such_as = photographs.first().map_or(String::new(), |name| format!(" (such as {name:?})"));
        format!(
            "{held_out} of {count} faces are held out to judge by; by their files' names they are from {} \
             photograph{}{such_as}, and about one in {} is held out; name sets with more photographs, or give their \
             files other names (docs/training.md, \"What is held out\")",
            photographs.len(),
            if photographs.len() == 1 { "" } else { "s" },
            self.one_in
        )
    }
}

fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// The sets whose photographs are grouped by a last number of any length.
const GROUPED: [&str; 2] = ["wider_", "infan_"];

/// A last number of one digit or two tells the faces of a photograph apart where the file's name
/// has a number before it, too (`helen_3036412907_2`); else it is the photograph's own
/// (`lfpw_image_0125`, `IMG_20260101_120000`).
fn without_last_number(stem: &str) -> &str {
    let Some((name, number)) = stem.rsplit_once('_') else { return stem };
    let has_number = name.bytes().rev().take_while(|b| !b"/\\".contains(b)).any(|b| b.is_ascii_digit());
    let tells_faces = number.len() <= 2 || GROUPED.iter().any(|set| stem.starts_with(set));
    if is_number(number) && has_number && tells_faces { name } else { stem }
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
                |i| format!("IMG_20260101_{i:06}.jpg"),
                |i| format!("s7/frame_{i:04}.jpg"),
            ] {
                let held = (0..10_000).filter(|&i| rule.has(&name(i))).count();
                assert!(expected.contains(&held), "{held} such as {}", name(0));
            }
        }
    }

    #[test]
    fn names_that_hold_out_all_or_nothing_are_refused() {
        let check = |name: fn(u32) -> String, count| {
            let files: Vec<String> = (0..count).map(name).collect();
            OF_LANDMARKS.check(files.iter().map(String::as_str)).map_err(|error| error.to_string())
        };
        assert_eq!(check(|i| format!("image{i:05}.jpg"), 60), Ok(()));
        let all = check(|i| format!("me1_{i:02}.jpg"), 60).unwrap_err();
        assert!(all.starts_with("60 of 60 faces are held out to judge by; "), "{all}");
        assert!(all.contains("from 1 photograph (such as \"me1\"), and about one in 10 is held out;"), "{all}");
        let none = check(|i| format!("clip1_{i:02}.jpg"), 60).unwrap_err();
        assert!(none.starts_with("0 of 60 faces are held out"), "{none}");
    }
}
