//! Maglev consistent hashing: the same key goes to the same endpoint, and few keys move when endpoints change.

use std::{cmp::Ordering, collections::BinaryHeap};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash64;

use super::by_weight;
use crate::traffic::config::{ConfigError, in_range};

/// Envoy's limit for the table, a prime.
const MOST_ENTRIES: u32 = 5_000_011;

/// Settings of Maglev.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaglevConfig {
    /// Entries of the table: a prime, 2 to 5,000,011, best above 100 times the endpoints.
    pub table_size: u32,
}

impl Default for MaglevConfig {
    fn default() -> Self {
        Self { table_size: 65_537 }
    }
}

impl MaglevConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the field: out of range or not a prime.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("table_size", self.table_size, 2..=MOST_ENTRIES)?;
        if is_prime(self.table_size) {
            return Ok(());
        }
        Err(ConfigError::new("table_size", self.table_size, format!("a prime from 2 to {MOST_ENTRIES}")))
    }
}

fn is_prime(number: u32) -> bool {
    let mut divisors = (2..number).take_while(|divisor| divisor * divisor <= number);
    number >= 2 && divisors.all(|divisor| !number.is_multiple_of(divisor))
}

/// The table: each entry names an endpoint (Eisenbud et al., "Maglev", NSDI 2016, section 3.4; weights as in Envoy).
#[derive(Clone, Debug)]
pub struct Table {
    entries: Vec<u32>,
}

/// An endpoint that waits for its next turn to take an entry; the earliest due is the greatest.
struct Turn {
    due: f64,
    endpoint: usize,
}

impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.total_cmp(&self.due).then_with(|| other.endpoint.cmp(&self.endpoint))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}

/// An endpoint's way through the table: from `next` in steps of `skip`, which visits every entry of a prime table.
struct Walk {
    next: u64,
    skip: u64,
}

impl Table {
    /// A table of `table_size` entries (a prime) over endpoints with their weights.
    ///
    /// Shares are exact to one entry: they are fixed first, by largest remainder. An endpoint whose share is far below
    /// one entry may get none.
    pub fn new<'a>(endpoints: impl IntoIterator<Item = (&'a str, u32)>, table_size: u32) -> Self {
        const FREE: u32 = u32::MAX;
        let (names, weights): (Vec<&str>, Vec<u32>) = endpoints.into_iter().unzip();
        let size = u64::from(table_size);
        let mut left = shares(&weights, size);
        let mut walks: Vec<Walk> = names
            .iter()
            .map(|name| Walk {
                next: XxHash64::oneshot(0, name.as_bytes()) % size,
                skip: XxHash64::oneshot(1, name.as_bytes()) % (size - 1).max(1) + 1,
            })
            .collect();
        let step = |endpoint: usize| 1.0 / f64::from(weights[endpoint]);
        let mut turns: BinaryHeap<Turn> = (0..names.len())
            .filter(|&endpoint| left[endpoint] > 0)
            .map(|endpoint| Turn { due: step(endpoint), endpoint })
            .collect();
        let mut entries = vec![FREE; if names.is_empty() { 0 } else { table_size as usize }];
        while let Some(Turn { due, endpoint }) = turns.pop() {
            let walk = &mut walks[endpoint];
            while entries[walk.next as usize] != FREE {
                walk.next = (walk.next + walk.skip) % size;
            }
            entries[walk.next as usize] = endpoint as u32;
            left[endpoint] -= 1;
            if left[endpoint] > 0 {
                turns.push(Turn { due: due + step(endpoint), endpoint });
            }
        }
        Self { entries }
    }

    /// The endpoint of each entry, by its place in the list the table was made of.
    pub fn entries(&self) -> &[u32] {
        &self.entries
    }

    /// The endpoint for a key's hash: that of its entry or, while that one is not eligible, of the next entry whose
    /// endpoint is. Keys of eligible endpoints stay where they are, whatever happens to the others.
    pub fn pick(&self, key: u64, eligible: &[usize], weights: &[u32]) -> Option<usize> {
        let size = self.entries.len();
        if size == 0 || eligible.is_empty() {
            return None;
        }
        let start = (key % size as u64) as usize;
        let entry = (start..size).chain(0..start).map(|entry| self.entries[entry] as usize);
        if eligible.len() == weights.len() {
            return entry.into_iter().next();
        }
        entry.into_iter().find(|endpoint| eligible.binary_search(endpoint).is_ok()).or_else(|| {
            let lot = (key >> 11) as f64 / (1_u64 << 53) as f64;
            by_weight(eligible, lot, |endpoint| f64::from(weights[endpoint]))
        })
    }
}

/// `size` entries shared out by weight, by largest remainder (Hamilton); equal remainders to the first.
fn shares(weights: &[u32], size: u64) -> Vec<u64> {
    let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
    if total == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: u32| u128::from(weight) * u128::from(size);
    let mut shares: Vec<u64> = weights.iter().map(|&w| (exact(w) / u128::from(total)) as u64).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(exact(weights[i]) % u128::from(total)));
    let spare = size - shares.iter().sum::<u64>();
    for &endpoint in order.iter().take(spare as usize) {
        shares[endpoint] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_one_to_two_have_envoys_shares() {
        let table = Table::new([("a", 1), ("b", 2)], 65_537);
        let first = table.entries().iter().filter(|&&endpoint| endpoint == 0).count();
        assert_eq!((first, 65_537 - first), (21_846, 43_691));
    }

    #[test]
    fn only_primes_make_tables() {
        assert_eq!(MaglevConfig::default().validate(), Ok(()));
        for table_size in [0, 1, 4, 65_536, 5_000_012] {
            assert_eq!(MaglevConfig { table_size }.validate().unwrap_err().field, "table_size");
        }
        assert!(MaglevConfig { table_size: MOST_ENTRIES }.validate().is_ok());
    }

    #[test]
    fn the_walk_goes_round_the_end_of_the_table() {
        let table =
            Table::new((0..9).map(|index| (["a", "b", "c", "d", "e", "f", "g", "h", "i"][index], 1)), 101);
        for away in 0..9 {
            let others: Vec<usize> = (0..9).filter(|&host| host != away && host != (away + 1) % 9).collect();
            for key in 0..101 {
                let walk = (key..key + 101).map(|entry| table.entries()[entry as usize % 101] as usize);
                let expected = walk.into_iter().find(|host| others.contains(host));
                assert_eq!(table.pick(key, &others, &[1; 9]), expected);
            }
        }
    }

    #[test]
    fn odd_tables_work() {
        assert_eq!(Table::new([], 7).pick(3, &[], &[]), None);
        assert_eq!(Table::new([("a", 1)], 2).pick(3, &[0], &[1]), Some(0));
        let crowded = Table::new([("a", 1), ("b", 1), ("c", 1)], 2);
        let without = (0..3_u32).find(|endpoint| !crowded.entries().contains(endpoint)).unwrap() as usize;
        assert_eq!(
            crowded.pick(3, &[without], &[1, 1, 1]),
            Some(without),
            "an endpoint without an entry still serves"
        );
    }
}
