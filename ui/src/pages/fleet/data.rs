//! What page Fleet shows, as plain data; only what changed is built anew.

use std::{collections::HashMap, sync::Arc};

use orrery_domain::{
    Failure,
    fleet::{EndpointStatus, FleetEvent, FleetState, GatewayStatus, ServerKind},
};

use super::super::serve;
use crate::{
    format::{self, NONE},
    theme::State,
    widgets::{
        grid::{Cell, GridRow, Look},
        table::TableColumn,
    },
};

/// Gateways, as the snapshot holds them.
type Gateways = Arc<Vec<(String, Result<Arc<GatewayStatus>, Failure>)>>;

/// The page's view models, with what they were made of.
#[derive(Default)]
pub(super) struct FleetView {
    endpoints: Option<Arc<Vec<Arc<EndpointStatus>>>>,
    events_of: Option<Arc<Vec<FleetEvent>>>,
    gateways_of: Option<Gateways>,
    /// Endpoints.
    pub(super) rows: Vec<GridRow>,
    /// Events, the newest first.
    pub(super) events: Vec<GridRow>,
    /// Objectives of every gateway.
    pub(super) objectives: Vec<GridRow>,
    /// Counts rebuilds: the tables' revision.
    pub(super) revision: u64,
    /// Rows of endpoints made in the last rebuild; the others were kept.
    pub(super) made: usize,
}

impl FleetView {
    /// Brings the view models up to date with a state.
    pub(super) fn update(&mut self, fleet: &FleetState) {
        if self.endpoints.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &fleet.endpoints)) {
            self.update_endpoints(&fleet.endpoints);
            self.revision += 1;
        }
        if self.events_of.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &fleet.events)) {
            self.events = fleet.events.iter().enumerate().map(event_row).collect();
            self.events_of = Some(Arc::clone(&fleet.events));
            self.revision += 1;
        }
        if self.gateways_of.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &fleet.gateways)) {
            self.objectives = objective_rows(&fleet.gateways);
            self.gateways_of = Some(Arc::clone(&fleet.gateways));
            self.revision += 1;
        }
    }

    /// Makes the rows of the endpoints that changed, and keeps the others.
    fn update_endpoints(&mut self, endpoints: &Arc<Vec<Arc<EndpointStatus>>>) {
        let before = self.endpoints.take();
        let old = before.iter().flat_map(|all| all.iter()).zip(std::mem::take(&mut self.rows));
        let mut kept: HashMap<*const EndpointStatus, GridRow> =
            old.map(|(status, row)| (Arc::as_ptr(status), row)).collect();
        self.made = 0;
        for status in endpoints.iter() {
            let row = kept.remove(&Arc::as_ptr(status)).unwrap_or_else(|| {
                self.made += 1;
                endpoint_row(status)
            });
            self.rows.push(row);
        }
        self.endpoints = Some(Arc::clone(endpoints));
    }
}

/// The columns of the endpoints.
pub(super) fn endpoint_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Endpoint", 116.0).growing(),
        TableColumn::text("Region", 96.0),
        TableColumn::text("Health", 100.0).drawn(),
        TableColumn::text("Why", 112.0).growing(),
        TableColumn::text("Server", 116.0).help("Which server answers, and its version, as it says"),
        TableColumn::number("p50", 68.0).help("Median latency of the last minute"),
        TableColumn::number("p95", 68.0).help("95 of 100 answers of the last minute were faster"),
        TableColumn::number("p99", 68.0).help("99 of 100 answers of the last minute were faster"),
        TableColumn::number("Errors", 62.0).help("Share of requests that failed, from the server's metrics"),
        TableColumn::number("Requests/s", 84.0).help("Over the last minute, from the server's metrics"),
        TableColumn::number("Memory", 78.0).help("Of the server's process, from its metrics"),
        TableColumn::text("Breaker", 116.0).drawn().help("At its gateway, with the time until it probes"),
        TableColumn::text("Recent", 84.0).drawn().unsorted().help("Latency of the window's last looks"),
        TableColumn::text("Address", 180.0).hidden(),
    ]
}

