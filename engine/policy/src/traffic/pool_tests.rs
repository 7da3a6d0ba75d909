//! Tests of the way from a request to an endpoint.

use super::{
    balance::Strategy,
    endpoint::Endpoint,
    pool::{Availability, EndpointState, NoEndpoint, Pool, Request},
    priority::PriorityConfig,
    random::{Random, SplitMix64},
    residency::Residency,
    time::Nanos,
};

fn endpoint(name: &str, priority: u32, tag: Option<&str>) -> Endpoint {
    let tags = tag.into_iter().map(|tag| tag.parse().unwrap()).collect();
    Endpoint { priority, tags, ..Endpoint::new(name, "http://x") }
}

fn strategies() -> Vec<Strategy> {
    ["weighted_round_robin", "least_request", "peak_ewma", "maglev", "cost_weighted"]
        .map(|name| serde_json::from_str(&format!(r#"{{"name":"{name}"}}"#)).unwrap())
        .to_vec()
}

fn request<'a>(residency: &'a Residency, tried: &'a [usize]) -> Request<'a> {
    Request { residency, key: None, tried, again: true, now: Nanos(1) }
}

#[test]
fn no_strategy_ever_picks_an_endpoint_without_the_tag() {
    let mut random = SplitMix64::new(9);
    for strategy in strategies() {
        let endpoints =
            (0..12).map(|i| endpoint(&format!("e{i}"), i / 4, (i % 3 == 0).then_some("eu"))).collect();
        let mut pool = Pool::new(endpoints, &strategy, PriorityConfig::default()).unwrap();
        let residency = Residency::from_header("eu");
        for _ in 0..3000 {
            let mut states = [EndpointState::default(); 12];
            for state in &mut states {
                state.availability = match random.below(4) {
                    0 => Availability::Healthy,
                    1 => Availability::Refusing,
                    _ => Availability::Unhealthy,
                };
            }
            let tried = [random.below(12) as usize];
            match pool.pick(&states, &request(&residency, &tried), &mut random) {
                Ok(index) => {
                    assert_eq!(index % 3, 0, "{strategy:?} picked an endpoint without the tag");
                    assert_ne!(states[index].availability, Availability::Refusing);
                }
                Err(error) => assert_eq!(error, NoEndpoint::Unavailable),
            }
        }
        let nowhere = Residency::from_header("mars");
        let states = [EndpointState::default(); 12];
        for nobody in [nowhere, Residency::Unknown] {
            assert_eq!(pool.pick(&states, &request(&nobody, &[]), &mut random), Err(NoEndpoint::Residency));
        }
    }
}

#[test]
fn traffic_fails_over_and_tried_endpoints_come_last() {
    let mut random = SplitMix64::new(2);
    for strategy in strategies() {
        let endpoints = vec![endpoint("a", 0, None), endpoint("b", 0, None), endpoint("far", 1, None)];
        let mut pool = Pool::new(endpoints, &strategy, PriorityConfig::default()).unwrap();
        let mut states = [EndpointState::default(); 3];
        let open = Residency::Unrestricted;
        for _ in 0..100 {
            assert!(pool.pick(&states, &request(&open, &[]), &mut random).unwrap() < 2);
            assert_eq!(pool.pick(&states, &request(&open, &[0]), &mut random), Ok(1));
            assert_eq!(pool.pick(&states, &request(&open, &[0, 1]), &mut random), Ok(2));
            assert!(pool.pick(&states, &request(&open, &[0, 1, 2]), &mut random).is_ok());
            let others_only = Request { again: false, ..request(&open, &[0, 1, 2]) };
            assert_eq!(pool.pick(&states, &others_only, &mut random), Err(NoEndpoint::Unavailable));
        }
        states[0].availability = Availability::Unhealthy;
        states[1].availability = Availability::Refusing;
        for _ in 0..100 {
            assert_eq!(pool.pick(&states, &request(&open, &[]), &mut random), Ok(2));
        }
        states[2].availability = Availability::Refusing;
        assert_eq!(
            pool.pick(&states, &request(&open, &[]), &mut random),
            Ok(0),
            "in panic the ill are asked"
        );
        states[0].availability = Availability::Refusing;
        assert_eq!(pool.pick(&states, &request(&open, &[]), &mut random), Err(NoEndpoint::Unavailable));
    }
}

#[test]
fn only_endpoints_with_the_tags_count_for_the_health_of_a_level() {
    let endpoints = vec![
        endpoint("plain", 0, None),
        endpoint("ill", 0, Some("eu")),
        endpoint("well", 1, Some("eu")),
        endpoint("also plain", 2, None),
    ];
    let pool = Pool::new(endpoints, &Strategy::default(), PriorityConfig::default()).unwrap();
    let mut states = [EndpointState::default(); 4];
    states[1].availability = Availability::Unhealthy;
    let percents = |residency: Residency| -> Vec<u32> {
        pool.loads(&states, &residency).iter().map(|load| load.percent).collect()
    };
    assert_eq!(percents(Residency::from_header("eu")), [0, 100, 0]);
    assert_eq!(percents(Residency::Unrestricted), [70, 30, 0]);
    assert_eq!(percents(Residency::Unknown), [0, 0, 0]);
}

#[test]
fn panic_can_refuse() {
    let config = PriorityConfig { fail_traffic_on_panic: true, ..PriorityConfig::default() };
    let endpoints = vec![endpoint("a", 0, None), endpoint("b", 0, None), endpoint("c", 0, None)];
    let mut pool = Pool::new(endpoints, &Strategy::default(), config).unwrap();
    let mut states = [EndpointState::default(); 3];
    states[0].availability = Availability::Unhealthy;
    states[1].availability = Availability::Unhealthy;
    let open = Residency::Unrestricted;
    let picked = pool.pick(&states, &request(&open, &[]), &mut SplitMix64::new(1));
    assert_eq!(picked, Err(NoEndpoint::Panic));
}

#[test]
fn a_pool_says_which_endpoint_is_wrong() {
    let twins = vec![endpoint("a", 0, None), endpoint("a", 0, None)];
    let error = Pool::new(twins, &Strategy::default(), PriorityConfig::default()).unwrap_err();
    assert_eq!(error.field, "endpoints[1].name");
    let light = vec![Endpoint { weight: 0, ..endpoint("a", 0, None) }];
    let error = Pool::new(light, &Strategy::default(), PriorityConfig::default()).unwrap_err();
    assert_eq!(error.to_string(), "`endpoints[0].weight` is 0; it may be 1 to 1000000.");
}
