//! Page Deployments: what runs where, a rollout with its guards, and a row to try.

use std::sync::Arc;

use egui::{Key, Modifiers, Role};
use egui_kittest::kittest::Queryable;
use orrery_domain::{
    ModelRef,
    explain::{Attributions, ExplainCheck, ExplainMethod, ExplainScale, Explanation, RowExplanation},
    fleet::{FleetCommand, RolloutPlan, RolloutState, TryEndpointState, state::TensorSchema},
};
use orrery_ui::route::PageId;

use super::fleet::asked;
use crate::support::{
    fixture,
    harness::{click_role, fill, press_command, settle, tall, window},
};

#[test]
fn nothing_deployed_leads_to_the_fleet() {
    let (mut window, _) = window(fixture::empty(), PageId::Deployments);
    assert!(window.query_by_label("Nothing is deployed").is_some());
    click_role(&mut window, Role::Button, "Fleet");
    assert!(window.query_by_label("No endpoints yet").is_some());
}

#[test]
fn a_rollout_shows_its_stage_and_each_guard_against_its_limit() {
    let (window, _) = window(fixture::busy(), PageId::Deployments);
    assert!(window.query_by_label_contains("1% 81 requests: done").is_some());
    assert!(window.query_by_label_contains("5% 216 requests: now").is_some());
    assert!(window.query_by_label_contains("25% : to come").is_some());
    assert!(window.query_by_label("p95 against primary: 1.07×, limit 1.50×").is_some());
    assert!(window.query_by_label("Drift: 0.055, limit 0.250").is_some());
}

#[test]
fn a_roll_back_names_what_is_lost_before_it_is_sent() {
    let (mut window, engine) = window(fixture::busy(), PageId::Deployments);
    click_role(&mut window, Role::Button, "Roll back…");
    assert!(window.query_by_label_contains("loses its 5% of the requests").is_some());
    assert!(window.query_by_label_contains("v2 serves everything again").is_some());
    assert_eq!(asked(&engine), []);
    click_role(&mut window, Role::Button, "Roll back");
    assert_eq!(asked(&engine), [FleetCommand::RollBackRollout { rollout: "r-7".to_owned() }]);
    click_role(&mut window, Role::Button, "Go to 25% now");
    assert_eq!(asked(&engine), [FleetCommand::PromoteRollout { rollout: "r-7".to_owned() }]);
    click_role(&mut window, Role::Button, "Serve v1 again…");
    click_role(&mut window, Role::Button, "Serve it again");
    assert_eq!(asked(&engine), [FleetCommand::RollBackDeployment { model: "flights-gbt".to_owned() }]);
}

#[test]
fn a_plan_is_shown_before_a_rollout_starts() {
    let (mut window, engine) = window(fixture::busy(), PageId::Deployments);
    press_command(&mut window, Modifiers::COMMAND, Key::D);
    click_role(&mut window, Role::Button, "Start rollout");
    assert_eq!(asked(&engine), [], "not without a plan");
    click_role(&mut window, Role::Button, "Show the plan");
    let plan = Box::new(RolloutPlan::new(ModelRef { name: "flights-gbt".to_owned(), version: 3 }));
    assert_eq!(asked(&engine), [FleetCommand::PlanRollout { plan: plan.clone() }]);
    engine.change(|snapshot| {
        let planned = fixture::fleet::rollout(RolloutState::Planned);
        Arc::make_mut(&mut snapshot.fleet).planned = Some(Arc::new(planned));
    });
    settle(&mut window);
    assert!(window.query_by_label("Load it beside v2").is_some());
    click_role(&mut window, Role::Button, "Start rollout");
    assert_eq!(asked(&engine), [FleetCommand::StartRollout { plan }]);
    assert!(window.query_by_label("Deploy a model").is_none(), "the form is closed");
}

#[test]
fn a_deployed_model_is_described_and_then_asked() {
    let (mut window, engine) = tall(fixture::busy(), PageId::Deployments);
    click_role(&mut window, Role::Button, "Show its inputs");
    let (endpoint, model) = ("us-east-1".to_owned(), "flights-gbt".to_owned());
    let version = Some("3".to_owned());
    let describe = FleetCommand::DescribeEndpoint {
        endpoint: endpoint.clone(),
        model: model.clone(),
        version: version.clone(),
    };
    assert_eq!(asked(&engine), [describe]);
    let tensor = |name: &str, datatype: &str| TensorSchema {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: vec![-1, 1],
    };
    let mut tried = TryEndpointState {
        endpoint: endpoint.clone(),
        model: model.clone(),
        version: version.clone(),
        inputs: vec![tensor("carrier", "BYTES"), tensor("distance", "FP32")],
        outputs: vec![tensor("late", "FP32")],
        answer: None,
        waiting: false,
        secs: None,
        explanation: None,
    };
    let shown = tried.clone();
    engine.change(|snapshot| Arc::make_mut(&mut snapshot.fleet).tried = Some(Arc::new(shown)));
    settle(&mut window);
    fill(&mut window, "carrier", "UA");
    click_role(&mut window, Role::Button, "Ask");
    let row = vec![("carrier".to_owned(), Some("UA".to_owned())), ("distance".to_owned(), None)];
    assert_eq!(asked(&engine), [FleetCommand::TryEndpoint { endpoint, model, version, row }]);
    tried.answer = Some(Ok(vec![("late".to_owned(), "0.2817".to_owned())]));
    tried.secs = Some(0.0071);
    let parts = [("carrier", -0.25), ("distance", 0.75)].map(|(name, value)| (name.to_owned(), value));
    tried.explanation = Some(Ok(Explanation {
        totals: None,
        method: ExplainMethod::IntegratedGradients,
        class: Some("late".to_owned()),
        scale: ExplainScale::LogOdds,
        rows: vec![RowExplanation {
            row: 0,
            prediction: 0.5,
            baseline: 0.0,
            attributions: Attributions(parts.to_vec()),
            standard_errors: None,
            values: Vec::new(),
        }],
        check: ExplainCheck::new("completeness", 1e-5, 1e-3),
        checks: Vec::new(),
        against: None,
    }));
    engine.change(|snapshot| Arc::make_mut(&mut snapshot.fleet).tried = Some(Arc::new(tried)));
    settle(&mut window);
    assert!(window.query_by_label("Answer late: 0.2817").is_some());
    assert!(window.query_by_label_contains("Answered in 7.1 ms").is_some());
    assert!(window.query_by_label("What speaks for 'late'").is_some());
    assert!(window.query_by_label("distance adds +0.750").is_some());
    assert!(window.query_by_label("carrier adds \u{2212}0.250").is_some());
    assert!(window.query_by_label_contains("The parts add up").is_some());
}