fn endpoint_row(status: &EndpointStatus) -> GridRow {
    let (state, word) = serve::health(status.health);
    let rank = match state {
        State::Failed => 0.0,
        State::Warning => 1.0,
        State::Unknown => 2.0,
        _ => 3.0,
    };
    let missed = status.recent.iter().filter(|look| look.is_none()).count();
    let looks = format!("Last {} looks, {missed} without an answer", status.recent.len());
    let recent = if status.recent.is_empty() {
        Cell { look: Look::Spark(Vec::new()), text: NONE.to_owned(), number: None }
    } else {
        Cell { look: Look::Spark(status.recent.clone()), text: looks, number: None }
    };
    let breaker_reason = status.breaker.as_ref().map(|view| view.reason.as_str()).unwrap_or_default();
    let hover = [status.reason.as_str(), breaker_reason, status.endpoint.url.as_str()];
    GridRow {
        key: status.endpoint.name.clone(),
        hover: hover.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join("\n"),
        cells: vec![
            Cell::text(&status.endpoint.name),
            Cell::text(&status.endpoint.region),
            Cell::state(word, state, rank),
            Cell::text(&status.reason),
            Cell::text(server_words(status.server, status.server_version.as_deref())),
            Cell::number(status.latency.p50, serve::time),
            Cell::number(status.latency.p95, serve::time),
            Cell::number(status.latency.p99, serve::time),
            Cell::number(status.error_ratio, format::percent),
            Cell::number(status.requests_per_sec, serve::per_sec),
            Cell::number(status.memory_bytes.map(|bytes| bytes as f64), |bytes| format::bytes(bytes as u64)),
            serve::breaker_cell(status.breaker.as_ref()),
            recent,
            Cell::text(&status.endpoint.url),
        ],
    }
}

/// A server's kind and version in a few words.
pub(super) fn server_words(kind: ServerKind, version: Option<&str>) -> String {
    match (kind, version) {
        (ServerKind::Unknown, None) => NONE.to_owned(),
        (ServerKind::Unknown, Some(version)) => version.to_owned(),
        (kind, None) => kind.title().to_owned(),
        (kind, Some(version)) => {
            // Many servers begin their version with their name.
            let name = kind.title();
            let starts = version.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
            let rest = if starts { version[name.len()..].trim() } else { version };
            format!("{name} {rest}")
        }
    }
}

/// The columns of the events.
pub(super) fn event_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Time (UTC)", 130.0),
        TableColumn::text("Gravity", 96.0).drawn(),
        TableColumn::text("Kind", 80.0),
        TableColumn::text("What", 150.0),
        TableColumn::text("What happened", 360.0).growing(),
    ]
}

fn event_row((index, event): (usize, &FleetEvent)) -> GridRow {
    use orrery_domain::fleet::FleetEventKind as Kind;
    let (state, word) = serve::severity(event.severity);
    let kind = match event.kind {
        Kind::Health => "Health",
        Kind::Breaker => "Breaker",
        Kind::Outlier => "Outlier",
        Kind::Config => "Config",
        Kind::Rollout => "Rollout",
        Kind::Drill => "Drill",
        Kind::Alert => "Alert",
    };
    let rank = match state {
        State::Failed => 0.0,
        State::Warning => 1.0,
        State::Running => 2.0,
        _ => 3.0,
    };
    let day = format::moment(event.at);
    let time = format!("{} {}", day.get(5..10).unwrap_or_default(), serve::clock(event.at));
    GridRow {
        key: format!("{}-{index}", event.at),
        hover: event.message.clone(),
        cells: vec![
            Cell { text: time, number: Some(event.at), look: Look::Plain },
            Cell::state(word, state, rank),
            Cell::text(kind),
            Cell::text(&event.subject),
            Cell::text(&event.message),
        ],
    }
}

