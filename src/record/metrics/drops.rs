//! Why frames were dropped.

/// Frames between two that were observed, by why they were not. What is known is how many there
/// were altogether, by the frames' numbers, how many came damaged, and how many gave way to a newer
/// one while the frame before was observed; the rest the source lost.
#[derive(Debug, Default)]
pub struct Drops {
    pub busy: u64,
    pub damaged: u64,
    pub source: u64,
    /// Those that no frame has counted yet among what is missing before it.
    uncounted_damaged: u64,
    /// Pictures that could not be read, which are errors of the source and no drops.
    uncounted_unreadable: u64,
    /// That gave way since the start.
    overtaken: u64,
}

impl Drops {
    /// A frame came damaged.
    pub fn count_damaged(&mut self) {
        self.uncounted_damaged += 1;
    }

    /// A picture could not be read.
    pub fn count_unreadable(&mut self) {
        self.uncounted_unreadable += 1;
    }

    /// So many gave way since the start.
    pub fn set_overtaken(&mut self, overtaken: u64) {
        self.overtaken = overtaken;
    }

    /// A frame is observed, with so many missing before it.
    pub fn count(&mut self, missing: u64) {
        // What is known by now may be about frames after this one.
        let unreadable = self.uncounted_unreadable.min(missing);
        self.uncounted_unreadable -= unreadable;
        let missing = missing - unreadable;
        let damaged = self.uncounted_damaged.min(missing);
        self.uncounted_damaged -= damaged;
        // One that gave way since this frame was taken is missing before the next one.
        let busy = self.overtaken.saturating_sub(self.busy).min(missing - damaged);
        self.damaged += damaged;
        self.busy += busy;
        self.source += missing - damaged - busy;
    }

    /// Each cause and its count.
    pub fn by_cause(&self) -> [(&'static str, u64); 3] {
        [("busy", self.busy), ("damaged", self.damaged), ("source", self.source)]
    }

    /// Those that did not come damaged.
    pub fn undamaged(&self) -> u64 {
        self.busy + self.source
    }

    #[cfg(test)]
    fn total(&self) -> u64 {
        self.by_cause().iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_frame_has_one_cause() {
        let mut drops = Drops::default();
        drops.count(0);
        drops.count_damaged();
        // Three gave way, of which one stands after the frame that is observed now.
        drops.set_overtaken(3);
        drops.count(3);
        assert_eq!((drops.busy, drops.damaged, drops.source), (2, 1, 0));
        drops.count(1);
        assert_eq!((drops.busy, drops.damaged, drops.source), (3, 1, 0));
        drops.count(5);
        assert_eq!((drops.busy, drops.damaged, drops.source), (3, 1, 5));
        // A damaged frame without a number of its own.
        drops.count_damaged();
        drops.count(0);
        assert_eq!(drops.total(), 9);
        drops.count_unreadable();
        drops.count(1);
        assert_eq!(drops.total(), 9);
    }
}
