//! The run's own figures, as it left them in its metrics.

use std::collections::BTreeMap;

pub struct Figures<'a>(pub &'a str);

impl Figures<'_> {
    /// The sum over all labels of a family.
    pub fn sum(&self, family: &str) -> u64 {
        self.samples(family).map(|(_, value)| value).sum()
    }

    /// The values of a family, summed by one label.
    pub fn by(&self, family: &str, label: &str) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for (labels, value) in self.samples(family) {
            let (_, rest) = labels.split_once(&format!("{label}=\"")).unwrap();
            let (name, _) = rest.split_once('"').unwrap();
            *sums.entry(name.to_owned()).or_default() += value;
        }
        sums
    }

    /// Labels and value of each sample.
    fn samples(&self, family: &str) -> impl Iterator<Item = (&str, u64)> {
        let rests = self.0.lines().filter_map(move |line| line.strip_prefix(family));
        let mut samples = rests.filter(|rest| rest.starts_with([' ', '{'])).peekable();
        assert!(samples.peek().is_some(), "no {family} in\n{}", self.0);
        samples.map(|rest| {
            let (labels, value) = rest.rsplit_once(' ').unwrap();
            (labels, value.parse().unwrap())
        })
    }
}
