//! Smooth weighted round robin: in turn, heavier endpoints more often, their turns spread out.

/// Credits of smooth weighted round robin (nginx, `ngx_http_upstream_round_robin.c`): each pick gives every eligible
/// endpoint its weight, takes the richest, and charges it what all were given.
///
/// Exact: over any run of as many picks as the weights' sum, with the same endpoints eligible from the start, each
/// is picked as often as its weight. No endpoint is ever a whole pick ahead of its share.
#[derive(Clone, Debug)]
pub struct Smooth {
    credits: Vec<i64>,
}

impl Smooth {
    /// No credit for any of `endpoints`.
    pub fn new(endpoints: usize) -> Self {
        Self { credits: vec![0; endpoints] }
    }

    /// The next in turn of `eligible`. The others neither gain nor lose: one that comes back makes up for nothing.
    pub fn pick(&mut self, eligible: &[usize], weights: &[u32]) -> Option<usize> {
        let mut total = 0;
        let mut richest: Option<usize> = None;
        for &endpoint in eligible {
            let weight = i64::from(weights[endpoint]);
            total += weight;
            self.credits[endpoint] += weight;
            if richest.is_none_or(|best| self.credits[endpoint] > self.credits[best]) {
                richest = Some(endpoint);
            }
        }
        let picked = richest?;
        self.credits[picked] -= total;
        Some(picked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_out() {
        let mut smooth = Smooth::new(3);
        let picks: Vec<usize> = (0..7).filter_map(|_| smooth.pick(&[0, 1, 2], &[5, 1, 1])).collect();
        assert_eq!(picks, [0, 0, 1, 0, 2, 0, 0], "the example of nginx's own commit");
        assert_eq!(smooth.pick(&[], &[5, 1, 1]), None);
    }
}
