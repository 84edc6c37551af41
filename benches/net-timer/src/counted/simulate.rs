//! A frame on several cores, event by event.

/// Times in microseconds, of a core of speed 1.
#[derive(Debug, Clone, Copy)]
pub struct Costs {
    /// The caller's, to wake the others.
    pub call: f64,
    /// From the call until a worker that slept runs.
    pub wake: f64,
    /// To claim a chunk: one atomic addition to a line that the others write, too.
    pub claim: f64,
    /// From the end of a step's last chunk until another core sees it.
    pub see: f64,
}

#[derive(Debug, Clone, Copy)]
pub struct Core {
    pub speed: f64,
    /// Comes so much later than its wake-up says.
    pub late: f64,
    /// Does nothing of ours from, and until.
    pub away: (f64, f64),
}

impl Core {
    pub const PLAIN: Core = Core { speed: 1.0, late: 0.0, away: (f64::INFINITY, f64::INFINITY) };

    /// When work that begins at `from` and takes `micros` is done.
    fn end(&self, from: f64, micros: f64) -> f64 {
        let (gone, back) = self.away;
        let from = if (gone..back).contains(&from) { back } else { from };
        let end = from + micros / self.speed;
        if from < gone && end > gone { end + (back - gone) } else { end }
    }
}

/// When a frame is done of which each step has chunks of so many microseconds; the first core is
/// the caller's. As in the pool: each core claims the next chunk as soon as it is free, a step
/// begins when the one before is done, and who is not there when the last step ends is not waited
/// for. Whoever has claimed a chunk is.
pub fn frame(steps: &[Vec<f64>], cores: &[Core], costs: Costs) -> f64 {
    let mut free: Vec<f64> = cores.iter().map(|core| costs.call + costs.wake + core.late).collect();
    free[0] = if cores.len() > 1 { costs.call } else { 0.0 };
    let mut begin = free[0];
    for chunks in steps {
        let mut done: f64 = begin;
        for chunk in chunks {
            let start = |core: usize| cores[core].end(free[core].max(begin), 0.0);
            let next = (0..cores.len()).min_by(|a, b| start(*a).total_cmp(&start(*b))).expect("the caller's core");
            free[next] = cores[next].end(start(next), claim(cores, costs) + chunk);
            done = done.max(free[next]);
        }
        begin = done + if cores.len() > 1 { costs.see } else { 0.0 };
    }
    begin
}

fn claim(cores: &[Core], costs: Costs) -> f64 {
    if cores.len() > 1 { costs.claim } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Costs = Costs { call: 0.0, wake: 0.0, claim: 0.0, see: 0.0 };

    #[test]
    fn equal_chunks_are_shared_evenly() {
        let steps = vec![vec![10.0; 8]; 3];
        assert_eq!(frame(&steps, &[Core::PLAIN], FREE), 240.0);
        assert_eq!(frame(&steps, &[Core::PLAIN; 4], FREE), 60.0);
        assert_eq!(frame(&steps, &[Core::PLAIN; 3], FREE), 90.0);
    }

    #[test]
    fn what_is_shared_costs_its_price() {
        let costs = Costs { call: 5.0, wake: 100.0, claim: 1.0, see: 2.0 };
        // The worker comes when the caller has done it all.
        assert_eq!(frame(&[vec![10.0; 4]], &[Core::PLAIN; 2], costs), 5.0 + 4.0 * 11.0 + 2.0);
        assert_eq!(frame(&[vec![10.0; 4]], &[Core::PLAIN], costs), 40.0);
    }

    #[test]
    fn slow_and_late_cores_do_what_they_can() {
        let half = Core { speed: 0.5, ..Core::PLAIN };
        assert_eq!(frame(&[vec![10.0; 6]], &[Core::PLAIN, half], FREE), 40.0);
        let late = Core { late: 30.0, ..Core::PLAIN };
        assert_eq!(frame(&[vec![10.0; 5]], &[Core::PLAIN, late], FREE), 40.0);
    }

    #[test]
    fn a_core_that_is_taken_away_holds_up_its_chunk() {
        let gone = Core { away: (15.0, 115.0), ..Core::PLAIN };
        assert_eq!(frame(&[vec![10.0; 4]], &[Core::PLAIN, gone], FREE), 120.0);
        let idle = Core { away: (20.0, 500.0), ..Core::PLAIN };
        assert_eq!(frame(&[vec![10.0; 8]], &[Core::PLAIN, idle], FREE), 60.0);
    }
}
