//! Pictures against Pillow's (`tests/peers/pillow_pictures.py` writes the golden files), and folders and files that are broken.

use std::path::{Path, PathBuf};

use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnType, FileFormat, ImportBudget, ImportOptions},
    image::{ImageShape, PixelColumns},
};
use serde_json::Value;

use super::{decode, resize::resize};
use crate::{
    control::{Interrupt, Unwatched},
    data::{ReadReport, import, read_table},
    table::Table,
};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/pictures")
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let mut file = std::fs::File::create(path).expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("written");
}

fn read_with(
    path: &Path,
    image: Option<ImageShape>,
    budget: &ImportBudget,
) -> Result<(Table, ReadReport), Interrupt> {
    read_table(path, &ImportOptions { image, ..ImportOptions::default() }, budget, &Unwatched)
}

fn read(path: &Path) -> (Table, ReadReport) {
    read_with(path, None, &ImportBudget::default()).expect("it reads")
}

fn refused(path: &Path) -> Failure {
    refused_within(path, &ImportBudget::default())
}

fn refused_within(path: &Path, budget: &ImportBudget) -> Failure {
    match read_with(path, None, budget).expect_err("it must be refused") {
        Interrupt::Failed(failure) => {
            assert_ne!(failure.class, FailureClass::Bug, "{failure}");
            failure
        }
        other => panic!("{other}"),
    }
}

fn texts(table: &Table, name: &str) -> Vec<Option<String>> {
    let column = table.position(name).expect("a column of that name");
    (0..table.rows()).map(|row| table.text(column, row)).collect()
}

/// A grey PNG.
fn png(width: u32, height: u32, values: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("a head");
    writer.write_image_data(values).expect("pixels");
    writer.finish().expect("an end");
    bytes
}

