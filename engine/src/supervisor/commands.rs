//! Commands: one arm each, checked, then done in the background.

use std::{path::PathBuf, sync::Arc};

use orrery_domain::{
    Command, DatasetId, Failure, ModelRef,
    dataset::Dataset,
    fleet::FleetCommand,
    profile::Profile,
    snapshot::{ForecastState, Severity},
    training::TrainConfig,
};
use orrery_policy::lifecycle::Order;

use super::state::State;
use crate::{datasets, files, registry, runs, workspace};

/// What a forecast is asked for.
pub(crate) struct ForecastRequest {
    dataset: Dataset,
    profile: Option<Arc<Profile>>,
    config: Box<TrainConfig>,
}

/// Whether a window that only looks may ask for this.
fn only_looks(command: &Command) -> bool {
    matches!(
        command,
        Command::LoadProfile { .. }
            | Command::Forecast { .. }
            | Command::WatchRuns { .. }
            | Command::LoadModel { .. }
            | Command::TryRow { .. }
            | Command::Compare { .. }
            | Command::Explain { .. }
            | Command::LoadTunings
            | Command::ExportModel { .. }
            | Command::DismissNotice { .. }
            | Command::SaveFile { .. }
            | Command::SaveWindowState { .. }
            | Command::Shutdown { .. }
            | Command::Fleet(
                FleetCommand::Watch { .. }
                    | FleetCommand::Conform { .. }
                    | FleetCommand::PlanRollout { .. }
                    | FleetCommand::DescribeEndpoint { .. }
                    | FleetCommand::TryEndpoint { .. }
                    | FleetCommand::Simulate { .. }
            )
    )
}

impl State {
    /// Does what a person asked for, or says why not.
    pub(super) fn command(&mut self, command: Command) {
        if self.read_only() && !only_looks(&command) {
            return self.say(
                Severity::Warning,
                "This window only looks, because another one has the workspace. Nothing was changed; work in the other window.",
            );
        }
        if self.is_closing() && !matches!(command, Command::SaveWindowState { .. } | Command::Shutdown { .. })
        {
            return;
        }
        match command {
            Command::ImportFile { file, options } => self.import(file, options),
            Command::OpenSample => self.open_sample(),
            Command::LoadProfile { dataset, target } => self.load_profile(&dataset, target),
            Command::DeleteDataset { dataset } => self.delete_dataset(dataset),
            Command::RestoreDataset { dataset } => self.restore_dataset(dataset),
            Command::Forecast { dataset, config } => self.forecast(&dataset, config),
            Command::Train { dataset, config, name } => self.train(&dataset, *config, name),
            Command::PauseRun { run } => self.steer(run, Order::Pause),
            Command::ResumeRun { run } => self.steer(run, Order::Resume),
            Command::CancelRun { run } => self.steer(run, Order::Cancel),
            Command::RenameRun { run, name } => self.effect(Box::new(move |store, _| {
                runs::rename(store, &run, &name)?;
                Ok(Box::new(|_| {}))
            })),
            Command::NoteRun { run, note } => self.effect(Box::new(move |store, _| {
                runs::note(store, &run, &note)?;
                Ok(Box::new(|_| {}))
            })),
            Command::DeleteRun { run } => self.delete_run(run),
            Command::RestoreRun { run } => self.effect(Box::new(move |store, workspace| {
                runs::restore(workspace, store, &run)?;
                Ok(Box::new(|state| state.say(Severity::Info, "The run is back.")))
            })),
            Command::WatchRuns { runs } => self.watch(runs),
            Command::LoadModel { model } => self.load_model(&model),
            Command::SetThreshold { model, threshold } => self.effect(Box::new(move |store, workspace| {
                registry::set_threshold(workspace, store, &model, threshold)?;
                Ok(Box::new(move |state| state.load_model(&model)))
            })),
            Command::Predict { model, file, out } => self.predict(model, file, out),
            Command::Compare { models, source, settings } => self.compare(models, source, settings),
            Command::Explain { model, source, settings, out } => self.explain(model, source, *settings, out),
            Command::Compress { model, method } => self.compress(model, method),
            Command::Search { dataset, config, space, plan } => {
                self.search(&dataset, config, space, plan);
            }
            Command::ResumeSearch { search, trials, secs } => self.resume_search(search, trials, secs),
            Command::CancelSearch { search } => self.cancel_search(search),
            Command::Tune { ask } => self.tune(*ask),
            Command::ResumeTuning { tuning } => self.resume_tuning(tuning),
            Command::LoadTunings => self.load_tunings(),
            Command::ApplyTuning { tuning, measurement } => self.apply_tuning(tuning, measurement),
            Command::UndoTuning { model } => self.undo_tuning(model),
            Command::TryRow { model, row, explain } => self.try_row(model, row, explain),
            Command::ExportModel { model, to } => self.export(model, to),
            Command::DeleteModel { model } => self.delete_model(model),
            Command::RestoreModel { model } => self.effect(Box::new(move |store, workspace| {
                registry::restore(workspace, store, &model)?;
                Ok(Box::new(move |state| state.say(Severity::Info, format!("{model} is back."))))
            })),
            Command::ProbeDevices => self.probe_devices(),
            Command::SetDefaultDevice { device } => {
                self.snapshot.default_device = device;
                self.touch();
                self.effect(Box::new(move |store, _| {
                    store.set_default_device(device)?;
                    Ok(Box::new(|_| {}))
                }));
            }
            Command::CancelJob { job } => self.cancel_job(job),
            Command::DismissNotice { notice } => self.dismiss(notice),
            Command::SaveWindowState { state } => self.save_window_state(state),
            Command::SaveFile { path, bytes } => self.save_file(path, bytes),
            Command::Fleet(command) => self.ask_fleet(command),
            Command::Shutdown { keep_jobs } => self.shut_down(keep_jobs),
        }
    }

