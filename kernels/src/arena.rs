//! Gives tensors that are never needed together the same memory.

/// What a tensor needs: bytes, and the first and last step during which it must be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    pub bytes: usize,
    pub first: usize,
    pub last: usize,
}

const ALIGN: usize = 64;

/// An offset for each need, and the bytes of the whole arena. The largest are placed first, each as
/// low as it fits.
pub(crate) fn assign(needs: &[Need]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..needs.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(needs[*i].bytes));
    let mut offsets = vec![0; needs.len()];
    let mut placed: Vec<usize> = Vec::new();
    let mut total = 0;
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
        total = total.max(offset + needs[i].bytes);
        placed.push(i);
    }
    (offsets, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_that_live_together_do_not_overlap() {
        let need = |bytes, first, last| Need { bytes, first, last };
        let needs = [need(100, 0, 1), need(300, 1, 2), need(100, 2, 5), need(50, 3, 4), need(200, 4, 5)];
        let (offsets, total) = assign(&needs);
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
    }
}