fn idx(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    bytes.extend(dimensions.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

#[test]
fn pictures_are_decoded_and_resized_as_pillow_does() {
    let text = std::fs::read(golden().join("golden.json")).expect("the golden file");
    let truth: Value = serde_json::from_slice(&text).expect("JSON");
    let pictures = truth["pictures"].as_object().expect("pictures");
    assert!(pictures.len() > 9);
    for (name, sizes) in pictures {
        let bytes = std::fs::read(golden().join(name)).expect("the picture");
        let picture = decode::decode(&bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
        for (size, truth) in sizes.as_object().expect("sizes") {
            let to = truth["size"].as_array().expect("two numbers");
            let to = (to[0].as_u64().expect("a width") as usize, to[1].as_u64().expect("a height") as usize);
            let channels = truth["channels"].as_array().expect("channels");
            assert_eq!(picture.channels, channels.len(), "{name}");
            let found = resize(&picture.values, picture.channels, (picture.width, picture.height), to);
            // Another inverse cosine transform may round differently; Pillow also rounds between its two passes.
            let lossy = name.ends_with("jpg");
            let most = if lossy { 2 } else { i64::from(size != "None") };
            for (channel, truth) in channels.iter().enumerate() {
                let found = found.iter().skip(channel).step_by(picture.channels);
                let truth: Vec<i64> = serde_json::from_value(truth.clone()).expect("numbers");
                assert_eq!(found.clone().count(), truth.len(), "{name} {size}");
                for (found, truth) in found.zip(&truth) {
                    assert!((i64::from(*found) - truth).abs() <= most, "{name} {size}: {found} {truth}");
                }
            }
        }
    }
}

#[test]
fn a_folder_is_a_table_with_a_class_and_a_column_a_pixel() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    put(&at("cat/b.png"), &png(3, 2, &[1, 2, 3, 4, 5, 6]));
    put(&at("cat/a.png"), &png(3, 2, &[9; 6]));
    put(&at("dog/one.PNG"), &png(3, 2, &[0, 0, 0, 255, 255, 255]));
    put(&at("dog/.hidden"), b"no picture");
    put(&at("dog/notes.txt"), b"no picture");
    put(&at("dog/cut.png"), &png(3, 2, &[7; 6])[..50]);
    std::fs::create_dir(at("empty")).expect("a folder");
    #[cfg(unix)]
    std::os::unix::fs::symlink(at("cat/a.png"), at("cat/link.png")).expect("a link");
    let (table, report) = read(folder.path());
    assert_eq!(report.source.format, FileFormat::Images);
    let names: Vec<&str> = table.schema.iter().map(|column| column.name.as_str()).collect();
    let pixels = ["pixel_0_0", "pixel_0_1", "pixel_0_2", "pixel_1_0", "pixel_1_1", "pixel_1_2"];
    assert_eq!(names, [&["file", "class"][..], &pixels].concat());
    assert_eq!(table.schema[1].kind, ColumnType::Category);
    let some = |all: &[&str]| all.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>();
    assert_eq!(texts(&table, "file"), some(&["cat/a.png", "cat/b.png", "dog/one.PNG"]));
    assert_eq!(texts(&table, "class"), some(&["cat", "cat", "dog"]));
    assert_eq!(texts(&table, "pixel_1_0"), some(&["9", "4", "255"]));
    let reasons: Vec<&str> = report.bad_row_list.iter().map(|row| row.reason.as_str()).collect();
    assert!(reasons.iter().any(|why| why.starts_with("dog/notes.txt: It is neither")), "{reasons:?}");
    assert!(
        reasons.iter().any(|why| why.starts_with("dog/cut.png: It is damaged or cut off")),
        "{reasons:?}"
    );
    #[cfg(unix)]
    assert!(reasons.iter().any(|why| why.starts_with("cat/link.png: It is a link")), "{reasons:?}");
    assert_eq!(report.bad_rows as usize, reasons.len());
    assert!(report.warnings.iter().any(|warning| warning.contains("'empty'")), "{:?}", report.warnings);
}

#[test]
fn parts_of_a_folder_are_a_split_and_sizes_that_differ_become_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    put(&at("train/a/1.png"), &png(4, 4, &[10; 16]));
    put(&at("val/a/2.png"), &png(40, 8, &[20; 320]));
    put(&at("test/b/3.jpg"), &std::fs::read(golden().join("colours.jpg")).expect("the picture"));
    let (table, report) = read(folder.path());
    let found = PixelColumns::among(table.schema.iter().map(|column| column.name.as_str())).expect("pixels");
    assert_eq!(found.shape.to_string(), "32x32x3");
    assert!(report.warnings[0].contains("brought to 32x32"), "{:?}", report.warnings);
    let splits: Vec<String> = texts(&table, "split").into_iter().flatten().collect();
    assert_eq!(splits, ["test", "train", "valid"]);
    assert_eq!(texts(&table, "pixel_31_31_b")[1].as_deref(), Some("10"));
    let asked = ImageShape::new(5, 6, 1);
    let (table, report) = read_with(folder.path(), asked, &ImportBudget::default()).expect("it reads");
    assert_eq!((table.schema.len(), report.warnings.len()), (33, 0));
}

#[test]
fn an_import_of_a_folder_is_known_again_and_another_after_a_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let blobs = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    put(&at("a/1.png"), &png(2, 2, &[1, 2, 3, 4]));
    put(&at("b/1.png"), &png(2, 2, &[4, 3, 2, 1]));
    let import = |image: Option<ImageShape>| {
        let options = ImportOptions { image, ..ImportOptions::default() };
        import(folder.path(), &options, &ImportBudget::default(), blobs.path(), &Unwatched)
            .expect("it imports")
    };
    let (first, profile) = import(None);
    assert_eq!(first.pixels().expect("pixels").shape.to_string(), "2x2");
    assert!(profile.warnings.iter().all(|warning| warning.column.as_deref() != Some("pixel_0_0")));
    assert_eq!(import(None).0, first);
    assert_ne!(import(ImageShape::new(3, 3, 1)).0.id, first.id);
    put(&at("b/1.png"), &png(2, 2, &[4, 3, 2, 0]));
    assert_ne!(import(None).0.id, first.id);
    // The same bytes under another name are of another class.
    put(&at("b/1.png"), &png(2, 2, &[4, 3, 2, 1]));
    std::fs::rename(at("b"), at("c")).expect("renamed");
    assert_ne!(import(None).0.id, first.id);
}

