//! `data` of one tensor: a flat or nested JSON array, read in one pass into the tensor's wire bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{Bf16, DataType, Element, F16, NonFinite, OipError, json::Reader, packed, place::Place, shape};

/// What the array should hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'t> {
    pub place: Place<'t>,
    pub datatype: DataType,
    pub shape: &'t [u64],
    pub count: usize,
    pub non_finite: NonFinite,
    pub refuse_half: bool,
    /// Whether BYTES elements are base64.
    pub base64: bool,
}

/// Why an element cannot be taken.
enum Fault {
    Expected(&'static str),
    Range,
    NotFinite,
    Base64,
    Json(OipError),
}

impl From<OipError> for Fault {
    fn from(error: OipError) -> Self {
        Self::Json(error)
    }
}

/// Reads the array that comes next.
pub(super) fn read(reader: &mut Reader<'_>, target: &Target<'_>) -> Result<Vec<u8>, OipError> {
    let datatype = target.datatype;
    if target.refuse_half && matches!(datatype, DataType::Fp16 | DataType::Bf16) {
        return Err(OipError::Unsupported {
            place: target.place.text(),
            datatype,
            reason: "is accepted as binary data only",
        });
    }
    // Reserved is what the shape needs, but never more than the JSON that is left can hold: 2 bytes an element.
    let fits = target.count.min(reader.left() / 2 + 1);
    let mut walk =
        Walk { target, out: Vec::with_capacity(fits * datatype.size_bytes().unwrap_or(0)), index: 0 };
    let non_finite = target.non_finite;
    match datatype {
        DataType::Bool => walk.run(reader, |reader, out| {
            reader.boolean().map_err(|_other| Fault::Expected("true or false"))?.push(out);
            Ok(())
        })?,
        DataType::Uint8 => walk.run(reader, integer::<u8>)?,
        DataType::Uint16 => walk.run(reader, integer::<u16>)?,
        DataType::Uint32 => walk.run(reader, integer::<u32>)?,
        DataType::Uint64 => walk.run(reader, integer::<u64>)?,
        DataType::Int8 => walk.run(reader, integer::<i8>)?,
        DataType::Int16 => walk.run(reader, integer::<i16>)?,
        DataType::Int32 => walk.run(reader, integer::<i32>)?,
        DataType::Int64 => walk.run(reader, integer::<i64>)?,
        DataType::Fp16 => walk.run(reader, |reader, out| {
            let (number, may_be_infinite) = single(reader, non_finite)?;
            let half = F16::from_f32(number);
            ranged(half.to_f32(), may_be_infinite)?;
            half.push(out);
            Ok(())
        })?,
        DataType::Bf16 => walk.run(reader, |reader, out| {
            let (number, may_be_infinite) = single(reader, non_finite)?;
            let half = Bf16::from_f32(number);
            ranged(half.to_f32(), may_be_infinite)?;
            half.push(out);
            Ok(())
        })?,
        DataType::Fp32 => walk.run(reader, |reader, out| {
            single(reader, non_finite)?.0.push(out);
            Ok(())
        })?,
        DataType::Fp64 => walk.run(reader, |reader, out| double(reader, non_finite, out))?,
        DataType::Bytes if target.base64 => walk.run(reader, base64)?,
        DataType::Bytes => walk.run(reader, text)?,
    }
    Ok(walk.out)
}

fn integer<T: Element + TryFrom<i128>>(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    if !matches!(reader.peek(), Some(b'-' | b'0'..=b'9')) {
        return Err(Fault::Expected("a whole number"));
    }
    let number = reader.number()?;
    if !number.is_whole() {
        return Err(Fault::Expected("a whole number without fraction or exponent"));
    }
    let fitting = number.integer().and_then(|number| T::try_from(number).ok());
    fitting.ok_or(Fault::Range)?.push(out);
    Ok(())
}

/// A number as `f32`, and whether it was written as an infinity.
fn single(reader: &mut Reader<'_>, non_finite: NonFinite) -> Result<(f32, bool), Fault> {
    if let Some(special) = special(reader, non_finite)? {
        return Ok((special as f32, true));
    }
    let number = reader.number()?.single();
    ranged(number, false)?;
    Ok((number, false))
}

fn ranged(number: f32, may_be_infinite: bool) -> Result<(), Fault> {
    if number.is_infinite() && !may_be_infinite { Err(Fault::Range) } else { Ok(()) }
}

fn double(reader: &mut Reader<'_>, non_finite: NonFinite, out: &mut Vec<u8>) -> Result<(), Fault> {
    if let Some(special) = special(reader, non_finite)? {
        special.push(out);
        return Ok(());
    }
    let number = reader.number()?.double();
    if number.is_infinite() {
        return Err(Fault::Range);
    }
    number.push(out);
    Ok(())
}

/// What stands for NaN or an infinity, if it is next and accepted; `None` before a number.
fn special(reader: &mut Reader<'_>, non_finite: NonFinite) -> Result<Option<f64>, Fault> {
    match reader.peek() {
        Some(b'0'..=b'9') => Ok(None),
        Some(b'n') if reader.null() => match non_finite {
            NonFinite::Refuse => Err(Fault::NotFinite),
            NonFinite::Null | NonFinite::Literals => Ok(Some(f64::NAN)),
        },
        Some(b'-' | b'N' | b'I') => match reader.literal() {
            Some(number) if non_finite == NonFinite::Literals => Ok(Some(number)),
            Some(_) => Err(Fault::NotFinite),
            None if reader.peek() == Some(b'-') => Ok(None),
            None => Err(Fault::Expected("a number")),
        },
        _ => Err(Fault::Expected("a number")),
    }
}

fn text(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    if reader.peek() != Some(b'"') {
        return Err(Fault::Expected("a string"));
    }
    packed::push(out, reader.string()?.as_bytes()).ok_or(Fault::Range)
}

fn base64(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    if reader.peek() != Some(b'"') {
        return Err(Fault::Expected("a string of base64"));
    }
    let bytes = STANDARD.decode(reader.string()?.as_bytes()).map_err(|_wrong| Fault::Base64)?;
    packed::push(out, &bytes).ok_or(Fault::Range)
}

/// A walk over the array: elements so far, and where they go.
struct Walk<'t> {
    target: &'t Target<'t>,
    out: Vec<u8>,
    index: usize,
}

