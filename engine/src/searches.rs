//! Searches on disk and in the store: asked for, found, given a larger budget, ended from any process.

use orrery_domain::{
    Failure, FailureClass, ModelRef,
    job::{JobSpec, Steering},
    metric::MetricId,
    search::{Course, MODEL, Plan, Range, Search, SearchRequest, SearchState, Setting, Space, TrialState},
    training::ModelKind,
};

use crate::{
    files,
    jobs::{Launch, lines::Appender, lines::Tail, now, spawn},
    runs,
    search::restore,
    store::Store,
    workspace::Workspace,
};

fn client(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Client, message)
}

/// Checks a space of trainings: every parameter is a setting, or the model, and its range may be asked of it.
///
/// # Errors
/// A client failure that names what does not fit.
pub fn check_space(space: &Space) -> Result<(), Failure> {
    if let Some(why) = space.fault() {
        return Err(client(why));
    }
    let Some(Range::Choice { options }) = space.get(MODEL).map(|parameter| &parameter.range) else {
        return Err(client("The space says no model: give 'model' a choice of families."));
    };
    for option in options {
        match ModelKind::from_name(option) {
            Some(ModelKind::Auto) | None => {
                return Err(client(format!(
                    "'{option}' is no model family to search: use mlp, resnet, tabm, gbt or linear."
                )));
            }
            Some(_) => {}
        }
    }
    for parameter in space.0.iter().filter(|parameter| parameter.name != MODEL) {
        let name = parameter.name.rsplit('.').next().unwrap_or_default();
        let setting = Setting::from_name(name)
            .ok_or_else(|| client(format!("'{}' in the space is no setting.", parameter.name)))?;
        setting
            .check(&parameter.range)
            .map_err(|why| client(format!("The range of '{}' does not fit: {why}.", parameter.name)))?;
    }
    Ok(())
}

/// Asks for a search: checks it and writes its record.
///
/// # Errors
/// A client failure when the request makes no sense, or when the store refuses.
pub fn create(
    workspace: &Workspace,
    store: &mut Store,
    request: SearchRequest,
    space: Space,
    plan: Plan,
) -> Result<Search, Failure> {
    check_space(&space)?;
    if let Some(why) = plan.fault() {
        return Err(client(why));
    }
    ModelRef::check_name(&request.model_name).map_err(|error| client(error.to_string()))?;
    if !workspace.blob(&request.dataset).exists() {
        return Err(client(format!("The table of '{}' is gone. Import it again.", request.dataset.name)));
    }
    if request.dataset.column(&request.config.target).is_none() {
        return Err(client(format!(
            "There is no column '{}' in '{}'.",
            request.config.target, request.dataset.name
        )));
    }
    let task = request.config.task;
    if let (Some(metric), Some(task)) = (request.metric, task)
        && !MetricId::of(task).contains(&metric)
    {
        return Err(client(format!("{} says nothing of this task.", metric.title())));
    }
    let search = Search {
        id: runs::fresh_id(),
        request,
        state: SearchState::Running,
        course: Course::new(space, plan),
        task,
        at_once: 0,
        elapsed_secs: 0.0,
        chosen: None,
        model: None,
        test: None,
        importance: Vec::new(),
        failure: None,
        created_at: now(),
        changed_at: now(),
    };
    store.put_search(&search)?;
    Ok(search)
}

/// Whether a process has the search now.
///
/// # Errors
/// When its lock cannot be asked.
pub fn is_alive(workspace: &Workspace, id: &str) -> Result<bool, Failure> {
    if !workspace.search(id).join("lock").exists() {
        return Ok(false);
    }
    workspace.claim_search(id).map(|claim| claim.is_none())
}

/// Makes a search ready to go on, with a larger budget where one is given.
///
/// # Errors
/// A client failure when there is none, a process has it already, or nothing is left to do; when the store refuses.
pub fn prepare_resume(
    workspace: &Workspace,
    store: &mut Store,
    id: &str,
    trials: Option<u32>,
    secs: Option<f64>,
) -> Result<Search, Failure> {
    let mut search = store.search(id)?.ok_or_else(|| no_search(id))?;
    let Some(_lock) = workspace.claim_search(id)? else {
        return Err(client(format!("The search '{id}' is going on already.")));
    };
    let plan = &mut search.course.plan;
    if let Some(trials) = trials {
        let begun = u32::try_from(search.course.trials.len()).unwrap_or(u32::MAX);
        if trials < begun {
            return Err(client(format!("{begun} trials have begun: --trials goes up, not down.")));
        }
        plan.trials = trials;
    }
    // A time budget is for all of its processes together.
    if secs.is_some() {
        plan.secs = secs;
    }
    if let Some(why) = plan.fault() {
        return Err(client(why));
    }
    if plan.secs.is_some_and(|secs| secs <= search.elapsed_secs) {
        return Err(client(format!(
            "The search has used its time of {:.0} s. Give it a larger one with --budget.",
            search.elapsed_secs
        )));
    }
    search.state = SearchState::Running;
    search.failure = None;
    search.changed_at = now();
    restore(&mut search.course);
    store.put_search(&search)?;
    Ok(search)
}

/// Ends a search from any process: through its control file where a process has it, else on its record. Returns whether a process was
/// told. What was trained stays, and the search can be resumed.
///
/// # Errors
/// A client failure when there is none or it has ended; when the disk or the store refuses.
pub fn cancel(workspace: &Workspace, store: &mut Store, id: &str) -> Result<bool, Failure> {
    let mut search = store.search(id)?.ok_or_else(|| no_search(id))?;
    let Some(_lock) = workspace.claim_search(id)? else {
        Appender::open(&workspace.search(id).join("control"))?.append(&Steering::Cancel, true)?;
        return Ok(true);
    };
    if matches!(search.state, SearchState::Finished | SearchState::Cancelled) {
        return Err(client(format!("The search is {} already.", search.state.name())));
    }
    search.state = SearchState::Cancelled;
    search.changed_at = now();
    store.put_search(&search)?;
    Ok(false)
}

/// How to start a search's process so that it goes on by itself.
///
/// # Errors
/// When the disk refuses.
pub fn launch_detached(workspace: &Workspace, id: &str) -> Result<Launch, Failure> {
    let folder = workspace.search(id);
    files::create_private(&folder)?;
    let spec = JobSpec::Search { home: workspace.home().to_path_buf(), search: id.to_owned() };
    spawn::write_spec(&folder.join("spec.json"), &spec)?;
    Ok(Launch {
        spec: folder.join("spec.json"),
        log: folder.join("stderr.log"),
        control_from: Tail::length(&folder.join("control")),
        detached: true,
        on_gpu: false,
    })
}

/// Finds a search by its id or a unique beginning or ending of it.
///
/// # Errors
/// A client failure when there is none or more than one.
pub fn find(store: &mut Store, text: &str) -> Result<Search, Failure> {
    let mut found: Vec<Search> = store
        .searches()?
        .into_iter()
        .filter(|search| {
            search.id == text
                || (text.len() >= 4 && (search.id.starts_with(text) || search.id.ends_with(text)))
        })
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(search), true) => Ok(search),
        (Some(_), false) => Err(client(format!("More than one search fits '{text}': write its whole id."))),
        (None, _) => Err(no_search(text)),
    }
}

/// The failure for a search nobody knows.
pub fn no_search(id: &str) -> Failure {
    client(format!("There is no search '{id}'. `orrery search list` shows what there is."))
}

/// Trials that are trained to their end or cannot be.
pub fn settled(search: &Search) -> usize {
    search.course.count(TrialState::Finished) + search.course.count(TrialState::Failed)
}
