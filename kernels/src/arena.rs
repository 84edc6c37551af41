//! Gives tensors that are never needed together the same memory.

/// What a tensor needs: bytes, and the first and last step during which it must be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    pub bytes: usize,
    pub first: usize,
    pub last: usize,
}

/// Tensors begin at multiples of so many bytes.
pub(crate) const ALIGN: usize = 64;

/// Where what is needed lies.
pub(crate) struct Arena {
    needs: Vec<Need>,
    /// One for each need, a multiple of [`ALIGN`].
    offsets: Vec<usize>,
}

impl Arena {
    /// The largest are placed first, each as low as it fits.
    pub(crate) fn assign(needs: Vec<Need>) -> Self {
        let mut order: Vec<usize> = (0..needs.len()).collect();
        order.sort_by_key(|i| std::cmp::Reverse(needs[*i].bytes));
        let mut offsets = vec![0; needs.len()];
        let mut placed: Vec<usize> = Vec::new();
        for i in order {
            let mut rivals: Vec<_> = placed
                .iter()
                .filter(|p| needs[**p].first <= needs[i].last && needs[i].first <= needs[**p].last)
                .map(|p| (offsets[*p], offsets[*p] + needs[*p].bytes))
                .collect();
            rivals.sort_unstable();
            let mut offset: usize = 0;
            for (begin, end) in rivals {
                if offset + needs[i].bytes <= begin {
                    break;
                }
                offset = offset.max(end.next_multiple_of(ALIGN));
            }
            offsets[i] = offset;
            placed.push(i);
        }
        Arena { needs, offsets }
    }

    /// In the order of the needs.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = usize> {
        self.offsets.iter().copied()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.end(|_| true)
    }

    /// Behind all that is kept during a step, a multiple of [`ALIGN`].
    pub(crate) fn end_during(&self, step: usize) -> usize {
        self.end(|need| need.first <= step && step <= need.last)
    }

    fn end(&self, counts: impl Fn(&Need) -> bool) -> usize {
        let counted = self.needs.iter().zip(&self.offsets).filter(|(need, _)| counts(need));
        counted.map(|(need, offset)| (offset + need.bytes).next_multiple_of(ALIGN)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_that_live_together_do_not_overlap() {
        let need = |bytes, first, last| Need { bytes, first, last };
        let needs = [need(100, 0, 1), need(300, 1, 2), need(100, 2, 5), need(50, 3, 4), need(200, 4, 5)];
        let arena = Arena::assign(needs.to_vec());
        let (offsets, total) = (&arena.offsets, arena.bytes());
        for (i, a) in needs.iter().enumerate() {
            assert_eq!(offsets[i] % ALIGN, 0);
            assert!(offsets[i] + a.bytes <= total);
            for (j, b) in needs.iter().enumerate().skip(i + 1) {
                let together = a.first <= b.last && b.first <= a.last;
                let apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
                assert!(!together || apart, "{i} and {j} overlap");
            }
        }
        assert!(total < needs.iter().map(|n| n.bytes).sum());
        for step in 0..=5 {
            let kept = needs.iter().zip(offsets).filter(|(need, _)| need.first <= step && step <= need.last);
            let end = kept.map(|(need, offset)| offset + need.bytes).max().unwrap();
            assert_eq!(arena.end_during(step), end.next_multiple_of(ALIGN), "{step}");
        }
    }
}
