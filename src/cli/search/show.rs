//! What a search came to, in words and tables.

use orrery_domain::{
    metric::MetricId,
    search::{Course, Search, SearchState, Trial, TrialState},
    words,
};
use orrery_engine::{Workspace, searches};

use super::{
    super::{
        Outcome,
        output::{self, Align},
    },
    state_word,
};

/// Trials that are shown.
const SHOWN: usize = 10;

/// All searches.
pub fn list(workspace: &Workspace, all: &[Search]) -> Outcome {
    let mut rows = Vec::new();
    for search in all {
        let alive = searches::is_alive(workspace, &search.id)?;
        rows.push(vec![
            search.id.clone(),
            state_word(alive, search).to_owned(),
            format!("{} of {}", searches::settled(search), search.course.plan.trials),
            quality(search, search.course.best()),
            search.model.as_ref().map_or_else(|| words::NONE.to_owned(), ToString::to_string),
            output::moment(search.created_at),
        ]);
    }
    let head = [
        ("Search", Align::Left),
        ("State", Align::Left),
        ("Trials", Align::Right),
        ("Best, validation", Align::Right),
        ("Model", Align::Left),
        ("Asked", Align::Left),
    ];
    output::table(&head, &rows);
    Ok(())
}

/// One search.
pub fn show(workspace: &Workspace, search: &Search) -> Outcome {
    let alive = searches::is_alive(workspace, &search.id)?;
    let course = &search.course;
    output::line(&format!(
        "{}: {}, {} and {}, {} of {} settled in {}, {} at once",
        search.id,
        state_word(alive, search),
        course.plan.sampler.title(),
        course.plan.schedule.title(),
        searches::settled(search),
        words::plural(u64::from(course.plan.trials), "trial"),
        output::duration(search.elapsed_secs),
        search.at_once
    ));
    let front = course.front();
    let mut finished: Vec<&Trial> =
        course.trials.iter().filter(|trial| trial.state == TrialState::Finished).collect();
    finished.sort_by(|a, b| {
        let key = |trial: &Trial| (course.excess(trial) > 0.0, course.cost(trial).unwrap_or(f64::INFINITY));
        let (a, b) = (key(a), key(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let rows: Vec<Vec<String>> =
        finished.iter().take(SHOWN).map(|trial| row(search, trial, front.contains(&trial.number))).collect();
    if !rows.is_empty() {
        let metric = search.metric().map_or("Quality", MetricId::title);
        let head = [
            ("Trial", Align::Right),
            (metric, Align::Right),
            ("One row", Align::Right),
            ("On disk", Align::Right),
            ("Trained", Align::Right),
            ("", Align::Left),
            ("Values", Align::Left),
        ];
        output::table(&head, &rows);
    }
    told(course);
    if !search.importance.is_empty() {
        let all: Vec<String> = search
            .importance
            .iter()
            .map(|it| format!("{} {}", it.parameter, words::percent(it.share)))
            .collect();
        output::line(&format!("Share of the variance that each explains by itself: {}", all.join(", ")));
    }
    if let (Some(model), Some((trial, _))) = (&search.model, &search.chosen) {
        let primary = search.metric().and_then(|metric| Some((metric, search.test.as_ref()?.get(&metric)?)));
        let test = primary.map_or_else(String::new, |(metric, value)| {
            format!(": {} {} on the test rows", metric.title(), output::metric(metric, value))
        });
        output::line(&format!("{model} is trial {}{test}", trial + 1));
    }
    if let Some(failure) = &search.failure {
        output::line(&failure.message);
    }
    if !matches!(search.state, SearchState::Finished) && !alive {
        output::note(&format!("`orrery search resume {}` goes on.", search.id));
    }
    Ok(())
}

/// What became of the others.
fn told(course: &Course) {
    let waiting = course.count(TrialState::Waiting);
    if waiting > 0 {
        output::line(&format!("{} stopped early.", words::plural(waiting as u64, "trial")));
    }
    if let Some(why) = course.trials.iter().find_map(|trial| trial.why.as_ref()) {
        let failed = words::plural(course.count(TrialState::Failed) as u64, "trial");
        output::line(&format!("{failed} failed. The first: {why}"));
    }
}

fn quality(search: &Search, trial: Option<&Trial>) -> String {
    trial.and_then(|trial| trial.quality).map_or_else(
        || words::NONE.to_owned(),
        |value| {
            let title = search.metric().map(MetricId::title).unwrap_or_default();
            format!("{title} {}", output::number(value))
        },
    )
}

fn row(search: &Search, trial: &Trial, on_front: bool) -> Vec<String> {
    let none = || words::NONE.to_owned();
    let values: Vec<String> = trial.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut marks = Vec::new();
    if search.course.excess(trial) > 0.0 {
        marks.push("over the limits");
    } else if search.course.best().is_some_and(|best| best.number == trial.number) {
        marks.push("best");
    }
    if on_front {
        marks.push("front");
    }
    vec![
        (trial.number + 1).to_string(),
        trial.quality.map_or_else(none, output::number),
        trial.row_secs.map_or_else(none, |secs| format!("{:.1} us", secs * 1e6)),
        trial.bytes.map_or_else(none, output::bytes),
        trial.secs.map_or_else(none, output::duration),
        marks.join(", "),
        values.join(" "),
    ]
}
