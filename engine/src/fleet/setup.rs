//! Setup: changes to regions and endpoints, checked and kept.

use orrery_domain::{
    Failure, FailureClass,
    fleet::{FleetEndpoint, Region},
};

use super::client;
use crate::store::Store;

fn refused(message: String) -> Failure {
    Failure::new(FailureClass::Client, message)
}

/// Adds or changes a region.
///
/// # Errors
/// A client failure when a field will not do, or what the store says.
pub fn put_region(store: &mut Store, region: &Region) -> Result<(), Failure> {
    if !Region::is_name(&region.name) {
        let message = format!(
            "'{}' names no region: use 1 to 63 of a-z, 0-9 and '-'. Nothing was changed.",
            region.name
        );
        return Err(refused(message));
    }
    if region.priority > 127 {
        return Err(refused("A region's priority is 0 (first) to 127. Nothing was changed.".to_owned()));
    }
    if !(0.0..=1_000_000.0).contains(&region.price_per_1000) {
        return Err(refused("A price of 1,000 requests is 0 to 1,000,000. Nothing was changed.".to_owned()));
    }
    for tag in &region.tags {
        tag.parse::<orrery_policy::traffic::Tag>()
            .map_err(|error| refused(format!("{error} Nothing was changed.")))?;
    }
    store.put_region(region)
}

/// Removes a region without endpoints.
///
/// # Errors
/// A client failure when there is none, or it has endpoints; or what the store says.
pub fn remove_region(store: &mut Store, name: &str) -> Result<(), Failure> {
    let inside = store.endpoints()?.into_iter().filter(|endpoint| endpoint.region == name).count();
    if inside > 0 {
        let what = orrery_domain::words::plural(inside as u64, "endpoint");
        return Err(refused(format!(
            "The region '{name}' has {what}. Remove or move them first. Nothing was changed."
        )));
    }
    if store.remove_region(name)? { Ok(()) } else { Err(no_region(name)) }
}

/// The failure for a region that is not there.
pub fn no_region(name: &str) -> Failure {
    refused(format!("There is no region '{name}'. `orrery fleet regions` lists them."))
}

/// The failure for an endpoint that is not there.
pub fn no_endpoint(name: &str) -> Failure {
    refused(format!("There is no endpoint '{name}'. `orrery fleet endpoints` lists them."))
}

/// Adds or changes an endpoint.
///
/// # Errors
/// A client failure when a field will not do, or what the store says.
pub fn put_endpoint(store: &mut Store, endpoint: &FleetEndpoint) -> Result<(), Failure> {
    if !Region::is_name(&endpoint.name) {
        let message = format!(
            "'{}' names no endpoint: use 1 to 63 of a-z, 0-9 and '-'. Nothing was changed.",
            endpoint.name
        );
        return Err(refused(message));
    }
    client::address(&endpoint.url)?;
    if !store.regions()?.iter().any(|region| region.name == endpoint.region) {
        return Err(no_region(&endpoint.region));
    }
    if !(1..=1_000_000).contains(&endpoint.weight) {
        return Err(refused("A weight is 1 to 1,000,000. Nothing was changed.".to_owned()));
    }
    let taken =
        store.endpoints()?.into_iter().find(|known| known.name != endpoint.name && known.url == endpoint.url);
    if let Some(known) = taken {
        return Err(refused(format!("'{}' has that address already. Nothing was changed.", known.name)));
    }
    store.put_endpoint(endpoint)
}

/// Removes an endpoint; its server is left alone.
///
/// # Errors
/// A client failure when there is none, or what the store says.
pub fn remove_endpoint(store: &mut Store, name: &str) -> Result<(), Failure> {
    if store.remove_endpoint(name)? { Ok(()) } else { Err(no_endpoint(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Workspace;

    #[test]
    fn what_is_set_up_is_checked_and_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(dir.path()).expect("a workspace");
        let mut store = Store::open(&workspace).expect("a store");
        assert_eq!(store.regions().expect("readable"), Region::defaults());
        let mut region = Region::defaults().remove(1);
        region.enabled = true;
        put_region(&mut store, &region).expect("kept");
        assert_eq!(store.regions().expect("readable").len(), 4, "the other defaults stay");
        remove_region(&mut store, "ap-southeast").expect("empty");
        assert_eq!(store.regions().expect("readable").len(), 3);
        let endpoint = FleetEndpoint {
            name: "a".to_owned(),
            url: "http://127.0.0.1:8000".to_owned(),
            region: "us-west".to_owned(),
            weight: 1,
            key_file: None,
            role: orrery_domain::fleet::endpoint::EndpointRole::Server,
        };
        put_endpoint(&mut store, &endpoint).expect("kept");
        assert!(remove_region(&mut store, "us-west").is_err(), "it has an endpoint");
        let other = FleetEndpoint { name: "b".to_owned(), ..endpoint.clone() };
        assert!(put_endpoint(&mut store, &other).is_err(), "the address is taken");
        for wrong in [
            FleetEndpoint { region: "mars".to_owned(), ..endpoint.clone() },
            FleetEndpoint { url: "http://x/v2".to_owned(), ..endpoint.clone() },
            FleetEndpoint { weight: 0, ..endpoint.clone() },
            FleetEndpoint { name: "A b".to_owned(), ..endpoint.clone() },
        ] {
            assert_eq!(put_endpoint(&mut store, &wrong).map_err(|f| f.class), Err(FailureClass::Client));
        }
        let bad = Region { tags: vec!["No Tag".to_owned()], ..region };
        assert!(put_region(&mut store, &bad).is_err());
        remove_endpoint(&mut store, "a").expect("there");
        assert!(remove_endpoint(&mut store, "a").is_err());
    }
}
