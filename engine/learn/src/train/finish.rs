//! Finishing: the kept model judged once on the test rows, and put into a folder with its card.

use std::path::{Path, PathBuf};

use orrery_domain::{
    Failure, FailureClass,
    curves::Curves,
    job::{JobEvent, TrainSummary},
    metric::Metrics,
    model::{Baseline, CARD_FORMAT, Lineage, ModelCard, SearchOrigin, Verdict},
    run::Progress,
    training::{ModelKind, TargetTransform},
};

use super::{
    TrainJob, baseline, files,
    fit::Bench,
    importance::importance,
    journal::{Done, Journal},
    scorer::{Fitted, Truths},
    steer::steer,
};
use crate::{
    control::{Interrupt, JobControl},
    device, faults,
    metrics::{BootstrapSettings, Predictions, curves, evaluate, verdict},
    model,
    prepare::Preprocessor,
};

/// The model of a run that had finished before, if its folder is whole.
pub(super) fn already(job: &TrainJob) -> Option<(TrainSummary, ModelCard)> {
    let folder = job.run_dir.join("model");
    model::verify(&folder).ok()?;
    let card = model::read_card(&folder).ok()?;
    (card.lineage.run == job.run && card.config == job.config && card.lineage.dataset == job.dataset.id)
        .then(|| (summary(&card), card))
}

fn summary(card: &ModelCard) -> TrainSummary {
    TrainSummary {
        model: None,
        kind: card.kind,
        test: card.test.clone(),
        baselines: card.baselines.clone(),
        verdict: card.verdict.clone(),
        samples_per_sec: card.samples_per_sec,
        device: card.device.clone(),
        train_secs: card.train_secs,
    }
}

fn say(control: &dyn JobControl, phase: &str, fraction: f64) {
    let progress = Progress { phase: phase.to_owned(), fraction: Some(fraction), ..Progress::default() };
    control.emit(JobEvent::Progress { progress, kind: None });
}

/// Judges the kept family and writes `run_dir/model`.
///
/// # Errors
/// A failure, or an interruption; nothing is lost by one, the judgement is made again.
pub(super) fn finish(
    bench: &Bench<'_>,
    journal: &Journal,
    kept: &Done,
    candidates: Vec<(ModelKind, f64)>,
    control: &dyn JobControl,
) -> Result<(TrainSummary, ModelCard), Interrupt> {
    let (job, request, parts) = (bench.job, bench.request, bench.parts);
    let transform = job.config.target_transform;
    let source = journal.model_folder(kept.kind);
    let fitted = Fitted::load(&source, kept.kind)?;
    let rules = Preprocessor::load(&source)?;

    say(control, "Judging on the validation rows", 0.90);
    let valid_truths = Truths::new(request, &parts.valid.y, transform);
    let valid_predictions = fitted.predict(request, &parts.valid.table)?;
    let valid = evaluate(request.task, &valid_truths.view(request), &valid_predictions, None);
    steer(control, || Ok(()))?;
    let features: Vec<String> = rules.features.iter().map(|feature| feature.name.clone()).collect();
    let judged = if job.is_trial() {
        let curves = curves(request.task, &valid_truths.view(request), &valid_predictions, &request.classes);
        Judged { curves, importance: Vec::new(), test: Metrics::new(), baselines: Vec::new(), verdict: None }
    } else {
        // One pixel's values shuffled say nothing of a picture: `explain` shows what the network looks at.
        let importance = if kept.kind.is_for_images() {
            Vec::new()
        } else {
            say(control, "Measuring the importance of columns", 0.92);
            importance(job, request, &fitted, &parts.valid, &features, control)?
        };
        Judged { importance, ..judge(bench, journal, kept.kind, &fitted, control)? }
    };

    let mut card = ModelCard {
        format: CARD_FORMAT,
        program: concat!("orrery ", env!("CARGO_PKG_VERSION")).to_owned(),
        model: None,
        kind: kept.kind,
        task: request.task,
        target: job.config.target.clone(),
        classes: request.classes.clone(),
        threshold: None,
        features: features.iter().filter_map(|name| job.dataset.column(name).cloned()).collect(),
        importance: judged.importance,
        parameters: kept.parameters,
        rows: parts.counts,
        test: judged.test,
        valid,
        baselines: judged.baselines,
        verdict: judged.verdict,
        candidates,
        device: kept.device.clone(),
        threads: device::threads(),
        samples_per_sec: kept.rows_per_sec,
        train_secs: kept.secs,
        seed: job.config.seed,
        config: job.config.clone(),
        lineage: Lineage {
            source: job.dataset.source.clone(),
            dataset: job.dataset.id.clone(),
            run: job.run.clone(),
            search: job
                .part
                .as_ref()
                .map(|part| SearchOrigin { search: part.search.clone(), trial: part.trial }),
        },
        compressions: Vec::new(),
        notes: journal.notes().to_vec(),
        files: Vec::new(),
        created_at: now(),
    };
    say(control, "Writing the model", 0.99);
    let means = if kept.kind == ModelKind::Gbt { None } else { Some(rules.means(&parts.train.table)?) };
    stage(job, &source, |folder| {
        means.as_ref().map_or(Ok(()), |means| means.save(folder))?;
        model::write(folder, &mut card, &judged.curves)
    })?;
    Ok((summary(&card), card))
}

