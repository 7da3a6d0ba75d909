//! The tailer: reads on in the logs of runs that a person watches or that other processes have.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use orrery_domain::{RunId, job::JobEvent, snapshot::RunSeries};

use super::Message;
use crate::{
    Workspace,
    jobs::{LoggedEvent, lines::Tail},
};

/// How often logs are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// What the tailer is to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Runs whose curves are shown.
    pub watched: BTreeSet<RunId>,
    /// Runs that other processes have.
    pub elsewhere: BTreeSet<RunId>,
}

/// The tailer's thread, told what to read through its channel.
pub(super) struct Tailer {
    wanted: Sender<Wanted>,
}

impl Tailer {
    pub(super) fn start(workspace: Workspace, inbox: Sender<Message>) -> Self {
        let (wanted, receiver) = channel();
        std::thread::spawn(move || Reader { workspace, inbox, read: BTreeMap::new() }.run(&receiver));
        Self { wanted }
    }

    pub(super) fn want(&self, wanted: Wanted) {
        if self.wanted.send(wanted).is_err() {
            log::error!("the tailer is gone");
        }
    }
}

/// One run's log so far.
struct Log {
    tail: Tail,
    series: Arc<RunSeries>,
    shown: bool,
}

struct Reader {
    workspace: Workspace,
    inbox: Sender<Message>,
    read: BTreeMap<RunId, Log>,
}

impl Reader {
    fn run(mut self, orders: &Receiver<Wanted>) {
        let mut wanted = Wanted::default();
        loop {
            match orders.recv_timeout(LOOK_EVERY) {
                Ok(order) => wanted = orders.try_iter().last().unwrap_or(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.read.retain(|run, _| wanted.watched.contains(run) || wanted.elsewhere.contains(run));
            for run in wanted.watched.union(&wanted.elsewhere) {
                if self.look(run, &wanted).is_err() {
                    return;
                }
            }
        }
    }

    /// Reads on in one log and tells what is new. An error means that nobody listens.
    fn look(&mut self, run: &RunId, wanted: &Wanted) -> Result<(), ()> {
        let folder = self.workspace.run(run);
        let log = self.read.entry(run.clone()).or_insert_with(|| Log {
            tail: Tail::new(folder.join("events.jsonl"), 0),
            series: Arc::default(),
            shown: false,
        });
        let events: Vec<LoggedEvent> = log.tail.read();
        let grown = collect(Arc::make_mut(&mut log.series), &events);
        let show = wanted.watched.contains(run) && (grown || !std::mem::replace(&mut log.shown, true));
        let series = show.then(|| Arc::clone(&log.series));
        let follow = wanted.elsewhere.contains(run) && !events.is_empty();
        if series.is_none() && !follow {
            return Ok(());
        }
        let (run, events) = (run.clone(), if follow { events } else { Vec::new() });
        let reply = Message::Apply(Box::new(move |state| state.tailed(&run, series, &events)));
        self.inbox.send(reply).map_err(drop)
    }
}

/// Adds the points of events to curves; a run that goes on from a checkpoint takes back what came after it. Returns whether
/// anything changed.
fn collect(series: &mut RunSeries, events: &[LoggedEvent]) -> bool {
    let mut changed = false;
    for logged in events {
        match &logged.event {
            JobEvent::Points { series: points } => {
                for (id, point) in points.iter().filter(|(_, point)| point.value.is_finite()) {
                    series.entry(*id).or_default().push(*point);
                    changed = true;
                }
            }
            JobEvent::Started { from_step, .. } => {
                for points in series.values_mut() {
                    points.truncate_after(*from_step);
                }
                changed = true;
            }
            _ => {}
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_domain::{
        run::{SeriesId, SeriesPoint},
        training::{ModelKind, Task},
    };

    fn logged(event: JobEvent) -> LoggedEvent {
        LoggedEvent { at: 0.0, event }
    }

    fn point(step: u64) -> LoggedEvent {
        let point = SeriesPoint { step, secs: step as f64, value: 1.0 };
        logged(JobEvent::Points { series: vec![(SeriesId::TrainLoss, point)] })
    }

    #[test]
    fn a_resumed_run_takes_back_what_its_checkpoint_did_not_hold() {
        let resumed = logged(JobEvent::Started {
            run: RunId("r".into()),
            task: Task::Binary,
            kind: ModelKind::Mlp,
            device: String::new(),
            train_rows: 1,
            parameters: 1,
            from_step: 2,
        });
        let mut series = RunSeries::new();
        assert!(collect(&mut series, &[point(1), point(2), point(3), resumed, point(3)]));
        let steps: Vec<u64> = series[&SeriesId::TrainLoss].iter().map(|point| point.step).collect();
        assert_eq!(steps, [1, 2, 3]);
        assert!(!collect(&mut series, &[]));
    }
}
