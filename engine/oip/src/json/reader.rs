//! A reader of JSON that pulls one value after another out of borrowed text, within limits.

use std::borrow::Cow;

use super::Number;
use crate::{Limits, OipError};

/// A place in a JSON text. Positions in errors are bytes from its start.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    deepest: usize,
    string_bytes: usize,
    /// Whether `NaN`, `Infinity` and `-Infinity` count as values.
    literals: bool,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8], limits: &Limits, literals: bool) -> Result<Self, OipError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| OipError::NotUtf8 { at: error.valid_up_to() })?;
        let deepest = limits.json_depth.min(Limits::DEEPEST);
        Ok(Self { text, at: 0, depth: 0, deepest, string_bytes: limits.string_bytes, literals })
    }

    /// The next byte that is no white space, without taking it.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes the next byte if it is that one.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Bytes that are left.
    pub(crate) const fn left(&self) -> usize {
        self.text.len() - self.at
    }

    /// An error here.
    pub(crate) const fn expected(&self, expected: &'static str) -> OipError {
        OipError::Json { at: self.at, expected }
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), OipError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end of the JSON")) }
    }

    /// Goes into an array or object.
    pub(crate) fn enter(&mut self, bracket: u8, expected: &'static str) -> Result<(), OipError> {
        if !self.take(bracket) {
            return Err(self.expected(expected));
        }
        self.depth += 1;
        if self.depth > self.deepest {
            return Err(OipError::TooDeep { at: self.at, limit: self.deepest });
        }
        Ok(())
    }

    /// After an element: whether another follows. Leaves the array or object otherwise.
    pub(crate) fn more(&mut self, bracket: u8) -> Result<bool, OipError> {
        if self.take(b',') {
            return Ok(true);
        }
        if self.take(bracket) {
            self.depth -= 1;
            return Ok(false);
        }
        Err(self.expected(if bracket == b']' { "',' or ']'" } else { "',' or '}'" }))
    }

    /// Directly after entering: whether it ends at once.
    pub(crate) fn is_empty(&mut self, bracket: u8) -> bool {
        let empty = self.take(bracket);
        self.depth -= usize::from(empty);
        empty
    }

    /// Reads an array, one call an element.
    pub(crate) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), OipError>,
    ) -> Result<(), OipError> {
        self.enter(b'[', "an array")?;
        if self.is_empty(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.more(b']')? {
                return Ok(());
            }
        }
    }

    /// Reads an object, one call a field; the call reads the value.
    pub(crate) fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), OipError>,
    ) -> Result<(), OipError> {
        self.enter(b'{', "an object")?;
        if self.is_empty(b'}') {
            return Ok(());
        }
        loop {
            let name = self.string()?;
            if !self.take(b':') {
                return Err(self.expected("':'"));
            }
            field(self, name)?;
            if !self.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads a word such as `null` if it is next.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        self.peek();
        let there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if there { word.len() } else { 0 };
        there
    }

    /// Reads `null` if it is next.
    pub(crate) fn null(&mut self) -> bool {
        self.word("null")
    }

    /// Reads `true` or `false`.
    pub(crate) fn boolean(&mut self) -> Result<bool, OipError> {
        match self.peek() {
            Some(b't') if self.word("true") => Ok(true),
            Some(b'f') if self.word("false") => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// Reads a number.
    pub(crate) fn number(&mut self) -> Result<Number<'a>, OipError> {
        self.peek();
        let number = Number::scan(&self.text[self.at..]).ok_or_else(|| self.expected("a number"))?;
        self.at += number.text.len();
        Ok(number)
    }

    /// Reads `NaN`, `Infinity` or `-Infinity` if it is next.
    pub(crate) fn literal(&mut self) -> Option<f64> {
        match self.peek() {
            Some(b'N') if self.word("NaN") => Some(f64::NAN),
            Some(b'I') if self.word("Infinity") => Some(f64::INFINITY),
            Some(b'-') if self.word("-Infinity") => Some(f64::NEG_INFINITY),
            _ => None,
        }
    }

    /// Reads a string; borrowed unless it holds escapes.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, OipError> {
        let begin = self.opened()?;
        let (end, escapes) = self.string_end(begin)?;
        let raw = &self.text[begin..end];
        self.at = end + 1;
        if !escapes {
            return Ok(Cow::Borrowed(raw));
        }
        unescape(raw)
            .map(Cow::Owned)
            .map_err(|at| OipError::Json { at: begin + at, expected: "a valid escape" })
    }

    /// Goes behind the opening quote.
    fn opened(&mut self) -> Result<usize, OipError> {
        if self.take(b'"') { Ok(self.at) } else { Err(self.expected("a string")) }
    }

    /// Where the string that begins there ends, and whether it holds escapes.
    fn string_end(&self, begin: usize) -> Result<(usize, bool), OipError> {
        let (bytes, mut at, mut escapes) = (self.text.as_bytes(), begin, false);
        loop {
            match bytes.get(at) {
                None => return Err(OipError::Json { at, expected: "the end of a string" }),
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    at += 2;
                }
                Some(0..0x20) => {
                    return Err(OipError::Json { at, expected: "no control character in a string" });
                }
                Some(_) => at += 1,
            }
        }
        // Escapes only shrink.
        if at - begin > self.string_bytes {
            return Err(OipError::StringTooLong { at: begin, limit: self.string_bytes });
        }
        Ok((at, escapes))
    }

    /// Passes over one value of any kind, which must be valid, and gives its text.
    pub(crate) fn skip(&mut self) -> Result<&'a str, OipError> {
        let kind = self.peek();
        let begin = self.at;
        match kind {
            Some(b'{') => self.object(|reader, _| reader.skip().map(drop))?,
            Some(b'[') => self.array(|reader| reader.skip().map(drop))?,
            Some(b'"') => drop(self.string()?),
            Some(b't' | b'f') => drop(self.boolean()?),
            Some(b'n') if self.null() => {}
            Some(b'N' | b'I' | b'-') if self.literals && self.literal().is_some() => {}
            Some(b'-' | b'0'..=b'9') => drop(self.number()?),
            _ => return Err(self.expected("a value")),
        }
        Ok(&self.text[begin..self.at])
    }

    /// A reader of the same text, set back to a value that `skip` has passed: its offset by [`Reader::position`].
    pub(crate) fn back_at(&self, position: usize) -> Self {
        Self { at: position, ..self.clone() }
    }

    /// The byte of the next value.
    pub(crate) fn position(&mut self) -> usize {
        self.peek();
        self.at
    }
}

/// Resolves escapes; the offset of a wrong one otherwise.
fn unescape(raw: &str) -> Result<String, usize> {
    let mut out = String::with_capacity(raw.len());
    let mut at = 0;
    while let Some(offset) = raw[at..].find('\\') {
        out.push_str(&raw[at..at + offset]);
        at += offset;
        let (character, taken) = escaped(&raw.as_bytes()[at..]).ok_or(at)?;
        out.push(character);
        at += taken;
    }
    out.push_str(&raw[at..]);
    Ok(out)
}

/// The character of one escape and its bytes; lone surrogates are none.
fn escaped(bytes: &[u8]) -> Option<(char, usize)> {
    let simple = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(bytes),
        _ => return None,
    };
    Some((simple, 2))
}

fn unicode(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = hex(bytes.get(2..6)?)?;
    if !(0xd800..0xdc00).contains(&unit) {
        return Some((char::from_u32(unit)?, 6));
    }
    let low = bytes.get(6..12).filter(|pair| pair.starts_with(b"\\u")).and_then(|pair| hex(&pair[2..]))?;
    let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + low)?, 12))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}
