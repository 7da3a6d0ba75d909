//! IDX: the format of MNIST's files, `idx3-ubyte` pictures with `idx1-ubyte` labels beside them.

use std::path::{Path, PathBuf};

use orrery_domain::{image::ImageShape, words::count};

use super::{
    super::{
        gzip,
        read::{Content, Reading},
        source,
    },
    Pictures,
};
use crate::control::Interrupt;

/// Bytes before the pictures: a magic number and three sizes.
const HEAD: usize = 16;
/// Bytes before the labels: a magic number and a count.
const LABEL_HEAD: usize = 8;

/// Whether bytes are of this format: two zeros, a type of values, a number of dimensions.
pub(in super::super) fn is_idx(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, 8 | 9 | 11..=14, 1..=4, ..])
}

/// The file of labels that belongs to a file of pictures, by its name, if it is there: `train-images-idx3-ubyte` has
/// `train-labels-idx1-ubyte`, either packed with gzip or not.
pub(in super::super) fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    if !name.contains("idx3") {
        return None;
    }
    let labels = name.replace("images", "labels").replace("idx3", "idx1");
    let bare = labels.strip_suffix(".gz").unwrap_or(&labels);
    let packed = format!("{bare}.gz");
    [labels.as_str(), bare, &packed]
        .into_iter()
        .map(|name| images.with_file_name(name))
        .find(|path| path.is_file())
}

/// Reads pictures, with the labels that were beside them.
///
/// # Errors
/// A data failure when the sizes do not fit the bytes, or the values are no unsigned bytes; as [`super::super::read_table`].
pub(in super::super) fn read(
    bytes: &[u8],
    labels: Option<source::Beside>,
    reading: &mut Reading<'_>,
) -> Result<Content, Interrupt> {
    let dimensions = bytes[3];
    if bytes[2] != 8 {
        let message = "The IDX file holds numbers that are no unsigned bytes, which is not read. Write pixels as bytes from 0 to 255.";
        return Err(reading.failure(message).into());
    }
    if dimensions == 1 {
        let message = "The IDX file holds labels. Import the pictures they belong to (named …idx3-ubyte): the labels beside them are \
                       read with them.";
        return Err(reading.failure(message).into());
    }
    let (3, Some(sizes)) = (dimensions, bytes.get(4..HEAD)) else {
        let message = "The IDX file does not hold grey pictures (three dimensions), or is cut off in its head. Get the file again.";
        return Err(reading.failure(message).into());
    };
    let size = |at: usize| u32::from_be_bytes([sizes[at], sizes[at + 1], sizes[at + 2], sizes[at + 3]]);
    let (pictures, height, width) = (size(0), size(4), size(8));
    let expected = u128::from(pictures) * u128::from(height) * u128::from(width);
    let body = &bytes[HEAD..];
    if body.len() as u128 != expected {
        let message = format!(
            "The IDX file says that it holds {} pictures of {width}x{height}, but {} bytes of pixels follow: it is cut off or \
             damaged. Get the file again.",
            count(u64::from(pictures)),
            count(body.len() as u64)
        );
        return Err(reading.failure(message).into());
    }
    let Some(shape) = ImageShape::new(width, height, 1) else {
        let message = format!(
            "The IDX file holds pictures of {width}x{height}, and at most 9,900 pixels are read. Make them smaller."
        );
        return Err(reading.failure(message).into());
    };
    reading.check_rows(u64::from(pictures))?;
    reading.check_memory(u64::from(pictures) * (shape.values() as u64 + 1) * 8)?;
    let classes = if let Some(labels) = labels {
        classes(labels, pictures, reading)?
    } else {
        reading.warnings.push(
                "No file of labels is beside the pictures (named …labels…idx1-ubyte), so that they have no classes.".to_owned(),
            );
        Vec::new()
    };
    let values = body.chunks_exact(shape.values()).map(<[u8]>::to_vec).collect();
    let pictures = Pictures { values, classes, ..Pictures::default() };
    Ok(Content { table: pictures.table(shape), bad_rows: 0, bad_row_list: Vec::new() })
}

/// One class a picture.
fn classes(
    source::Beside { path, bytes }: source::Beside,
    pictures: u32,
    reading: &mut Reading<'_>,
) -> Result<Vec<Option<String>>, Interrupt> {
    let bytes = gzip::unpacked(bytes, reading.budget, reading.control, &mut reading.warnings, &path)?;
    let said = bytes.get(4..LABEL_HEAD).map(|size| u32::from_be_bytes([size[0], size[1], size[2], size[3]]));
    let labels = bytes.get(LABEL_HEAD..).unwrap_or_default();
    let wrong = match (bytes.get(..4), said) {
        (Some([0, 0, 8, 1]), Some(said)) if said as usize == labels.len() => (said != pictures).then(|| {
            format!("holds {} labels for {} pictures", count(u64::from(said)), count(u64::from(pictures)))
        }),
        (Some([0, 0, 8, 1]), _) => Some("is cut off or damaged".to_owned()),
        _ => Some("is no IDX file of labels".to_owned()),
    };
    if let Some(wrong) = wrong {
        let message = format!(
            "The file of labels beside the pictures {wrong}. Get it again, or move it away to import the pictures without \
             classes: {}.",
            path.display()
        );
        return Err(reading.failure(message).into());
    }
    Ok(labels.iter().map(|label| Some(label.to_string())).collect())
}
