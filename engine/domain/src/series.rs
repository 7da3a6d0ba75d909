//! Series: the points of one curve in shared chunks, so that a live curve grows without its history being copied.
//!
//! A clone shares every chunk. An append after a clone copies the last chunk at most ([`CHUNK`] points) and the list of
//! chunks; a full chunk never changes, so that whoever kept an older clone knows how much of it is still the same.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::run::SeriesPoint;

/// Points a chunk.
pub const CHUNK: usize = 1024;

/// The points of a curve, ascending in step. Reads and writes as a plain list of points.
#[derive(Clone, Default)]
pub struct Series {
    /// All but the last hold [`CHUNK`] points; none is empty.
    chunks: Arc<Vec<Arc<Vec<SeriesPoint>>>>,
    len: usize,
}

impl Series {
    /// A curve without points.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a point at the end. Touches one chunk.
    pub fn push(&mut self, point: SeriesPoint) {
        let chunks = Arc::make_mut(&mut self.chunks);
        match chunks.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => Arc::make_mut(last).push(point),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(point);
                chunks.push(Arc::new(chunk));
            }
        }
        self.len += 1;
    }

    /// Takes back every point after `step`: a run went on from a checkpoint. Says whether there was one.
    pub fn truncate_after(&mut self, step: u64) -> bool {
        let mut keep = self.len;
        while keep > 0 && self.get(keep - 1).is_some_and(|point| point.step > step) {
            keep -= 1;
        }
        let cut = keep < self.len;
        if cut {
            let chunks = Arc::make_mut(&mut self.chunks);
            chunks.truncate(keep.div_ceil(CHUNK));
            if let Some(last) = chunks.last_mut() {
                let left = keep - (keep - 1) / CHUNK * CHUNK;
                Arc::make_mut(last).truncate(left);
            }
            self.len = keep;
        }
        cut
    }

    /// The point at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<&SeriesPoint> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    /// The first point.
    pub fn first(&self) -> Option<&SeriesPoint> {
        self.get(0)
    }

    /// The last point.
    pub fn last(&self) -> Option<&SeriesPoint> {
        self.chunks.last()?.last()
    }

    /// Every point in order.
    pub fn iter(&self) -> impl Iterator<Item = &SeriesPoint> {
        self.iter_from(0)
    }

    /// The points from `index` on, in order. Skips whole chunks.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = &SeriesPoint> {
        let (chunk, inside) = (index / CHUNK, index % CHUNK);
        self.chunks.iter().skip(chunk).flat_map(|chunk| chunk.iter()).skip(inside)
    }

    /// Whether this is `older` with nothing or something added at its end. Shared chunks are not looked into: `O(n / CHUNK)`.
    pub fn extends(&self, older: &Self) -> bool {
        if Arc::ptr_eq(&self.chunks, &older.chunks) {
            return self.len == older.len;
        }
        self.len >= older.len
            && self.chunks.iter().zip(older.chunks.iter()).all(|(mine, theirs)| {
                Arc::ptr_eq(mine, theirs) || mine.get(..theirs.len()) == Some(theirs.as_slice())
            })
    }

    /// Whether this is the very same curve as `other`, told without looking at a point: `false` where it is not known.
    pub fn is_same(&self, other: &Self) -> bool {
        self.len == other.len && Arc::ptr_eq(&self.chunks, &other.chunks)
    }

    #[cfg(test)]
    fn shared_with(&self, other: &Self) -> usize {
        self.chunks.iter().zip(other.chunks.iter()).filter(|(mine, theirs)| Arc::ptr_eq(mine, theirs)).count()
    }
}

impl std::fmt::Debug for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && (Arc::ptr_eq(&self.chunks, &other.chunks) || self.iter().eq(other.iter()))
    }
}

impl Extend<SeriesPoint> for Series {
    fn extend<I: IntoIterator<Item = SeriesPoint>>(&mut self, points: I) {
        points.into_iter().for_each(|point| self.push(point));
    }
}

impl FromIterator<SeriesPoint> for Series {
    fn from_iter<I: IntoIterator<Item = SeriesPoint>>(points: I) -> Self {
        let mut series = Self::new();
        series.extend(points);
        series
    }
}

impl Serialize for Series {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Series {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<SeriesPoint>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(steps: std::ops::Range<u64>) -> impl Iterator<Item = SeriesPoint> {
        steps.map(|step| SeriesPoint { step, secs: step as f64, value: step as f64 / 2.0 })
    }

    fn steps(series: &Series) -> Vec<u64> {
        series.iter().map(|point| point.step).collect()
    }

    #[test]
    fn a_live_curve_of_a_hundred_thousand_points_shares_its_history_with_every_snapshot() {
        let mut live: Series = points(0..100_000).collect();
        let snapshot = live.clone();
        live.extend(points(100_000..100_003));
        assert_eq!((snapshot.len(), live.len()), (100_000, 100_003));
        assert_eq!(live.shared_with(&snapshot), 100_000 / CHUNK, "only the chunk that grew was copied");
        assert!(live.extends(&snapshot) && !snapshot.extends(&live));
        assert_eq!(snapshot.last().map(|point| point.step), Some(99_999), "a snapshot never changes");
        let begun = std::time::Instant::now();
        let mut kept = Vec::new();
        for step in 100_003..101_003 {
            kept.push(live.clone());
            live.extend(points(step..step + 1));
        }
        let each = begun.elapsed() / 1000;
        assert!(each < std::time::Duration::from_micros(500), "a snapshot and an append took {each:?}");
    }

    #[test]
    fn taking_back_keeps_what_came_before_at_every_place() {
        for keep in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7] {
            let mut series: Series = points(0..3000).collect();
            let before = series.clone();
            let cut = if keep == 0 { None } else { Some(keep as u64 - 1) };
            match cut {
                Some(step) => assert!(series.truncate_after(step)),
                None => series = Series::new(),
            }
            assert_eq!(steps(&series), (0..keep as u64).collect::<Vec<_>>());
            assert_eq!(before.len(), 3000);
            assert!(before.extends(&series));
            series.extend(points(keep as u64..3000));
            assert_eq!(series, before);
        }
        let mut series: Series = points(0..10).collect();
        assert!(!series.truncate_after(9), "nothing came after");
    }

    #[test]
    fn another_history_is_no_extension() {
        let one: Series = points(0..2000).collect();
        let mut other: Series = points(0..1500).collect();
        other.extend(points(1600..2200));
        assert!(!other.extends(&one));
        assert!(other.extends(&points(0..1500).collect()), "equal points count, shared or not");
        assert!(one.is_same(&one.clone()) && !one.is_same(&points(0..2000).collect()));
    }

    #[test]
    fn it_reads_from_any_place_and_travels_as_a_list() {
        let series: Series = points(0..2500).collect();
        let tail: Vec<u64> = series.iter_from(2047).map(|point| point.step).collect();
        assert_eq!(tail, (2047..2500).collect::<Vec<_>>());
        assert_eq!(series.get(1024).map(|point| point.step), Some(1024));
        assert!(series.get(2500).is_none() && series.iter_from(9999).next().is_none());
        let list: Vec<SeriesPoint> = points(0..2500).collect();
        let text = serde_json::to_string(&series).expect("written");
        assert_eq!(text, serde_json::to_string(&list).expect("written"));
        assert_eq!(serde_json::from_str::<Series>(&text).expect("read"), series);
    }
}
