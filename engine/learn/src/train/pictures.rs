//! Pictures: which columns of a request are the pixels that an image network takes, and how they are varied in training.

use orrery_domain::{
    Failure,
    dataset::{ColumnSchema, ColumnType},
    image::{ImageShape, PixelColumns},
    training::TrainConfig,
};

use super::request::client;
use crate::{
    nets::Augment,
    prepare::{Encoding, Number, Preprocessor, Scale},
};

/// How a request varies its training pictures, which these rules encode; `None` where it does not.
pub(crate) fn augment(config: &TrainConfig, rules: &Preprocessor, shape: ImageShape) -> Option<Augment> {
    let amounts = config.hyper.augment.amounts();
    // The darkest value there is, on the network's scale.
    let fill = match rules.features.first().map(|feature| &feature.encoding) {
        Some(Encoding::Number(Number { min, scale: Scale::Standard { mean, std }, .. })) => {
            ((min - mean) / std) as f32
        }
        _ => 0.0,
    };
    (!amounts.is_none()).then_some(Augment { shape, amounts, fill })
}

/// The pixels among the feature columns, in the order an image network takes them; `None` for other models.
///
/// # Errors
/// A client failure when an image network is asked for and the columns are no pixels.
pub(super) fn pixels<'a>(
    config: &TrainConfig,
    features: impl Iterator<Item = &'a ColumnSchema> + Clone,
) -> Result<Option<PixelColumns>, Failure> {
    if !config.model.is_for_images() {
        return Ok(None);
    }
    let numbers = features.filter(|column| column.kind.is_numeric() || column.kind == ColumnType::Boolean);
    let names = numbers.map(|column| column.name.as_str());
    let found = PixelColumns::among(names.clone());
    let Some(shape) = config.image else {
        return found.map(Some).ok_or_else(|| {
            client(format!(
                "A {} takes pictures, and no columns are named as pixels are (pixel_Y_X, or pixelN of square pictures). If all numeric \
                 columns are pixels, say their shape with --image-shape WIDTHxHEIGHT; else choose another model.",
                config.model.title().to_lowercase()
            ))
        });
    };
    if let Some(found) = found.filter(|found| found.shape == shape) {
        return Ok(Some(found));
    }
    let columns: Vec<String> = names.map(str::to_owned).collect();
    if columns.len() != shape.values() {
        return Err(client(format!(
            "Pictures of {shape} have {} values, and there are {} numeric feature columns. Mend the shape, or exclude what is no pixel.",
            shape.values(),
            columns.len()
        )));
    }
    Ok(Some(PixelColumns { shape, columns }))
}
