//! Images: pictures as rows of a table, one column a pixel, and how they are varied in training.

use std::{collections::HashMap, fmt};

use serde::{Deserialize, Serialize};

/// Most pixels of a picture, its channels counted: each is a column.
pub const MOST_PIXELS: u32 = 9_900;
/// The column that holds the class of each picture of a folder or of an IDX pair.
pub const CLASS: &str = "class";
/// The column that holds each picture's file, relative to the folder.
pub const FILE: &str = "file";
/// The column that holds `train`, `valid` or `test`, where a folder is divided so.
pub const SPLIT: &str = "split";

/// Width, height and channels of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageShape {
    /// Pixels a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: u32,
}

impl ImageShape {
    /// A shape, where it is one that can be held: sides of at least 1, 1 or 3 channels, at most [`MOST_PIXELS`] values.
    pub fn new(width: u32, height: u32, channels: u32) -> Option<Self> {
        let values = u64::from(width) * u64::from(height) * u64::from(channels);
        let fits = (1..=u64::from(MOST_PIXELS)).contains(&values) && matches!(channels, 1 | 3);
        fits.then_some(Self { width, height, channels })
    }

    /// Numbers that a picture has: one a pixel and channel.
    pub fn values(self) -> usize {
        self.width as usize * self.height as usize * self.channels as usize
    }

    /// The shape of a text such as `28x28` (grey) or `32x32x3`; else what is wrong with it.
    ///
    /// # Errors
    /// A sentence part.
    pub fn parse(text: &str) -> Result<Self, String> {
        let numbers: Vec<Option<u32>> = text.split(['x', '×']).map(|part| part.trim().parse().ok()).collect();
        let shape = match numbers.as_slice() {
            [Some(width), Some(height)] => Self::new(*width, *height, 1),
            [Some(width), Some(height), Some(channels)] => Self::new(*width, *height, *channels),
            _ => return Err("write WIDTHxHEIGHT, or WIDTHxHEIGHTx3 for colours".to_owned()),
        };
        shape.ok_or_else(|| format!("a picture has 1 or 3 channels and at most {MOST_PIXELS} values"))
    }

    /// Names of the pixels' columns, one channel after the other, each line by line: `pixel_Y_X`, in colours with `_r`, `_g` or
    /// `_b` behind.
    pub fn columns(self) -> Vec<String> {
        let endings: &[&str] = if self.channels == 3 { &["_r", "_g", "_b"] } else { &[""] };
        let mut names = Vec::with_capacity(self.values());
        for ending in endings {
            for y in 0..self.height {
                names.extend((0..self.width).map(|x| format!("pixel_{y}_{x}{ending}")));
            }
        }
        names
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)?;
        if self.channels == 1 { Ok(()) } else { write!(f, "x{}", self.channels) }
    }
}

/// Which columns are the pixels of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelColumns {
    /// The pictures' shape.
    pub shape: ImageShape,
    /// The columns, one channel after the other, each line by line. `[channels * height * width]`
    pub columns: Vec<String>,
}

impl PixelColumns {
    /// The pixels among a table's columns, known by their names: `pixel_Y_X` (in colours `pixel_Y_X_r`, `_g`, `_b`), `YxX` counted from
    /// 1, or `pixelN` and `pixel_N` of square pictures. `None` where no such columns form a whole picture.
    pub fn among<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        Self::placed(names.clone(), |name| {
            let mut parts = name.strip_prefix("pixel_")?.split('_');
            let (y, x) = (digits(parts.next()?)?, digits(parts.next()?)?);
            let channel = match (parts.next(), parts.next()) {
                (None, _) => None,
                (Some("r"), None) => Some(0),
                (Some("g"), None) => Some(1),
                (Some("b"), None) => Some(2),
                _ => return None,
            };
            Some((channel, y, x))
        })
        .or_else(|| {
            Self::placed(names.clone(), |name| {
                let (y, x) = name.split_once('x')?;
                Some((None, digits(y)?.checked_sub(1)?, digits(x)?.checked_sub(1)?))
            })
        })
        .or_else(|| Self::numbered(names))
    }

    /// Pixels whose names say where they are: channel (`None`: grey), line and place in it.
    fn placed<'a>(
        names: impl Iterator<Item = &'a str>,
        place: impl Fn(&str) -> Option<(Option<u32>, u32, u32)>,
    ) -> Option<Self> {
        let found: HashMap<(Option<u32>, u32, u32), &str> =
            names.filter_map(|name| Some((place(name)?, name))).collect();
        let (coloured, height, width) = found.keys().fold((false, 0, 0), |(coloured, height, width), key| {
            (coloured || key.0.is_some(), height.max(key.1 + 1), width.max(key.2 + 1))
        });
        let shape = ImageShape::new(width, height, if coloured { 3 } else { 1 })?;
        if found.len() != shape.values() || shape.values() < 4 {
            return None;
        }
        let mut columns = Vec::with_capacity(shape.values());
        for channel in 0..shape.channels {
            for y in 0..height {
                for x in 0..width {
                    let key = (coloured.then_some(channel), y, x);
                    columns.push((*found.get(&key)?).to_owned());
                }
            }
        }
        Some(Self { shape, columns })
    }

    /// Pixels of a square picture, numbered from 0 or 1.
    fn numbered<'a>(names: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut found: Vec<(u32, &str)> = names
            .filter_map(|name| {
                let rest = name.strip_prefix("pixel")?;
                Some((digits(rest.strip_prefix('_').unwrap_or(rest))?, name))
            })
            .collect();
        found.sort_unstable();
        let first = found.first()?.0;
        let side = found.len().isqrt() as u32;
        let whole = first <= 1
            && found.iter().zip(first..).all(|((number, _), expected)| *number == expected)
            && (side * side) as usize == found.len()
            && side > 1;
        let shape = ImageShape::new(side, side, 1).filter(|_| whole)?;
        Some(Self { shape, columns: found.into_iter().map(|(_, name)| name.to_owned()).collect() })
    }
}