impl Walk<'_> {
    fn run(
        &mut self,
        reader: &mut Reader<'_>,
        element: impl Fn(&mut Reader<'_>, &mut Vec<u8>) -> Result<(), Fault>,
    ) -> Result<(), OipError> {
        reader.enter(b'[', "an array of the tensor's elements")?;
        if reader.peek() == Some(b'[') {
            return self.level(reader, 0, &element);
        }
        let mut more = !reader.is_empty(b']');
        while more {
            if self.index == self.target.count {
                return Err(self.count(format!("more than {}", self.target.count)));
            }
            self.element(reader, &element)?;
            more = reader.more(b']')?;
        }
        if self.index == self.target.count { Ok(()) } else { Err(self.count(self.index.to_string())) }
    }

    fn element(
        &mut self,
        reader: &mut Reader<'_>,
        element: &impl Fn(&mut Reader<'_>, &mut Vec<u8>) -> Result<(), Fault>,
    ) -> Result<(), OipError> {
        element(reader, &mut self.out).map_err(|fault| self.fault(fault))?;
        self.index += 1;
        Ok(())
    }

    /// One array of nested data, which has been entered: as long as the shape says, elements at the last level alone.
    fn level(
        &mut self,
        reader: &mut Reader<'_>,
        level: usize,
        element: &impl Fn(&mut Reader<'_>, &mut Vec<u8>) -> Result<(), Fault>,
    ) -> Result<(), OipError> {
        let shape = self.target.shape;
        let Some(&length) = shape.get(level) else {
            return Err(self.nesting(level, "an element, not an array".to_owned()));
        };
        let is_last = level + 1 == shape.len();
        let mut found = 0;
        let mut more = !reader.is_empty(b']');
        while more {
            if found == length {
                return Err(self.nesting(level, format!("an array of {length}, not more")));
            }
            match (reader.peek(), is_last) {
                (Some(b'['), false) => {
                    reader.enter(b'[', "an array")?;
                    self.level(reader, level + 1, element)?;
                }
                (Some(b'['), true) => {
                    return Err(self.nesting(level + 1, "an element, not an array".to_owned()));
                }
                (_, true) => self.element(reader, element)?,
                (_, false) => return Err(self.nesting(level + 1, "an array, not an element".to_owned())),
            }
            found += 1;
            more = reader.more(b']')?;
        }
        if found == length {
            return Ok(());
        }
        Err(self.nesting(level, format!("an array of {length}, not of {found}")))
    }

    fn count(&self, found: String) -> OipError {
        let Target { place, shape, count, .. } = *self.target;
        OipError::Count { place: place.text(), shape: shape::shown(shape), expected: count, found }
    }

    fn nesting(&self, level: usize, expected: String) -> OipError {
        let Target { place, shape, .. } = *self.target;
        OipError::Nesting { place: place.text(), shape: shape::shown(shape), level, expected }
    }

    fn fault(&self, fault: Fault) -> OipError {
        let (place, index, datatype) = (self.target.place.text(), self.index, self.target.datatype);
        match fault {
            Fault::Expected(expected) => OipError::Element { place, index, datatype, expected },
            Fault::Range => OipError::OutOfRange { place, index, datatype },
            Fault::NotFinite => OipError::NotFinite { place, index },
            Fault::Base64 => OipError::Base64 { place, index },
            Fault::Json(error) => error,
        }
    }
}
