//! Arrow IPC framing, checked before it is believed: every length against the bytes that are there and the memory allowed.
//!
//! The decoder allocates what a message's header asks for, so that a few wrong bytes would cost gigabytes.

use arrow::ipc::{self, root_as_footer, root_as_message};

/// Bytes of the marker before a message's length.
const MARKER: [u8; 4] = [0xff; 4];

/// A wrong length, as the end of a sentence.
type Wrong = String;

/// Checks an IPC file or stream whose decoded buffers may take `budget` bytes.
pub(crate) fn check(bytes: &[u8], budget: u64) -> Result<(), Wrong> {
    let mut lengths = Lengths { left: budget };
    if bytes.starts_with(b"ARROW1") { lengths.file(bytes) } else { lengths.stream(bytes) }
}

struct Lengths {
    /// Bytes that decoded buffers may still take.
    left: u64,
}

impl Lengths {
    fn file(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        let end = bytes.len().checked_sub(10).filter(|end| *end >= 8).ok_or("it is too short")?;
        let tail: [u8; 4] = bytes[end..end + 4].try_into().unwrap_or_default();
        let length = i32::from_le_bytes(tail);
        let footer =
            usize::try_from(length).ok().and_then(|length| bytes[..end].get(end.checked_sub(length)?..));
        let footer = footer.ok_or_else(|| format!("its footer would take {length} bytes"))?;
        let footer = root_as_footer(footer).map_err(|error| format!("its footer is no footer ({error})"))?;
        let blocks = footer.dictionaries().into_iter().chain(footer.recordBatches()).flatten();
        for block in blocks {
            let part = usize::try_from(block.offset()).ok().and_then(|at| bytes[..end].get(at..));
            let part = part.ok_or_else(|| format!("a block would begin at byte {}", block.offset()))?;
            // The decoder takes the body from where the block says that it lies, not from where the message does.
            let (header, length) = (i64::from(block.metaDataLength()), block.bodyLength());
            let body = usize::try_from(header)
                .ok()
                .zip(usize::try_from(length).ok())
                .and_then(|(header, length)| part.get(header..)?.get(..length));
            let body = body.ok_or_else(|| format!("a block would take {header} and {length} bytes"))?;
            let (message, _) = message(part)?.ok_or("a block has no message")?;
            self.columns(message, body)?;
        }
        Ok(())
    }

    fn stream(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        let mut rest = bytes;
        while let Some((message, after)) = message(rest)? {
            let length = message.bodyLength();
            let body = usize::try_from(length).ok().and_then(|length| after.split_at_checked(length));
            let (body, after) = body.ok_or_else(|| format!("a message's body would take {length} bytes"))?;
            self.columns(message, body)?;
            rest = after;
        }
        Ok(())
    }

    /// Checks what a message says about the bytes of its body.
    fn columns(&mut self, message: ipc::Message<'_>, body: &[u8]) -> Result<(), Wrong> {
        let batch = message.header_as_record_batch();
        match batch.or_else(|| message.header_as_dictionary_batch()?.data()) {
            Some(batch) => self.batch(batch, body),
            None => Ok(()),
        }
    }

    fn batch(&mut self, batch: ipc::RecordBatch<'_>, body: &[u8]) -> Result<(), Wrong> {
        for buffer in batch.buffers().into_iter().flatten() {
            let (at, length) = (buffer.offset(), buffer.length());
            let bytes = usize::try_from(at)
                .ok()
                .zip(usize::try_from(length).ok())
                .and_then(|(at, length)| body.get(at..)?.get(..length));
            let bytes = bytes.ok_or_else(|| format!("a column would take {length} bytes from byte {at}"))?;
            // Packed buffers begin with the length they unpack to; -1 means that they are not.
            let claimed = match (batch.compression(), bytes.first_chunk::<8>()) {
                (Some(_), Some(claimed)) => i64::from_le_bytes(*claimed),
                _ => -1,
            };
            let takes = u64::try_from(claimed).unwrap_or(length as u64);
            self.left = self
                .left
                .checked_sub(takes)
                .ok_or_else(|| format!("a column would unpack to {takes} bytes"))?;
        }
        Ok(())
    }
}

/// The message whose header `bytes` begin with and what follows that header; `None` after the last one.
fn message(bytes: &[u8]) -> Result<Option<(ipc::Message<'_>, &[u8])>, Wrong> {
    let rest = bytes.strip_prefix(&MARKER).unwrap_or(bytes);
    let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let length = i32::from_le_bytes(*length);
    if length == 0 {
        return Ok(None);
    }
    let header = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (header, rest) = header.ok_or_else(|| format!("a message's header would take {length} bytes"))?;
    let message =
        root_as_message(header).map_err(|error| format!("a message's header is damaged ({error})"))?;
    Ok(Some((message, rest)))
}