#[test]
fn folders_without_pictures_and_bombs_are_refused_and_nothing_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    assert!(refused(folder.path()).message.contains("holds no pictures"));
    // 16,000 by 16,000 pixels in a file of a few kilobytes.
    let head = |width: u32, height: u32| {
        let mut bytes = png(1, 1, &[0]);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let sum = crc(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.to_be_bytes());
        bytes
    };
    put(&at("a/bomb.png"), &head(16_000, 16_000));
    put(&at("a/long.png"), &head(1_000_000, 1));
    let failure = refused(folder.path());
    assert!(failure.message.contains("16000x16000 pixels"), "{failure}");
    // What it says it holds is more than it holds.
    put(&at("a/bomb.png"), &head(3_000, 3_000));
    put(&at("a/fine.png"), &png(2, 2, &[1; 4]));
    let shape = ImageShape::new(2, 2, 1);
    let (table, report) = read_with(folder.path(), shape, &ImportBudget::default()).expect("it reads");
    assert_eq!((table.rows(), report.bad_rows), (1, 2));
    assert!(report.warnings[0].contains("one class"), "{:?}", report.warnings);
    let few = ImportBudget { rows: 2, ..ImportBudget::default() };
    assert_eq!(refused_within(folder.path(), &few).class, FailureClass::Capacity);
    let file = at("a/fine.png");
    assert!(refused(&file).message.contains("Choose the folder"));
}

/// The checksum of a PNG's chunk (ISO 3309).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, byte| {
        (0..8)
            .fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (!(sum & 1)).wrapping_add(1)))
    })
}

#[test]
fn idx_files_are_read_with_their_labels_packed_or_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let images = folder.path().join("t10k-images-idx3-ubyte");
    let values: Vec<u8> = (0..24).collect();
    put(&images, &idx(&[4, 3, 2], &values));
    let (table, report) = read(&images);
    assert_eq!((table.rows(), table.schema.len(), report.source.format), (4, 6, FileFormat::Idx));
    assert!(report.warnings[0].contains("No file of labels"), "{:?}", report.warnings);
    let bare = report.source.hash;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, &idx(&[4], &[7, 0, 7, 10])).expect("packed");
    put(&folder.path().join("t10k-labels-idx1-ubyte.gz"), &packed.finish().expect("packed"));
    let (table, report) = read(&images);
    assert_ne!(report.source.hash, bare, "labels are part of it");
    let class: Vec<String> = texts(&table, "class").into_iter().flatten().collect();
    assert_eq!(class, ["7", "0", "7", "10"]);
    assert_eq!(texts(&table, "pixel_2_1")[3].as_deref(), Some("23"));
}

#[test]
fn idx_files_that_lie_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let images = folder.path().join("images-idx3-ubyte");
    let labels = folder.path().join("labels-idx1-ubyte");
    let whole = idx(&[2, 2, 2], &[0; 8]);
    for (bytes, says) in [
        (whole[..20].to_vec(), "4 bytes of pixels follow"),
        (whole[..7].to_vec(), "cut off in its head"),
        ([whole.as_slice(), &[0]].concat(), "9 bytes of pixels follow"),
        (idx(&[u32::MAX, u32::MAX, u32::MAX], &[0; 8]), "cut off or damaged"),
        (idx(&[2, 0, 9], &[]), "at most"),
        (idx(&[0, 2, 2], &[]), "no rows"),
        (idx(&[1, 100, 100], &[0; 10_000]), "100x100"),
        (idx(&[3], &[1, 2, 3]), "holds labels"),
        (idx(&[2, 2], &[0; 4]), "three dimensions"),
        ([&[0, 0, 13, 3][..], &whole[4..]].concat(), "no unsigned bytes"),
    ] {
        put(&images, &bytes);
        let failure = refused(&images);
        assert!(failure.message.contains(says), "{says}: {failure}");
    }
    put(&images, &whole);
    for (bytes, says) in [
        (idx(&[3], &[0; 3]), "3 labels for 2 pictures"),
        (idx(&[2], &[0; 1]), "cut off"),
        (b"0\n1\n".to_vec(), "no IDX file of labels"),
    ] {
        put(&labels, &bytes);
        let failure = refused(&images);
        assert!(failure.message.contains(says), "{says}: {failure}");
    }
    let small = ImportBudget { memory_bytes: 64, ..ImportBudget::default() };
    put(&labels, &idx(&[2], &[0; 2]));
    assert_eq!(refused_within(&images, &small).class, FailureClass::Capacity);
}
