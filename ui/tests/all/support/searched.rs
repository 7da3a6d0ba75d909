//! Searches for the fixture: one done within limits, over two families; one that was interrupted.

use std::sync::Arc;

use orrery_domain::{
    RunId,
    dataset::Dataset,
    search::{
        Course, Importance, Limits, MODEL, Plan, Range, Rung, Search, SearchRequest, SearchState, Space,
        Trial, TrialState, Value, Values,
    },
    snapshot::ModelEntry,
    training::{ModelKind, Task, TrainConfig},
    units::UnixSecs,
};

/// A number from 0 to 1 that looks like chance.
fn noise(trial: u32, place: usize) -> f64 {
    let mixed = (u64::from(trial) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ((place as u64 + 3) << 21);
    (mixed.wrapping_mul(0xD134_2543_DE82_EF95) >> 40) as f64 / f64::from(1 << 24)
}

fn values(space: &Space, trial: u32) -> Values {
    let mut values = Values::new();
    for (place, parameter) in space.0.iter().enumerate() {
        if !Space::is_active(parameter, &values) {
            continue;
        }
        let share = noise(trial, place);
        let between = |low: f64, high: f64, log: bool| {
            if log { (low.ln() + share * (high / low).ln()).exp() } else { low + share * (high - low) }
        };
        let value = match &parameter.range {
            Range::Float { low, high, log } => Value::Float(between(*low, *high, *log)),
            Range::Int { low, high, log } => {
                Value::Int(between(*low as f64, *high as f64, *log).round() as i64)
            }
            Range::Choice { options } => {
                Value::Text(options[(share * options.len() as f64) as usize].clone())
            }
        };
        values.insert(parameter.name.clone(), value);
    }
    values
}

fn trial(space: &Space, number: u32) -> Trial {
    let values = values(space, number);
    let is_trees = values.get(MODEL) == Some(&Value::Text("gbt".into()));
    let rate = values.iter().find(|(name, _)| name.ends_with("learning_rate")).and_then(|(_, v)| v.number());
    let off = (rate.unwrap_or(0.01).ln() + 4.0).abs() * 0.006;
    let quality = 0.812 - off - 0.02 * noise(number, 90) - if is_trees { 0.0 } else { 0.011 };
    let (state, rung) = match number {
        5 | 11 | 17 | 20 => (TrialState::Waiting, 0),
        8 => (TrialState::Failed, 0),
        _ => (TrialState::Finished, 2),
    };
    let finished = state == TrialState::Finished;
    Trial {
        number,
        values,
        bracket: 0,
        rung,
        state,
        reached: vec![Rung { rung: 0, loss: 0.5 }],
        quality: finished.then_some(quality),
        row_secs: finished.then(|| {
            if is_trees { 3e-6 + 3e-5 * noise(number, 91) } else { 2e-5 + 6e-5 * noise(number, 92) }
        }),
        bytes: finished.then(|| 90_000 + (900_000.0 * noise(number, 93)) as u64),
        secs: finished.then(|| 2.0 + 9.0 * noise(number, 94)),
        run: Some(RunId(format!("20260301-1200{number:02}-abcd"))),
        why: (state == TrialState::Failed)
            .then(|| "Training diverged: the loss or its gradient was not finite at step 12.".to_owned()),
    }
}

/// Both searches, the newest first.
pub fn all(dataset: &Dataset, model: &ModelEntry, now: UnixSecs) -> Vec<Arc<Search>> {
    let mut space = Space::of_models(&[ModelKind::Gbt, ModelKind::Mlp]);
    for name in ["min_leaf_weight", "row_share", "feature_share"] {
        space.set(&format!("gbt.{name}=-")).expect("it is searched");
    }
    let plan = Plan {
        trials: 26,
        maximize: true,
        limits: Limits { row_secs: Some(5e-5), bytes: None },
        schedule: orrery_domain::search::Schedule::Asha,
        ..Plan::default()
    };
    let mut course = Course::new(space, plan);
    course.trials = (0..26).map(|number| trial(&course.space, number)).collect();
    let importance = [
        ("gbt.learning_rate", 0.41, 0.06),
        ("model", 0.22, 0.05),
        ("mlp.learning_rate", 0.11, 0.04),
        ("gbt.leaves", 0.05, 0.02),
        ("mlp.width", 0.02, 0.01),
    ]
    .map(|(parameter, share, deviation)| Importance {
        parameter: parameter.to_owned(),
        share,
        deviation,
    });
    let done = Search {
        id: "20260301-120000-5eac".to_owned(),
        request: SearchRequest {
            dataset: Box::new(dataset.clone()),
            config: Box::new(TrainConfig::new(model.target.clone())),
            model_name: model.model.name.clone(),
            metric: None,
        },
        state: SearchState::Finished,
        course,
        task: Some(Task::Binary),
        at_once: 2,
        elapsed_secs: 214.0,
        chosen: None,
        model: Some(model.model.clone()),
        test: None,
        importance: importance.to_vec(),
        failure: None,
        created_at: now - 7200.0,
        changed_at: now - 7000.0,
    };
    let mut stopped = done.clone();
    "20260301-090000-77aa".clone_into(&mut stopped.id);
    stopped.state = SearchState::Running;
    stopped.course.trials.truncate(7);
    stopped.course.trials[6].state = TrialState::Running;
    stopped.course.trials[6].quality = None;
    stopped.importance.clear();
    stopped.model = None;
    stopped.created_at = now - 18_000.0;
    vec![Arc::new(done), Arc::new(stopped)]
}
