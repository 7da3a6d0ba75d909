//! Records: a tuning's folder, which holds its request and every measurement; whoever asks the same goes on from there.
//!
//! `tunings/<id>/`: `request.json`, `measurements.jsonl` (one a line, synced), `finished` (once all was measured), `lock`.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use orrery_domain::{
    Failure, FailureClass,
    tune::{TuneMeasurement, TuneReport, TuneRequest, TuneSetting},
    units::UnixSecs,
};
use serde::{Deserialize, Serialize};

use super::client;
use crate::{Workspace, files};

/// What a tuning began with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// Its id.
    pub id: String,
    /// When it was asked for.
    pub created_at: UnixSecs,
    /// The request.
    pub request: TuneRequest,
    /// The setting in force then.
    pub before: TuneSetting,
}

/// A tuning's folder, held by this process.
#[derive(Debug)]
pub struct Record {
    folder: PathBuf,
    begun: Begun,
    /// What is measured, in that order.
    pub measurements: Vec<TuneMeasurement>,
    /// Two of the same would measure each other.
    _lock: File,
}

fn request_file(folder: &Path) -> PathBuf {
    folder.join("request.json")
}

fn lines_file(folder: &Path) -> PathBuf {
    folder.join("measurements.jsonl")
}

fn finished_file(folder: &Path) -> PathBuf {
    folder.join("finished")
}

fn read_begun(folder: &Path) -> Result<Begun, Failure> {
    let path = request_file(folder);
    let bytes = fs::read(&path).map_err(|error| files::failure("A tuning cannot be read", &error, &path))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(FailureClass::Data, format!("A tuning is damaged: {error}. ({})", path.display()))
    })
}

/// The measurements of a folder; of a setting that was measured again, the last one. A line that a killed process left half is not one.
fn read_lines(folder: &Path) -> Vec<TuneMeasurement> {
    let text = fs::read(lines_file(folder)).unwrap_or_default();
    let mut all: Vec<TuneMeasurement> = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let Ok(found) = serde_json::from_slice::<TuneMeasurement>(line) else { continue };
        match all.iter_mut().find(|known| known.setting == found.setting) {
            Some(known) => *known = found,
            None => all.push(found),
        }
    }
    all
}

fn report(folder: &Path) -> Result<TuneReport, Failure> {
    let begun = read_begun(folder)?;
    let finished = finished_file(folder).exists();
    Ok(TuneReport::of(
        (begun.id, begun.created_at),
        begun.request,
        begun.before,
        read_lines(folder),
        finished,
    ))
}

/// Every tuning of a workspace, newest first. One that cannot be read is left out, with a line in the log.
///
/// # Errors
/// When the folder cannot be listed.
pub fn list(workspace: &Workspace) -> Result<Vec<TuneReport>, Failure> {
    let folder = workspace.tunings();
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let failed = |error: std::io::Error| files::failure("Tunings cannot be listed", &error, &folder);
    let mut all = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if request_file(&path).exists() {
            match report(&path) {
                Ok(found) => all.push(found),
                Err(failure) => log::warn!("a tuning is left out: {failure}"),
            }
        }
    }
    all.sort_by(|a, b| b.created_at.total_cmp(&a.created_at).then_with(|| b.id.cmp(&a.id)));
    Ok(all)
}

/// The tuning of that id, or whose id begins so; `last` is the newest.
///
/// # Errors
/// A client failure when there is none, or several.
pub fn find(workspace: &Workspace, id: &str) -> Result<TuneReport, Failure> {
    let all = list(workspace)?;
    if id == "last" {
        return all
            .into_iter()
            .next()
            .ok_or_else(|| client("There is no tuning yet. `orrery tune --model NAME` makes one."));
    }
    let mut found = all.into_iter().filter(|report| report.id.starts_with(id) && !id.is_empty());
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            Err(client(format!("Several tunings begin with '{id}'. Write more of the id.")))
        }
        _ => Err(client(format!("There is no tuning '{id}'. `orrery tune list` shows all."))),
    }
}

/// The unfinished tuning that a request goes on with.
///
/// # Errors
/// As [`list`].
pub fn unfinished(workspace: &Workspace, request: &TuneRequest) -> Result<Option<String>, Failure> {
    let all = list(workspace)?;
    let same = |report: &&TuneReport| {
        report.stage == orrery_domain::tune::TuneStage::Unfinished && request.goes_on_as(&report.request)
    };
    Ok(all.iter().find(same).map(|report| report.id.clone()))
}