/// A whole number written in digits alone, small enough for a side.
fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// How each training picture is varied anew at every step, as a person asks for it; `None`: the usual amount. Nothing is mirrored:
/// digits and letters would become others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Moved by up to this share of its side, each way. 0 to 0.5
    pub shift: Option<f64>,
    /// Turned by up to so many degrees, either way. 0 to 180
    pub rotate: Option<f64>,
    /// Made larger or smaller by up to this share. 0 to 0.5
    pub scale: Option<f64>,
    /// Share of the side of a square that is wiped out. 0 to 0.9
    pub erase: Option<f64>,
}

impl Augmentation {
    /// No variation.
    pub const NONE: Self = Self { shift: Some(0.0), rotate: Some(0.0), scale: Some(0.0), erase: Some(0.0) };

    /// Whether nothing was asked for.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Every amount.
    pub fn amounts(&self) -> Amounts {
        Amounts {
            shift: self.shift.unwrap_or(0.1),
            rotate: self.rotate.unwrap_or(10.0),
            scale: self.scale.unwrap_or(0.1),
            erase: self.erase.unwrap_or(0.0),
        }
    }
}

/// Amounts of an [`Augmentation`], every default filled in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amounts {
    /// Largest move, as a share of the side.
    pub shift: f64,
    /// Largest turn, degrees.
    pub rotate: f64,
    /// Largest change of size, as a share.
    pub scale: f64,
    /// Side of the wiped square, as a share.
    pub erase: f64,
}

impl Amounts {
    /// Whether pictures stay as they are.
    pub fn is_none(&self) -> bool {
        [self.shift, self.rotate, self.scale, self.erase].iter().all(|amount| *amount <= 0.0)
    }
}

impl From<Amounts> for Augmentation {
    fn from(amounts: Amounts) -> Self {
        let Amounts { shift, rotate, scale, erase } = amounts;
        Self { shift: Some(shift), rotate: Some(rotate), scale: Some(scale), erase: Some(erase) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Option<PixelColumns> {
        PixelColumns::among(names.iter().copied())
    }

    #[test]
    fn a_shape_is_written_and_read() {
        for text in ["28x28", "4x7", "32x32x3"] {
            assert_eq!(ImageShape::parse(text).map(|shape| shape.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "28", "0x4", "4x4x2", "4x-4", "100x100", "99999999999x1", "4x4x3x1"] {
            assert!(ImageShape::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_that_are_written_are_found_in_their_order() {
        for (width, height, channels) in [(8, 8, 1), (3, 5, 1), (4, 2, 3)] {
            let shape = ImageShape::new(width, height, channels).expect("it is a shape");
            let columns = shape.columns();
            let mut mixed: Vec<&str> = columns.iter().map(String::as_str).rev().collect();
            mixed.insert(3, "target");
            mixed.push("split");
            assert_eq!(found(&mixed), Some(PixelColumns { shape, columns: columns.clone() }));
        }
    }

    #[test]
    fn other_writings_are_known_and_gaps_are_no_picture() {
        let numbered: Vec<String> = (0..16).map(|at| format!("pixel{at}")).collect();
        let names: Vec<&str> = numbered.iter().map(String::as_str).collect();
        let whole = found(&names).expect("it is a picture");
        assert_eq!((whole.shape.width, whole.shape.height, whole.columns[9].as_str()), (4, 4, "pixel9"));
        assert_eq!(found(&names[..15]), None);
        assert_eq!(found(&names[1..]), None, "it begins at 1, but is no square");
        let from_one = ["1x1", "1x2", "1x3", "2x1", "2x2", "2x3"];
        let found_from_one = found(&from_one).expect("it is a picture");
        assert_eq!((found_from_one.shape.width, found_from_one.shape.height), (3, 2));
        assert_eq!(found(&["pixel_0_0", "pixel_0_1", "pixel_1_0"]), None);
        assert_eq!(found(&["a", "b"]), None);
        assert_eq!(found(&[]), None);
        assert_eq!(found(&["pixel_9999_9999", "pixel_0_0"]), None);
    }
}