    fn delete_dataset(&mut self, id: DatasetId) {
        let Some(dataset) = self.dataset(&id) else { return };
        self.effect(Box::new(move |store, workspace| {
            datasets::delete(workspace, store, &id)?;
            Ok(Box::new(move |state| {
                let message = format!("Deleted the dataset '{}'. Its runs and models stay.", dataset.name);
                state.say_undoable(message, Command::RestoreDataset { dataset: id });
            }))
        }));
    }

    fn restore_dataset(&mut self, id: DatasetId) {
        self.effect(Box::new(move |store, workspace| {
            datasets::restore(workspace, store, &id)?;
            Ok(Box::new(|state| state.say(Severity::Info, "The dataset is back.")))
        }));
    }

    fn delete_run(&mut self, id: orrery_domain::RunId) {
        let Some(run) = self.find_run(&id) else { return self.report(&workspace::no_run(&id)) };
        let name = run.name.clone();
        self.effect(Box::new(move |store, workspace| {
            runs::delete(workspace, store, &id)?;
            Ok(Box::new(move |state| {
                let message = format!("Deleted the run '{name}'. Its model stays.");
                state.say_undoable(message, Command::RestoreRun { run: id });
                state.count_disk();
            }))
        }));
    }

    fn delete_model(&mut self, model: ModelRef) {
        self.effect(Box::new(move |store, workspace| {
            registry::delete(workspace, store, &model)?;
            Ok(Box::new(move |state| {
                let message = format!("Moved {model} to the bin.");
                state.say_undoable(message, Command::RestoreModel { model });
            }))
        }));
    }

    /// Reads a model's card and curves into the snapshot.
    pub(super) fn load_model(&mut self, model: &ModelRef) {
        let (folder, model) = (self.workspace.model(model), model.clone());
        self.work("model", move || {
            let read = registry::read_card(&folder)
                .and_then(|card| registry::read_curves(&folder).map(|curves| (card, curves)));
            Box::new(move |state| match read {
                Ok((card, curves)) => {
                    let models = Arc::make_mut(&mut state.snapshot.models);
                    if let Some(entry) = models.iter_mut().find(|entry| entry.model == model) {
                        entry.card = Some(Arc::new(card));
                        entry.curves = curves.map(Arc::new);
                        state.touch();
                    }
                }
                Err(failure) => state.report(&failure),
            })
        });
    }

    fn export(&mut self, model: ModelRef, to: PathBuf) {
        let workspace = self.workspace.clone();
        self.work("export", move || {
            let exported = registry::export(&workspace, &model, &to);
            Box::new(move |state| match exported {
                Ok(to) => state.say(Severity::Ok, format!("Copied {model} to {}.", to.display())),
                Err(failure) => state.report(&failure),
            })
        });
    }

    fn save_file(&mut self, path: PathBuf, bytes: Vec<u8>) {
        self.work("save", move || {
            let saved = files::write_atomic(&path, &bytes);
            Box::new(move |state| match saved {
                Ok(()) => state.say(Severity::Ok, format!("Saved {}.", path.display())),
                Err(failure) => state.report(&failure),
            })
        });
    }

    /// Answers with a forecast; of requests that come while one is computed only the last is answered.
    fn forecast(&mut self, id: &DatasetId, config: Box<TrainConfig>) {
        let entry = self.snapshot.datasets.iter().find(|entry| entry.dataset.id == *id);
        let Some(entry) = entry else { return self.report(&workspace::no_dataset(id)) };
        let request =
            ForecastRequest { dataset: (*entry.dataset).clone(), profile: entry.profile.clone(), config };
        if self.forecasting {
            self.next_forecast = Some(request);
        } else {
            self.compute_forecast(request);
        }
    }

    fn compute_forecast(&mut self, request: ForecastRequest) {
        self.forecasting = true;
        let devices = Arc::clone(&self.snapshot.devices);
        self.work("forecast", move || {
            let ForecastRequest { dataset, profile, config } = request;
            let ask = || orrery_learn::train::forecast(&dataset, profile.as_deref(), &config, &devices);
            let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask))
                .unwrap_or_else(|panic| Err::<_, Failure>(crate::jobs::child::panic_failure(&*panic)));
            let answered = ForecastState { dataset: dataset.id.clone(), config, answer };
            Box::new(move |state| {
                state.forecasting = false;
                state.snapshot.forecast = Some(Arc::new(answered));
                state.touch();
                if let Some(next) = state.next_forecast.take() {
                    state.compute_forecast(next);
                }
            })
        });
    }
}
