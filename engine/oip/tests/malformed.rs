//! Bodies that nobody should send: each is refused with a status from 400 on and a sentence, and none panics.

mod bodies;

use std::collections::BTreeSet;

use bodies::{Body, Says, all, binary, by_hand::INPUT, json, options, tensor};
use orrery_oip::{DataType, OipError, control::ErrorBody, decode_request, decode_response};

#[test]
fn what_is_sound_is_read() {
    for datatype in DataType::ALL {
        for body in [json(datatype), binary(datatype)] {
            let read = decode_request(&body.bytes, body.header, &options());
            assert!(read.is_ok(), "{}: {read:?}", body.name);
        }
    }
    let text = format!("{{\"inputs\":[{INPUT}]}}");
    assert!(decode_request(text.as_bytes(), None, &options()).is_ok());
}

#[test]
fn every_malformed_body_is_refused_with_a_sentence() {
    let bodies = all();
    let distinct: BTreeSet<_> = bodies.iter().map(|body| (&body.bytes, body.header)).collect();
    assert_eq!(distinct.len(), bodies.len(), "the same body stands twice");
    assert!(bodies.len() >= 200, "only {} bodies", bodies.len());
    let mut kinds = BTreeSet::new();
    for Body { name, bytes, header, says } in &bodies {
        let Err(error) = decode_request(bytes, *header, &options()) else { panic!("'{name}' is accepted") };
        let message = error.to_string();
        match says {
            Says::Words(words) => assert!(message.contains(words), "'{name}': {message}"),
            Says::Tensor => assert!(message.starts_with("tensor 'x'"), "'{name}': {message}"),
            Says::Anything => {}
        }
        assert!(matches!(error.status(), 400 | 413), "'{name}'");
        assert!(message.len() < 400 && !message.contains(char::is_control), "'{name}': {message}");
        assert_eq!(ErrorBody::from(&error).error, message);
        kinds.insert(format!("{error:?}").split([' ', '{']).next().map(str::to_owned));
        // As an answer of a server it is refused as well.
        assert!(decode_response(bytes, *header, &options()).is_err(), "'{name}'");
    }
    println!("{} bodies, {} kinds of errors", bodies.len(), kinds.len());
    assert!(kinds.len() >= 25, "{kinds:?}");
}

#[test]
fn limits_are_told_with_413() {
    let told = |body: &[u8]| decode_request(body, None, &options()).map(drop).map_err(|error| error.status());
    let many = format!("{{\"inputs\":[{}]}}", vec![INPUT; 20].join(","));
    let long = tensor("BYTES", "[1]", &format!("[\"{}\"]", "a".repeat(5000)));
    let wide = tensor("BOOL", "[100000]", "[]");
    let ranks = tensor("BOOL", "[1,1,1,1,1,1,1,1,1]", "[true]");
    for body in [many, long, wide, ranks, format!("{{\"x\":\"{}\"}}", "a".repeat(200_000))] {
        assert_eq!(told(body.as_bytes()), Err(413));
    }
    assert_eq!(told(b"{"), Err(400));
    let deep = format!("{{\"x\":{}", "[".repeat(90_000));
    assert!(matches!(decode_request(deep.as_bytes(), None, &options()), Err(OipError::TooDeep { .. })));
}
