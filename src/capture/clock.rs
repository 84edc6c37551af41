//! Numbers and times of a live source's frames, whatever its driver makes of them.

use std::time::{Duration, Instant};

/// A time stamp that differs more than this from the time of arrival is one of another clock.
const CLOCK_SLACK: Duration = Duration::from_secs(2);
/// The least delay of frames is looked for in a window of this time and in the one before it.
const WINDOW: Duration = Duration::from_secs(5);
/// No two frames have the same time.
const TICK: Duration = Duration::from_micros(1);
/// A driver that counts this many frames at once, nine hours of them at 30 a second, is not
/// counting frames.
const MOST_LOST: u32 = 1_000_000;

/// Numbers frames through all streams of a source, as the driver numbers them or, where it does
/// not, one after the other.
#[derive(Debug, Default)]
pub struct Numbers {
    next: u32,
    /// The driver's number of the frame before, in this stream.
    last: Option<u32>,
}

impl Numbers {
    /// The next frame is the first of a stream.
    pub fn restart(&mut self) {
        self.last = None;
    }

    pub fn number(&mut self, sequence: u32) -> u32 {
        let steps = match self.last.replace(sequence) {
            None => 1,
            // Some drivers give every frame the same number, and some begin anew.
            Some(last) => match sequence.wrapping_sub(last) {
                forward @ 1..=MOST_LOST => forward,
                _ => 1,
            },
        };
        self.next = self.next.wrapping_add(steps);
        self.next.wrapping_sub(1)
    }
}

/// Turns time stamps into time since the source's start, which rises from frame to frame. A stamp
/// of zero, one that is not later than all before it, or a single one that is far from the others
/// gives way to the time of arrival. A clock that was set is followed from its next stamp on.
#[derive(Debug)]
pub struct SourceClock {
    started: Instant,
    stamps: Option<Stamps>,
    /// Of the frame before, where its stamp did not follow the others: a glitch, unless the next
    /// one follows it.
    other: Option<Stamps>,
    /// The time of the frame before.
    last: Option<Duration>,
}

/// What time stamps say.
#[derive(Debug, Clone, Copy)]
struct Stamps {
    latest: Duration,
    /// From a time stamp to the time since the start, the least of this window and of the one
    /// before it. No frame arrives before it was captured, so it is what the frame of least delay
    /// says; but not for ever, since a clock may be set, or may not go as ours does.
    least_nanos: [i128; 2],
    window_began: Duration,
}

impl Stamps {
    fn of(stamp: Duration, arrived: Duration) -> Stamps {
        let offset_nanos = arrived.as_nanos() as i128 - stamp.as_nanos() as i128;
        Stamps { latest: stamp, least_nanos: [offset_nanos; 2], window_began: arrived }
    }

    fn offset_nanos(&self) -> i128 {
        self.least_nanos[0].min(self.least_nanos[1])
    }

    /// Whether a stamp after these is later, and not ahead of their clock. One of a frame that was
    /// only delayed is both.
    fn are_followed_by(&self, new: Stamps) -> bool {
        new.latest > self.latest && new.offset_nanos() + (CLOCK_SLACK.as_nanos() as i128) >= self.offset_nanos()
    }

    fn and(self, new: Stamps) -> Stamps {
        let [least, before] = self.least_nanos;
        if new.window_began >= self.window_began + WINDOW {
            return Stamps { least_nanos: [new.offset_nanos(), least], ..new };
        }
        Stamps { latest: new.latest, least_nanos: [least.min(new.offset_nanos()), before], ..self }
    }
}

impl SourceClock {
    pub fn start() -> Self {
        SourceClock { started: Instant::now(), stamps: None, other: None, last: None }
    }

    /// The next frame is the first of a stream, whose driver may have begun anew.
    pub fn restart(&mut self) {
        (self.stamps, self.other) = (None, None);
    }

    pub fn time(&mut self, stamp: Option<Duration>) -> Duration {
        self.time_at(stamp, self.started.elapsed())
    }

    fn time_at(&mut self, stamp: Option<Duration>, arrived: Duration) -> Duration {
        let stamp = stamp.filter(|stamp| !stamp.is_zero());
        let time = stamp.and_then(|stamp| self.stamped(Stamps::of(stamp, arrived), arrived)).unwrap_or(arrived);
        let time = self.last.map_or(time, |last| time.max(last + TICK));
        self.last = Some(time);
        time
    }

