//! Routes: all that can be asked, and what a key needs for it.

use std::sync::Arc;

use axum::{
    handler::Handler,
    http::header,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use orrery_domain::access::Scope;

use super::{Node, control, infer, ml};
use crate::fleet::vantage;

/// The description of all routes.
const DOCUMENT: &str = include_str!("openapi.json");

/// One route.
pub struct Route {
    /// `None`: whoever starts and stops the node asks it, and has no key.
    pub scope: Option<Scope>,
    /// `get` or `post`.
    #[cfg_attr(not(test), expect(dead_code, reason = "the handler knows it; the test asks for it"))]
    pub method: &'static str,
    /// With `{parameters}`.
    pub path: &'static str,
    /// What answers.
    pub handler: MethodRouter<Arc<Node>>,
}

fn getting<H: Handler<T, Arc<Node>>, T: 'static>(
    scope: Option<Scope>,
    path: &'static str,
    handler: H,
) -> Route {
    Route { scope, method: "get", path, handler: get(handler) }
}

fn posting<H: Handler<T, Arc<Node>>, T: 'static>(scope: Scope, path: &'static str, handler: H) -> Route {
    Route { scope: Some(scope), method: "post", path, handler: post(handler) }
}

/// All of them.
pub fn routes() -> Vec<Route> {
    let read = Some(Scope::Read);
    vec![
        getting(None, "/v2/health/live", control::live),
        getting(None, "/v2/health/ready", control::ready),
        getting(None, "/api/openapi.json", document),
        posting(Scope::Infer, "/v2/models/{model}/infer", infer::newest),
        posting(Scope::Infer, "/v2/models/{model}/versions/{version}/infer", infer::version),
        posting(Scope::Infer, "/api/ml/explain", ml::explain),
        posting(Scope::Infer, "/api/ml/models/compare", ml::compare),
        getting(read, "/v2", control::server),
        getting(read, "/v2/models", control::models),
        getting(read, "/v2/models/stats", control::all_statistics),
        getting(read, "/v2/models/{model}", control::metadata),
        getting(read, "/v2/models/{model}/ready", control::model_ready),
        getting(read, "/v2/models/{model}/stats", control::statistics),
        getting(read, "/v2/models/{model}/versions/{version}", control::version_metadata),
        getting(read, "/v2/models/{model}/versions/{version}/ready", control::version_ready),
        getting(read, "/v2/models/{model}/versions/{version}/stats", control::version_statistics),
        posting(Scope::Read, "/v2/repository/index", control::index),
        getting(read, "/metrics", control::metrics),
        getting(read, vantage::PATH, control::sightings),
        getting(read, "/api/serving", control::serving),
        posting(Scope::Admin, "/v2/repository/models/{model}/load", control::load),
        posting(Scope::Admin, "/v2/repository/models/{model}/unload", control::unload),
    ]
}

/// The description of all routes.
async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_document_has_every_route_with_its_scope_and_no_other() {
        let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
        assert_eq!(document["openapi"], "3.1.0");
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            let named: BTreeSet<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            for (method, operation) in item.as_object().expect("operations") {
                let scope = operation["x-scope"].as_str().map(str::to_owned);
                assert_eq!(
                    operation["security"] == serde_json::json!([]),
                    scope.is_none(),
                    "{method} {path}"
                );
                described.insert((method.clone(), path.clone(), scope));
                let parameters: BTreeSet<&str> = operation["parameters"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|parameter| parameter["$ref"].as_str()?.rsplit('/').next())
                    .collect();
                assert_eq!(parameters, named, "{method} {path}");
                assert!(
                    operation["responses"].as_object().is_some_and(|all| !all.is_empty()),
                    "{method} {path}"
                );
            }
        }
        let there: BTreeSet<_> = routes()
            .iter()
            .map(|route| {
                (route.method.to_owned(), route.path.to_owned(), route.scope.map(|scope| scope.to_string()))
            })
            .collect();
        assert_eq!(there, described);
    }

    #[test]
    fn what_the_document_points_to_is_in_it() {
        fn points<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(all) => {
                    found.extend(all.get("$ref").and_then(Value::as_str));
                    all.values().for_each(|value| points(value, found));
                }
                Value::Array(all) => all.iter().for_each(|value| points(value, found)),
                _ => {}
            }
        }
        let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
        let mut found = Vec::new();
        points(&document, &mut found);
        assert!(found.len() > 10);
        for point in found {
            let place = point.strip_prefix('#').expect("within the document");
            assert!(document.pointer(place).is_some(), "{point}");
        }
    }
}
