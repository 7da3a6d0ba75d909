//! BYTES elements as the binary extension packs them: each behind its length, a `u32` little-endian.

/// Bytes before each element: its length.
pub(crate) const PREFIX_BYTES: usize = 4;

/// Appends one element. `None`, and nothing appended, when its length does not fit a `u32`.
pub(crate) fn push(out: &mut Vec<u8>, element: &[u8]) -> Option<()> {
    let length = u32::try_from(element.len()).ok()?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(element);
    Some(())
}

/// Takes one element off the front: it and the rest. `None` when its length passes the end.
pub(crate) fn split_first(packed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (prefix, rest) = packed.split_first_chunk::<PREFIX_BYTES>()?;
    let length = usize::try_from(u32::from_le_bytes(*prefix)).ok()?;
    rest.split_at_checked(length)
}

/// The elements of a BYTES tensor in order, row-major, borrowed from it.
#[derive(Debug, Clone)]
pub struct ByteStrings<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> ByteStrings<'a> {
    /// Over packed elements that were checked to be `count`.
    pub(crate) fn new(packed: &'a [u8], count: usize) -> Self {
        Self { rest: packed, left: count }
    }
}

impl<'a> Iterator for ByteStrings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let (element, rest) = split_first(self.rest)?;
        self.rest = rest;
        self.left = self.left.saturating_sub(1);
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for ByteStrings<'_> {}