    fn stamped(&mut self, new: Stamps, arrived: Duration) -> Option<Duration> {
        let Some(known) = self.stamps else {
            self.stamps = Some(new);
            return None;
        };
        if !known.are_followed_by(new) {
            let before = self.other.replace(new);
            if before.is_some_and(|before| before.are_followed_by(new)) {
                (self.stamps, self.other) = (Some(new), None);
            }
            return None;
        }
        self.other = None;
        let stamps = known.and(new);
        self.stamps = Some(stamps);
        let nanos = stamps.latest.as_nanos() as i128 + stamps.offset_nanos();
        let time = Duration::from_nanos(u64::try_from(nanos).ok()?);
        (time.abs_diff(arrived) <= CLOCK_SLACK).then_some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times in microseconds of frames with these stamps, which arrive at these milliseconds.
    fn times(frames: &[(Option<u64>, u64)]) -> Vec<u128> {
        let mut clock = SourceClock::start();
        let ms = Duration::from_millis;
        frames.iter().map(|(stamp, arrived)| clock.time_at(stamp.map(ms), ms(*arrived)).as_micros()).collect()
    }

    #[test]
    fn a_stamp_of_another_clock_is_forgotten_with_its_stream() {
        let ms = Duration::from_millis;
        let mut clock = SourceClock::start();
        assert_eq!(clock.time_at(Some(ms(500_000)), ms(10)), ms(10));
        assert_eq!(clock.time_at(Some(ms(9_000_000)), ms(50)), ms(50));
        clock.restart();
        assert_eq!(clock.time_at(Some(ms(500_100)), ms(100)), ms(100));
        // By the driver's stamp, and not by its late arrival.
        assert_eq!(clock.time_at(Some(ms(500_133)), ms(150)), ms(133));
    }

    #[test]
    fn time_stamps_count_from_the_start() {
        // The fourth is one of less delay, from which on the others' delay shows.
        let frames =
            [(Some(500_000), 40), (Some(500_033), 90), (Some(500_090), 110), (Some(500_120), 150), (None, 160)];
        assert_eq!(times(&frames), [40_000, 73_000, 110_000, 140_000, 160_000]);
        // Of another clock.
        assert_eq!(times(&[(Some(500_000), 40), (Some(900_000), 70)])[1], 70_000);
    }

    #[test]
    fn time_rises_whatever_the_driver_says() {
        let arrivals = [40, 73, 106, 139, 172, 205];
        let with = |stamps: [u64; 6]| -> Vec<_> { stamps.into_iter().map(Some).zip(arrivals).collect() };
        let expected = arrivals.map(|ms| u128::from(ms) * 1000);
        for (name, stamps) in [
            ("zero", [0; 6]),
            ("standing still", [500_000; 6]),
            ("going back", [500_000, 499_967, 499_934, 499_901, 499_868, 499_835]),
            ("going back in turns", [500_000, 499_033, 500_066, 499_099, 500_132, 499_165]),
        ] {
            assert_eq!(times(&with(stamps)), expected, "{name}");
        }
        // Frames that arrive at once have times of their own all the same.
        assert_eq!(times(&[(None, 5), (None, 5), (Some(0), 5)]), [5000, 5001, 5002]);
        // A late frame after one that had its time of arrival.
        assert_eq!(times(&[(Some(500_000), 40), (None, 90), (Some(500_033), 95)]), [40_000, 90_000, 90_001]);
    }

    #[test]
    fn a_single_stamp_that_is_far_off_spoils_no_other_and_a_clock_that_was_set_is_followed() {
        // Frames of 10 ms delay, but for the last of each.
        let after = |stamps: [u64; 5]| {
            let arrivals = [40, 73, 106, 139, 180];
            times(&stamps.into_iter().map(Some).zip(arrivals).collect::<Vec<_>>())
        };
        let expected = [40_000, 73_000, 106_000, 139_000, 172_000];
        for glitch in [9_000_000, 1] {
            assert_eq!(after([500_000, 500_033, glitch, 500_099, 500_132]), expected, "{glitch}");
        }
        for set in [9_000_000, 100] {
            assert_eq!(after([500_000, 500_033, set, set + 33, set + 66]), expected, "{set}");
        }
        assert_eq!(after([9_000_000, 500_033, 500_066, 500_099, 500_132]), expected);
    }

    /// By whichever little a clock is off.
    #[test]
    fn a_stamp_that_is_off_costs_no_later_frame_its_time() {
        for (name, off_ms, frames_off, most_us) in [
            ("once ahead", 1000, 20..21, 0),
            ("once behind", -1000, 20..21, 0),
            ("set ahead", 1000, 20..600, 0),
            ("set back", -1000, 20..600, 0),
            ("set back by less than a frame", -20, 20..600, 20_000),
        ] {
            let stamp = |i: i64| 500_000 + 33 * i + if frames_off.contains(&i) { off_ms } else { 0 };
            let frames: Vec<_> = (0..600).map(|i| (Some(stamp(i) as u64), 40 + 33 * i as u64)).collect();
            let arrivals = frames.iter().map(|(_, arrived)| u128::from(*arrived) * 1000);
            let times = times(&frames);
            assert!(times.is_sorted_by(|a, b| a < b), "{name}");
            let errors: Vec<u128> = times.iter().zip(arrivals).map(|(time, arrived)| time.abs_diff(arrived)).collect();
            assert_eq!(errors.iter().max(), Some(&most_us), "{name}");
            // Two windows later.
            assert_eq!(errors[340..].iter().max(), Some(&0), "{name}");
        }
    }

    #[test]
    fn numbers_are_the_drivers_or_counted() {
        let numbered = |sequences: &[u32]| {
            let mut numbers = Numbers::default();
            sequences.iter().map(|sequence| numbers.number(*sequence)).collect::<Vec<_>>()
        };
        assert_eq!(numbered(&[7, 8, 12]), [0, 1, 5]);
        assert_eq!(numbered(&[0, 0, 0]), [0, 1, 2]);
        assert_eq!(numbered(&[u32::MAX, 0, 1]), [0, 1, 2]);
        assert_eq!(numbered(&[9, 3_000_000_000, 4, 5]), [0, 1, 2, 3]);
    }
}