/// What the test rows say of a model; of a trial's, nothing but the curves of its validation rows.
struct Judged {
    importance: Vec<(String, f64)>,
    test: Metrics,
    baselines: Vec<Baseline>,
    verdict: Option<Verdict>,
    curves: Curves,
}

/// Judges the kept family on the test rows, beside the baselines.
fn judge(
    bench: &Bench<'_>,
    journal: &Journal,
    kept: ModelKind,
    fitted: &Fitted,
    control: &dyn JobControl,
) -> Result<Judged, Interrupt> {
    let (job, request, parts) = (bench.job, bench.request, bench.parts);
    say(control, "Judging on the test rows", 0.96);
    let truths = Truths::new(request, &parts.test.y, job.config.target_transform);
    let truth = truths.view(request);
    let predictions = fitted.predict(request, &parts.test.table)?;
    let settings = BootstrapSettings { seed: job.config.seed, ..BootstrapSettings::default() };
    let test = evaluate(request.task, &truth, &predictions, Some(&settings));
    steer(control, || Ok(()))?;
    let against = rivals(bench, journal, kept)?;
    let baselines: Vec<Baseline> = against
        .iter()
        .map(|(name, predictions)| Baseline {
            name: name.clone(),
            test: evaluate(request.task, &truth, predictions, Some(&settings)),
        })
        .collect();
    steer(control, || Ok(()))?;
    let verdict = Some(verdict(request.task, &truth, &predictions, &against, &settings));
    let curves = curves(request.task, &truth, &predictions, &request.classes);
    Ok(Judged { importance: Vec::new(), test, baselines, verdict, curves })
}

/// Test predictions of the baselines, by name.
fn rivals(
    bench: &Bench<'_>,
    journal: &Journal,
    kept: ModelKind,
) -> Result<Vec<(String, Predictions)>, Failure> {
    let (request, parts) = (bench.request, bench.parts);
    let log = bench.job.config.target_transform == TargetTransform::Log;
    let constant = baseline::constant(request, &parts.train, parts.test.table.rows(), log);
    let mut rivals = vec![(baseline::constant_name(request.task).to_owned(), constant)];
    if kept != ModelKind::Linear && journal.done(ModelKind::Linear).is_some() {
        let linear = Fitted::load(&journal.model_folder(ModelKind::Linear), ModelKind::Linear)?;
        rivals.push(("linear".to_owned(), linear.predict(request, &parts.test.table)?));
    }
    Ok(rivals)
}

/// Copies the fitted model beside `run_dir/model`, lets `complete` write the rest, and renames.
fn stage(
    job: &TrainJob,
    source: &Path,
    complete: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (folder, new) = (job.run_dir.join("model"), job.run_dir.join("model.new"));
    let failed = |path: &PathBuf| {
        let path = path.display().to_string();
        move |error: std::io::Error| {
            Failure::new(
                FailureClass::Capacity,
                format!("The model could not be written: {error}. Free some disk space and resume the run. ({path})"),
            )
            .keeping("The trained model is kept in the run's checkpoints.")
        }
    };
    for old in [&new, &folder] {
        if old.exists() {
            std::fs::remove_dir_all(old).map_err(failed(old))?;
        }
    }
    std::fs::create_dir_all(&new).map_err(failed(&new))?;
    for entry in std::fs::read_dir(source).map_err(failed(&new))? {
        let path = entry.map_err(failed(&new))?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            let bytes = std::fs::read(&path).map_err(failed(&path))?;
            files::write_bytes(&new.join(name), &bytes)?;
        }
    }
    complete(&new)?;
    faults::kill("finish");
    std::fs::rename(&new, &folder).map_err(failed(&folder))?;
    files::sync_folder(&job.run_dir);
    faults::kill("finish");
    Ok(())
}

/// Seconds since 1970.
fn now() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
