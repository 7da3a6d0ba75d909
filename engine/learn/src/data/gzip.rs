//! Gzip: members one after the other, unpacked block by block under a budget that grows with the packed size.

use std::{io::Read, path::Path};

use flate2::bufread::GzDecoder;
use orrery_domain::{Failure, FailureClass, dataset::ImportBudget, words::count};

use super::{
    progress::Meter,
    source::{self, BLOCK_BYTES},
    text,
};
use crate::control::{Interrupt, JobControl};

/// What may be unpacked whatever the packed size, bytes.
const ALWAYS_BYTES: u64 = 128 << 20;

/// What may be unpacked of each packed byte beyond that. Most tables pack 3 to 10 times; gzip itself ends at 1032.
const MOST_RATIO: u64 = 16;

/// The content of gzip, of one member or several; other bytes are content already. What follows the last member is left out with
/// a warning, as gzip itself does.
///
/// # Errors
/// A data failure when the packing is damaged or the content is no table, a capacity failure when the content is larger than the
/// budget's memory or out of all proportion to the file, an interruption.
pub(super) fn unpacked(
    packed: Vec<u8>,
    budget: &ImportBudget,
    control: &dyn JobControl,
    warnings: &mut Vec<String>,
    path: &Path,
) -> Result<Vec<u8>, Interrupt> {
    if !is_member(&packed) {
        return Ok(packed);
    }
    let meter = Meter::new(control, "Unpacking the file", packed.len() as u64);
    let most = (packed.len() as u64).saturating_mul(MOST_RATIO).max(ALWAYS_BYTES);
    // The last four bytes say how much it was, modulo 4 GiB: a hint only, so that a lie costs nothing.
    let tail: [u8; 4] = packed.last_chunk().copied().unwrap_or_default();
    let hint = (u32::from_le_bytes(tail) as usize).min(packed.len().saturating_mul(8));
    let mut bytes = Vec::with_capacity(hint + BLOCK_BYTES);
    let mut rest = packed.as_slice();
    while is_member(rest) {
        let mut decoder = GzDecoder::new(rest);
        let mut left = rest.len();
        loop {
            let began = bytes.is_empty();
            let got = (&mut decoder)
                .take(BLOCK_BYTES as u64)
                .read_to_end(&mut bytes)
                .map_err(|error| damaged(&error, bytes.len(), path))?;
            if got == 0 {
                break;
            }
            if began {
                // What is no table is not unpacked to its end.
                let format = source::format_of(&bytes, path)?;
                text::check(format, &bytes, path)?;
            }
            if bytes.len() as u64 > budget.memory_bytes {
                return Err(source::too_large(bytes.len() as u64, budget, path).into());
            }
            if bytes.len() as u64 > most {
                return Err(bomb(packed.len(), path).into());
            }
            let now_left = decoder.get_ref().len();
            meter.advance((left - now_left) as u64, 0)?;
            left = now_left;
        }
        rest = decoder.into_inner();
    }
    if rest.iter().any(|byte| *byte != 0) {
        warnings.push(format!("{} bytes after the gzip content were left out.", count(rest.len() as u64)));
    }
    Ok(bytes)
}

fn is_member(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

fn damaged(error: &std::io::Error, unpacked: usize, path: &Path) -> Failure {
    Failure::new(
        FailureClass::Data,
        format!(
            "The gzip file is damaged or cut off: {error}, after {unpacked} bytes of content. Get the file again. ({})",
            path.display()
        ),
    )
}

fn bomb(packed: usize, path: &Path) -> Failure {
    Failure::new(
        FailureClass::Capacity,
        format!(
            "The gzip file unpacks to more than {MOST_RATIO} times its {packed} bytes, which few tables do: it may be made to fill \
             the memory. Nothing was imported; if you trust it, unpack it with gzip and import the outcome. ({})",
            path.display()
        ),
    )
}
