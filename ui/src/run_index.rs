//! Finds runs, and what state they are in, without walking through 100,000 of them in every frame.
//!
//! Both are caches over the snapshot's own list: an answer is checked against the list it is given, so another list (another
//! snapshot, another workspace) costs time and never truth.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use orrery_domain::{
    RunId,
    run::{Run, RunState},
};

/// The list of a snapshot.
pub type Runs = Arc<Vec<Arc<Run>>>;

/// What lists and counts need of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where it stands.
    pub state: RunState,
    /// Whether a person deleted it.
    pub deleted: bool,
}

/// Places remembered; more are forgotten.
const MOST_PLACES: usize = 4096;

#[derive(Default)]
struct Index {
    runs: Runs,
    marks: Vec<Mark>,
    active: Vec<u32>,
    /// Where a run was last found, counted from the end: new runs come first and move no other.
    places: HashMap<RunId, usize>,
}

thread_local! {
    static INDEX: RefCell<Index> = RefCell::default();
}

impl Index {
    /// Takes over another list. Runs that are the same as before, counted from the end, are not looked at.
    fn follow(&mut self, runs: &Runs) {
        if Arc::ptr_eq(&self.runs, runs) && self.marks.len() == runs.len() {
            return;
        }
        let mark = |run: &Run| Mark { state: run.state, deleted: run.deleted };
        let (old, old_marks) = (&self.runs, &self.marks);
        let known = |place: usize| {
            let before = (place + old.len()).checked_sub(runs.len())?;
            Arc::ptr_eq(old.get(before)?, &runs[place]).then(|| old_marks.get(before)).flatten().copied()
        };
        let marks: Vec<Mark> =
            (0..runs.len()).map(|place| known(place).unwrap_or_else(|| mark(&runs[place]))).collect();
        let active = (0_u32..).zip(&marks).filter(|(_, mark)| !mark.state.is_final());
        self.active = active.map(|(place, _)| place).collect();
        self.marks = marks;
        self.runs = Arc::clone(runs);
    }
}

/// Calls `work` with the marks of all runs, in the list's order.
pub fn with_marks<R>(runs: &Runs, work: impl FnOnce(&[Mark]) -> R) -> R {
    INDEX.with_borrow_mut(|index| {
        index.follow(runs);
        work(&index.marks)
    })
}

/// The runs that are not at their end, in the list's order.
pub fn active(runs: &Runs) -> Vec<&Arc<Run>> {
    let places = INDEX.with_borrow_mut(|index| {
        index.follow(runs);
        index.active.clone()
    });
    places.into_iter().filter_map(|place| runs.get(place as usize)).collect()
}

/// The run of that id.
pub fn find<'a>(runs: &'a [Arc<Run>], id: &RunId) -> Option<&'a Arc<Run>> {
    let at = |from_end: usize| runs.len().checked_sub(from_end).and_then(|place| runs.get(place));
    let remembered = INDEX.with_borrow(|index| index.places.get(id).copied());
    if let Some(run) = remembered.and_then(at).filter(|run| run.id == *id) {
        return Some(run);
    }
    let place = runs.iter().position(|run| run.id == *id)?;
    INDEX.with_borrow_mut(|index| {
        if index.places.len() >= MOST_PLACES {
            index.places.clear();
        }
        index.places.insert(id.clone(), runs.len() - place);
    });
    runs.get(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::stage::fixture;

    fn run(number: usize, state: RunState, deleted: bool) -> Arc<Run> {
        let model = (*fixture::busy().runs[1]).clone();
        Arc::new(Run { id: RunId(format!("run-{number}")), state, deleted, ..model })
    }

    #[test]
    fn marks_and_places_follow_every_change_of_the_list() {
        let mut runs: Runs = Arc::new((0..50).map(|number| run(number, RunState::Finished, false)).collect());
        let check = |runs: &Runs| {
            let expected: Vec<Mark> =
                runs.iter().map(|run| Mark { state: run.state, deleted: run.deleted }).collect();
            with_marks(runs, |marks| assert_eq!(marks, expected));
            for run in runs.iter() {
                assert!(find(runs, &run.id).is_some_and(|found| Arc::ptr_eq(found, run)));
            }
            let open: Vec<&RunId> =
                runs.iter().filter(|run| !run.state.is_final()).map(|run| &run.id).collect();
            assert_eq!(active(runs).into_iter().map(|run| &run.id).collect::<Vec<_>>(), open);
        };
        check(&runs);
        Arc::make_mut(&mut runs).insert(0, run(100, RunState::Running, false));
        check(&runs);
        Arc::make_mut(&mut runs)[7] = run(6, RunState::Failed, true);
        check(&runs);
        Arc::make_mut(&mut runs).remove(20);
        check(&runs);
        assert!(find(&runs, &RunId("nobody".into())).is_none());
        check(&Arc::default());
    }
}