impl Record {
    /// Takes a tuning's folder, new or left by an earlier process; its request is then this one, with more or fewer measurements.
    ///
    /// # Errors
    /// A client failure when another process has it, or it is another request's; what the disk says.
    pub fn open(workspace: &Workspace, begun: Begun, noisy_again: bool) -> Result<Self, Failure> {
        let folder = workspace.tunings().join(&begun.id);
        files::create_private(&workspace.tunings())?;
        files::create_private(&folder)?;
        let failed = |error: &std::io::Error| files::failure("A tuning cannot be kept", error, &folder);
        let lock = File::create(folder.join("lock")).map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(client(format!(
                    "The tuning {} is going on already. Wait for it, or cancel it.",
                    begun.id
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let begun = if request_file(&folder).exists() {
            let known = read_begun(&folder)?;
            if !begun.request.goes_on_as(&known.request) {
                return Err(client(format!("The tuning {} was asked for something else.", begun.id)));
            }
            Begun { request: begun.request, ..known }
        } else {
            begun
        };
        let bytes = serde_json::to_vec_pretty(&begun)
            .map_err(|error| Failure::new(FailureClass::Bug, format!("A tuning is no JSON: {error}.")))?;
        files::write_atomic(&request_file(&folder), &bytes)?;
        let mut measurements = read_lines(&folder);
        if noisy_again {
            measurements.retain(|found| found.steady);
        }
        let finished = finished_file(&folder);
        if finished.exists() {
            fs::remove_file(&finished).map_err(|error| failed(&error))?;
        }
        Ok(Self { folder, begun, measurements, _lock: lock })
    }

    /// Adds a measurement; it is on the disk when this returns.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn add(&mut self, found: TuneMeasurement) -> Result<(), Failure> {
        let path = lines_file(&self.folder);
        let refused = |error: std::io::Error| files::failure("A measurement cannot be kept", &error, &path);
        let mut line = serde_json::to_vec(&found).map_err(|error| {
            Failure::new(FailureClass::Bug, format!("A measurement is no JSON: {error}."))
        })?;
        line.push(b'\n');
        // What a killed process left half ends here.
        let half = fs::read(&path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n'));
        if half {
            line.insert(0, b'\n');
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(refused)?;
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(refused)?;
        self.measurements.push(found);
        Ok(())
    }

    /// All was measured.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(&self) -> Result<(), Failure> {
        files::write_atomic(&finished_file(&self.folder), b"")
    }

    /// What it says so far.
    pub fn report(&self) -> TuneReport {
        let Begun { id, created_at, request, before } = self.begun.clone();
        let finished = finished_file(&self.folder).exists();
        TuneReport::of((id, created_at), request, before, self.measurements.clone(), finished)
    }

    /// What it began with.
    pub fn begun(&self) -> &Begun {
        &self.begun
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use orrery_domain::{
        ModelRef,
        tune::{Figure, Goals, Interval, TuneAsk, TuneStage},
    };

    use super::*;

    fn begun(id: &str) -> Begun {
        let model = ModelRef { name: "m".to_owned(), version: 1 };
        let request = TuneAsk::new(model, Goals::default()).request(Vec::new(), 2);
        Begun { id: id.to_owned(), created_at: 1.0, before: request.space.setting(0), request }
    }

    fn found(request: &TuneRequest, number: usize, steady: bool) -> TuneMeasurement {
        let figures =
            BTreeMap::from([(Figure::Throughput, Interval { value: 0.1 + 0.2, low: 0.1, high: 0.5 })]);
        let setting = request.space.setting(number);
        let noisy = vec![Figure::Throughput];
        TuneMeasurement { setting, figures, repeats: 3, steady, noisy, secs: 0.5, failure: None }
    }

    #[test]
    fn what_was_measured_is_there_for_whoever_asks_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(folder.path()).expect("a workspace");
        let begun = begun("one");
        let mut record = Record::open(&workspace, begun.clone(), false).expect("new");
        for (number, steady) in [(3, true), (4, false)] {
            record.add(found(&begun.request, number, steady)).expect("kept");
        }
        assert!(Record::open(&workspace, begun.clone(), false).is_err(), "this process has it");
        let said = record.report();
        drop(record);
        // A process that was killed in the middle of a line.
        let path = lines_file(&workspace.tunings().join("one"));
        let mut bytes = fs::read(&path).expect("readable");
        bytes.extend_from_slice(br#"{"setting":{"model":"m:1""#);
        files::write_atomic(&path, &bytes).expect("writable");
        assert_eq!(unfinished(&workspace, &begun.request).expect("listed").as_deref(), Some("one"));
        let more =
            Begun { request: TuneRequest { max_measurements: 9, ..begun.request.clone() }, ..begun.clone() };
        let mut record = Record::open(&workspace, more.clone(), false).expect("it goes on");
        assert_eq!(record.measurements, said.measurements, "exactly what it was");
        record.add(found(&begun.request, 5, true)).expect("kept");
        record.finish().expect("written");
        assert_eq!(record.report().stage, TuneStage::Finished);
        drop(record);
        let found = find(&workspace, "on").expect("by its beginning");
        assert_eq!((found.measurements.len(), found.request.max_measurements), (3, 9));
        assert_eq!(unfinished(&workspace, &begun.request).expect("listed"), None);
        let noisy = Record::open(&workspace, more, true).expect("again");
        assert_eq!(noisy.measurements.len(), 2, "the noisy one is measured again");
        drop(noisy);
        let other = Begun { request: TuneRequest { seed: 5, ..begun.request.clone() }, ..begun };
        assert!(Record::open(&workspace, other, false).is_err(), "another request is another tuning");
        assert!(find(&workspace, "").is_err() && find(&workspace, "two").is_err());
        assert_eq!(find(&workspace, "last").expect("the newest").id, "one");
    }
}