/// The columns of the objectives.
pub(super) fn objective_columns() -> Vec<TableColumn> {
    let burn = "How many times faster than sustainable the budget of failures is spent";
    vec![
        TableColumn::text("Gateway", 130.0),
        TableColumn::text("Objective", 160.0).growing(),
        TableColumn::number("Good requests", 110.0).help("Share of good requests to reach"),
        TableColumn::number("Burn, 1 h", 90.0).help(burn),
        TableColumn::number("Burn, 6 h", 90.0).help(burn),
        TableColumn::number("Burn, 3 d", 90.0).help(burn),
        TableColumn::text("Alert", 110.0).drawn(),
        TableColumn::text("Since (UTC)", 140.0),
    ]
}

fn objective_rows(gateways: &[(String, Result<Arc<GatewayStatus>, Failure>)]) -> Vec<GridRow> {
    let burn =
        |value: Option<f64>| Cell::number(value, |value| format!("{}×", format::significant(value, 2)));
    let mut rows = Vec::new();
    for (gateway, status) in gateways {
        let Ok(status) = status else { continue };
        for slo in &status.slos {
            let (state, word, rank) = match slo.alert.as_deref() {
                Some("page") => (State::Failed, "Page", 0.0),
                Some("ticket") => (State::Warning, "Ticket", 1.0),
                Some(_) => (State::Warning, "Alert", 1.0),
                None if slo.burn_hour.is_none() => (State::Unknown, "No requests", 2.0),
                None => (State::Ok, "None", 3.0),
            };
            rows.push(GridRow {
                key: format!("{gateway}/{}", slo.name),
                hover: String::new(),
                cells: vec![
                    Cell::text(gateway),
                    Cell::text(&slo.name),
                    Cell::number(Some(slo.objective_percent), |value| format!("{value}%")),
                    burn(slo.burn_hour),
                    burn(slo.burn_6_hours),
                    burn(slo.burn_3_days),
                    Cell::state(word, state, rank),
                    Cell::text(slo.alert_since.map_or_else(|| NONE.to_owned(), format::moment)),
                ],
            });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::pages::stage::fixture;

    #[test]
    fn one_changed_endpoint_of_two_hundred_makes_one_row() {
        let all: Vec<Arc<EndpointStatus>> = ["us-east", "us-west", "eu-west", "ap-southeast"]
            .iter()
            .flat_map(|region| (1..=50).map(|index| Arc::new(fixture::fleet::server(region, index, 0.01))))
            .collect();
        let mut fleet = FleetState { endpoints: Arc::new(all), ..FleetState::default() };
        let mut view = FleetView::default();
        view.update(&fleet);
        assert_eq!((view.rows.len(), view.made, view.revision), (200, 200, 3));
        view.update(&fleet);
        assert_eq!(view.revision, 3, "the same state is not built again");
        let changed = &mut Arc::make_mut(&mut fleet.endpoints)[77];
        Arc::make_mut(changed).endpoint.region = "moved".to_owned();
        let begun = Instant::now();
        view.update(&fleet);
        println!("one of 200 endpoints changed: view models took {:?}", begun.elapsed());
        assert_eq!((view.rows.len(), view.made, view.revision), (200, 1, 4));
        assert_eq!(view.rows[77].cells[1].text, "moved");
    }

    #[test]
    fn no_value_is_a_dash_and_a_version_is_said_once() {
        let endpoint = fixture::fleet::server("us-east", 1, 0.01).endpoint;
        let row = endpoint_row(&EndpointStatus::unknown(endpoint));
        for column in [4, 5, 6, 7, 8, 9, 10, 11, 12] {
            assert_eq!(row.cells[column].text, NONE, "column {column}");
        }
        assert_eq!(server_words(ServerKind::Orrery, Some("orrery 0.1.0")), "Orrery 0.1.0");
        assert_eq!(server_words(ServerKind::Triton, Some("2.50.0")), "Triton 2.50.0");
    }
}
