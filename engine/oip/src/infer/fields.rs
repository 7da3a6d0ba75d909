//! The small fields that requests, responses, tensors and outputs share.

use crate::{
    DecodeOptions, Limits, OipError, Parameter, Parameters, error::shown, json::Reader, place::Place,
};

/// Keeps a field that may stand there once.
pub(crate) fn once<T>(slot: &mut Option<T>, value: T, place: Place<'_>, field: &str) -> Result<(), OipError> {
    if slot.is_some() {
        return Err(OipError::DuplicateField { place: place.text(), field: field.to_owned() });
    }
    *slot = Some(value);
    Ok(())
}

/// A string, or nothing for `null`.
pub(super) fn optional_text(reader: &mut Reader<'_>) -> Result<Option<String>, OipError> {
    if reader.null() { Ok(None) } else { Ok(Some(reader.string()?.into_owned())) }
}

/// A name that must be there.
pub(super) fn required<T>(slot: Option<T>, place: Place<'_>, field: &'static str) -> Result<T, OipError> {
    slot.ok_or_else(|| OipError::Missing { place: place.text(), field })
}

/// `parameters`: an object, or nothing for `null`. Parameters that are `null` count as not given.
pub(crate) fn parameters(
    reader: &mut Reader<'_>,
    place: Place<'_>,
    limits: &Limits,
) -> Result<Parameters, OipError> {
    let mut found = Parameters::new();
    if reader.null() {
        return Ok(found);
    }
    reader.object(|reader, name| {
        let Some(value) = parameter(reader)? else { return Ok(()) };
        if found.get(&name).is_some() {
            return Err(OipError::DuplicateField { place: place.text(), field: shown(&name) });
        }
        if found.len() >= limits.parameters {
            return Err(OipError::TooMany {
                place: place.text(),
                what: "parameters",
                limit: limits.parameters,
            });
        }
        found.push(name.into_owned(), value);
        Ok(())
    })?;
    found.shrink();
    Ok(found)
}

fn parameter(reader: &mut Reader<'_>) -> Result<Option<Parameter>, OipError> {
    Ok(Some(match reader.peek() {
        Some(b'n') if reader.null() => return Ok(None),
        Some(b'"') => Parameter::Text(reader.string()?.into_owned()),
        Some(b't' | b'f') => Parameter::Bool(reader.boolean()?),
        Some(b'-' | b'0'..=b'9') => {
            let number = reader.number()?;
            let integer = number.integer();
            let double = number.double();
            match integer.map(|whole| (i64::try_from(whole), u64::try_from(whole))) {
                Some((Ok(int), _)) => Parameter::Int(int),
                Some((_, Ok(uint))) => Parameter::Uint(uint),
                _ if double.is_finite() => Parameter::Float(double),
                _ => Parameter::Json(number.text.to_owned()),
            }
        }
        _ => Parameter::Json(reader.skip()?.to_owned()),
    }))
}

/// Takes a flag of the binary extension out of parameters.
pub(super) fn take_flag(
    parameters: &mut Parameters,
    name: &str,
    place: Place<'_>,
) -> Result<Option<bool>, OipError> {
    match parameters.take(name) {
        None => Ok(None),
        Some(Parameter::Bool(flag)) => Ok(Some(flag)),
        Some(_) => {
            Err(OipError::Parameter { place: place.text(), name: name.to_owned(), expected: "true or false" })
        }
    }
}

/// Takes `binary_data_size` out of parameters.
pub(super) fn take_size(parameters: &mut Parameters, place: Place<'_>) -> Result<Option<usize>, OipError> {
    let Some(value) = parameters.take("binary_data_size") else { return Ok(None) };
    let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
    size.map(Some).ok_or_else(|| OipError::Parameter {
        place: place.text(),
        name: "binary_data_size".to_owned(),
        expected: "a number of bytes",
    })
}

/// Reads a list of tensors or outputs, whose names must differ.
pub(super) fn list<'a, T>(
    reader: &mut Reader<'a>,
    list: &'static str,
    options: &DecodeOptions,
    mut item: impl FnMut(&mut Reader<'a>, Place<'_>) -> Result<T, OipError>,
    name: impl Fn(&T) -> &str,
) -> Result<Vec<T>, OipError> {
    let limit = options.limits.tensors;
    let mut found = Vec::new();
    reader.array(|reader| {
        if found.len() >= limit {
            let place = format!("'{list}'");
            return Err(OipError::TooMany { place, what: "tensors", limit });
        }
        found.push(item(reader, Place::Item(list, found.len()))?);
        Ok(())
    })?;
    let mut names: Vec<&str> = found.iter().map(&name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(OipError::DuplicateName { name: shown(pair[0]), list }),
        None => Ok(found),
    }
}
