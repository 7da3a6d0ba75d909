//! Decoding: the bytes of a PNG or JPEG file as pixels, within limits that no bomb passes.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use zune_jpeg::{
    JpegDecoder,
    zune_core::{colorspace::ColorSpace, options::DecoderOptions},
};

/// Longest side of a picture that is decoded.
const LONGEST_SIDE: u32 = 16_384;
/// Most pixels of a picture that is decoded.
const MOST_PIXELS: u64 = 64_000_000;
/// Memory that a PNG decoder may take besides the pixels, bytes.
const PNG_BYTES: usize = 64 << 20;

/// What the head of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Whether it may hold colours.
    pub(super) coloured: bool,
}

/// A decoded picture: `[height, width, channels]`, 1 or 3 channels, 0 (black) to 255.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) values: Vec<u8>,
}

/// Whether bytes are of a format that is decoded.
pub(super) fn is_picture(bytes: &[u8]) -> bool {
    is_png(bytes) || is_jpeg(bytes)
}

fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n")
}

fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff])
}

/// Reads the head; a sentence where the picture cannot be read or is too large.
pub(super) fn head(bytes: &[u8]) -> Result<Head, String> {
    let head = guarded(|| if is_png(bytes) { png_head(bytes) } else { jpeg_head(bytes) })?;
    let pixels = u64::from(head.width) * u64::from(head.height);
    if head.width.max(head.height) > LONGEST_SIDE || pixels > MOST_PIXELS {
        return Err(format!(
            "It is {}x{} pixels large; at most {LONGEST_SIDE} a side and 64 million in all are read.",
            head.width, head.height
        ));
    }
    Ok(head)
}

/// Decodes a picture whose [`head`] is within the limits. The first frame of an animation; transparency is laid over white.
pub(super) fn decode(bytes: &[u8]) -> Result<Picture, String> {
    head(bytes)?;
    guarded(|| if is_png(bytes) { png(bytes) } else { jpeg(bytes) })
}

/// The decoders check what they read, but a damaged file may still make one panic.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("It is damaged.".to_owned()))
}

fn damaged(error: &dyn std::fmt::Display) -> String {
    let error = error.to_string();
    format!("It is damaged or cut off: {}.", error.trim().trim_end_matches('.'))
}

fn png_decoder(bytes: &[u8]) -> png::Decoder<Cursor<&[u8]>> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: PNG_BYTES });
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder
}

fn png_head(bytes: &[u8]) -> Result<Head, String> {
    let mut decoder = png_decoder(bytes);
    let info = decoder.read_header_info().map_err(|error| damaged(&error))?;
    let coloured = !matches!(info.color_type, png::ColorType::Grayscale | png::ColorType::GrayscaleAlpha);
    Ok(Head { width: info.width, height: info.height, coloured })
}

fn png(bytes: &[u8]) -> Result<Picture, String> {
    let mut reader = png_decoder(bytes).read_info().map_err(|error| damaged(&error))?;
    let size = reader.output_buffer_size().ok_or("It is too large.")?;
    let mut values = vec![0; size];
    let frame = reader.next_frame(&mut values).map_err(|error| damaged(&error))?;
    values.truncate(frame.buffer_size());
    let (channels, values) = match frame.color_type {
        png::ColorType::Grayscale => (1, values),
        png::ColorType::Rgb => (3, values),
        png::ColorType::GrayscaleAlpha => (1, over_white(&values, 1)),
        png::ColorType::Rgba => (3, over_white(&values, 3)),
        png::ColorType::Indexed => return Err("Its colours are not understood.".to_owned()),
    };
    Ok(Picture { width: frame.width as usize, height: frame.height as usize, channels, values })
}

/// Pixels with an opacity behind their channels, laid over white.
fn over_white(values: &[u8], channels: usize) -> Vec<u8> {
    let over = |pixel: &[u8]| {
        let opacity = u32::from(pixel[channels]);
        let one = move |value: &u8| ((u32::from(*value) * opacity + 255 * (255 - opacity) + 127) / 255) as u8;
        pixel[..channels].iter().map(one).collect::<Vec<u8>>()
    };
    values.chunks_exact(channels + 1).flat_map(over).collect()
}

fn jpeg_decoder(bytes: &[u8], out: ColorSpace) -> JpegDecoder<Cursor<&[u8]>> {
    // Strict: a picture that is cut off would come out half grey otherwise.
    let options = DecoderOptions::default()
        .set_max_width(LONGEST_SIDE as usize)
        .set_max_height(LONGEST_SIDE as usize)
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(out);
    JpegDecoder::new_with_options(Cursor::new(bytes), options)
}

fn jpeg_head(bytes: &[u8]) -> Result<Head, String> {
    let mut decoder = jpeg_decoder(bytes, ColorSpace::RGB);
    decoder.decode_headers().map_err(|error| damaged(&error))?;
    let info = decoder.info().ok_or("It is damaged.")?;
    Ok(Head { width: u32::from(info.width), height: u32::from(info.height), coloured: info.components != 1 })
}

fn jpeg(bytes: &[u8]) -> Result<Picture, String> {
    let head = jpeg_head(bytes)?;
    let (out, channels) = if head.coloured { (ColorSpace::RGB, 3) } else { (ColorSpace::Luma, 1) };
    let values = jpeg_decoder(bytes, out).decode().map_err(|error| damaged(&error))?;
    let (width, height) = (head.width as usize, head.height as usize);
    if values.len() != width * height * channels {
        return Err("Its colours are not understood.".to_owned());
    }
    Ok(Picture { width, height, channels, values })
}

impl Picture {
    /// The picture in grey or in colours: the luma of ITU-R BT.601, or each grey three times.
    pub(super) fn with_channels(self, channels: usize) -> Self {
        let values = match (self.channels, channels) {
            (3, 1) => {
                let luma = |p: &[u8]| {
                    (299 * u32::from(p[0]) + 587 * u32::from(p[1]) + 114 * u32::from(p[2]) + 500) / 1000
                };
                self.values.chunks_exact(3).map(|pixel| luma(pixel) as u8).collect()
            }
            (1, 3) => self.values.iter().flat_map(|value| [*value; 3]).collect(),
            _ => self.values,
        };
        Self { channels, values, ..self }
    }
}
