//! Builds the order of a large table beside the window's frames: keys are taken out a few milliseconds a frame, a worker
//! thread sorts them, and the finished order comes back in a later frame.

use std::{
    sync::mpsc::{Receiver, TryRecvError, channel},
    time::{Duration, Instant},
};

use super::{
    table::TableRows,
    table_index::{Direction, IndexKey, SortKey, compare_texts},
};

/// Of a frame of 16 ms, this much may go into taking keys out.
const A_FRAME: Duration = Duration::from_millis(4);

/// Rows between two looks at the clock.
const ROWS_A_LOOK: usize = 256;

/// A key without references, so that it can go to another thread.
#[derive(Clone, Copy, Debug)]
enum Key {
    Missing,
    Number(f64),
    /// A stretch of the texts.
    Text(u32, u32),
}

/// Keys taken out so far.
#[derive(Debug, Default)]
struct Keys {
    rows: Vec<(Key, u32)>,
    /// All texts, one after another: one allocation for all of them.
    texts: String,
}

/// An order that is being made.
#[derive(Debug)]
pub(super) struct Build {
    pub(super) key: IndexKey,
    pub(super) total: usize,
    next: usize,
    keys: Keys,
    sorting: Option<Receiver<Vec<u32>>>,
}

/// How far a build is.
pub(super) enum Step {
    /// More in the next frame.
    GoesOn,
    /// A worker sorts; it wakes the window.
    Sorting,
    /// The order.
    Done(Vec<u32>),
}

impl Build {
    pub(super) fn new(key: IndexKey, total: usize) -> Self {
        Self { key, total, next: 0, keys: Keys::default(), sorting: None }
    }

    /// Does a frame's part.
    pub(super) fn step(&mut self, ctx: &egui::Context, rows: &dyn TableRows) -> Step {
        if let Some(sorted) = &self.sorting {
            return match sorted.try_recv() {
                Ok(order) => Step::Done(order),
                Err(TryRecvError::Empty) => Step::Sorting,
                // The worker is gone without an answer: begin anew.
                Err(TryRecvError::Disconnected) => {
                    *self = Self::new(self.key.clone(), self.total);
                    Step::GoesOn
                }
            };
        }
        if !self.take_keys(rows) {
            return Step::GoesOn;
        }
        let keys = std::mem::take(&mut self.keys);
        let Some((_, direction)) = self.key.sort else {
            return Step::Done(keys.rows.into_iter().map(|(_, row)| row).collect());
        };
        let (sender, sorted) = channel();
        let ctx = ctx.clone();
        let worker = std::thread::Builder::new().name("sort".to_owned()).spawn(move || {
            if sender.send(keys.sorted(direction)).is_ok() {
                ctx.request_repaint();
            }
        });
        if let Err(error) = worker {
            log::warn!("no thread for sorting, so the rows keep their own order: {error}");
            return Step::Done((0..u32::try_from(self.total).unwrap_or(u32::MAX)).collect());
        }
        self.sorting = Some(sorted);
        Step::Sorting
    }

    /// Takes keys out until all are or the frame's time is over; says whether all are.
    fn take_keys(&mut self, rows: &dyn TableRows) -> bool {
        let begun = Instant::now();
        let total = self.total.min(rows.len());
        while self.next < total {
            let end = (self.next + ROWS_A_LOOK).min(total);
            for row in self.next..end {
                if self.key.filter.is_empty() || rows.matches(row, &self.key.filter) {
                    let key =
                        self.key.sort.map_or(SortKey::Missing, |(column, _)| rows.sort_key(row, column));
                    self.keys.push(key, row);
                }
            }
            self.next = end;
            if begun.elapsed() >= A_FRAME {
                break;
            }
        }
        self.next >= total
    }
}

impl Keys {
    fn push(&mut self, key: SortKey<'_>, row: usize) {
        let key = match key {
            SortKey::Number(number) if !number.is_nan() => Key::Number(number),
            SortKey::Text(text) => {
                let begin = self.texts.len();
                self.texts.push_str(&text);
                match (u32::try_from(begin), u32::try_from(self.texts.len())) {
                    (Ok(begin), Ok(end)) => Key::Text(begin, end),
                    // Four gigabytes of names: what does not fit comes last.
                    _ => Key::Missing,
                }
            }
            SortKey::Missing | SortKey::Number(_) => Key::Missing,
        };
        self.rows.push((key, u32::try_from(row).unwrap_or(u32::MAX)));
    }

    fn text(&self, begin: u32, end: u32) -> &str {
        self.texts.get(begin as usize..end as usize).unwrap_or_default()
    }

    /// The rows in order: stable, missing values last.
    fn sorted(mut self, direction: Direction) -> Vec<u32> {
        let mut rows = std::mem::take(&mut self.rows);
        let folded: Vec<String> = rows
            .iter()
            .map(|(key, _)| match key {
                Key::Text(begin, end) => self.text(*begin, *end).to_lowercase(),
                Key::Missing | Key::Number(_) => String::new(),
            })
            .collect();
        let mut order: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
        order.sort_by(|a, b| {
            let (a, b) = (*a as usize, *b as usize);
            let text = |at: usize, begin: u32, end: u32| (folded[at].as_str(), self.text(begin, end));
            let ascending = match (rows[a].0, rows[b].0) {
                (Key::Missing, Key::Missing) => return std::cmp::Ordering::Equal,
                (Key::Missing, _) => return std::cmp::Ordering::Greater,
                (_, Key::Missing) => return std::cmp::Ordering::Less,
                (Key::Number(a), Key::Number(b)) => a.total_cmp(&b),
                (Key::Text(i, j), Key::Text(k, l)) => compare_texts(text(a, i, j), text(b, k, l)),
                (Key::Number(_), Key::Text(..)) => std::cmp::Ordering::Less,
                (Key::Text(..), Key::Number(_)) => std::cmp::Ordering::Greater,
            };
            if direction == Direction::Ascending { ascending } else { ascending.reverse() }
        });
        order.iter_mut().for_each(|at| *at = rows[*at as usize].1);
        rows.clear();
        order
    }
}
