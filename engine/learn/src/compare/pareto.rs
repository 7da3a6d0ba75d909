//! The Pareto front: what nothing else beats in everything at once.

/// What a version costs and gives; less is better in all three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// Loss: a metric, its sign turned where more is better.
    pub loss: f64,
    /// Seconds.
    pub secs: f64,
    /// Bytes.
    pub bytes: f64,
}

impl Costs {
    /// Whether nothing is worse than in the other and something is better.
    fn dominates(&self, other: &Self) -> bool {
        let pairs = [(self.loss, other.loss), (self.secs, other.secs), (self.bytes, other.bytes)];
        pairs.iter().all(|(a, b)| a <= b) && pairs.iter().any(|(a, b)| a < b)
    }
}

/// Whether each lies on the front. A loss that is NaN never does.
pub fn front(all: &[Costs]) -> Vec<bool> {
    all.iter().map(|one| !one.loss.is_nan() && !all.iter().any(|other| other.dominates(one))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_beaten_in_everything_is_off_the_front() {
        let costs = |loss, secs, bytes| Costs { loss, secs, bytes };
        let all = [costs(1.0, 1.0, 1.0), costs(0.5, 2.0, 1.0), costs(1.0, 1.0, 2.0), costs(0.5, 2.0, 1.0)];
        assert_eq!(front(&all), [true, true, false, true]);
        assert_eq!(front(&[costs(f64::NAN, 1.0, 1.0)]), [false]);
    }
}
