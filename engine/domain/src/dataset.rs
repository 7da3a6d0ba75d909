//! Datasets: an imported file as typed columns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::DatasetId,
    image::{ImageShape, PixelColumns},
    units::UnixSecs,
};

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Whole numbers that fit 64 bits.
    Integer,
    /// Numbers.
    Float,
    /// True or false.
    Boolean,
    /// One of a set of texts.
    Category,
    /// Free text.
    Text,
    /// A date, with or without a time of day; stored as microseconds since 1970 UTC.
    Datetime,
}

impl ColumnType {
    /// Every type, in the order a menu shows them.
    pub const ALL: [Self; 6] =
        [Self::Integer, Self::Float, Self::Boolean, Self::Category, Self::Text, Self::Datetime];

    /// Its name as written in `--types` and in the window.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Category => "category",
            Self::Text => "text",
            Self::Datetime => "datetime",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether its values are numbers that have a mean.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Float)
    }
}

/// The formats an import reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Comma- or otherwise separated text.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC, file or stream.
    Arrow,
    /// Pictures of the MNIST format (`idx3-ubyte`), with their labels beside them.
    Idx,
    /// A folder of PNG and JPEG files, one sub-folder a class.
    Images,
}

/// How to read a file. `None` means "found by looking at the whole file".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportOptions {
    /// Type overrides, by column.
    pub types: BTreeMap<String, ColumnType>,
    /// Field delimiter of a CSV file, one ASCII character.
    pub delimiter: Option<char>,
    /// `true` when numbers use a comma for the decimal point.
    pub decimal_comma: Option<bool>,
    /// Texts that mean "missing", besides the built-in ones; compared exactly.
    pub null_tokens: Vec<String>,
    /// The size and channels that all pictures of a folder are brought to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageShape>,
}

/// What an import may use before it stops with a clear message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportBudget {
    /// Memory for the typed table, bytes.
    pub memory_bytes: u64,
    /// Rows.
    pub rows: u64,
    /// Columns.
    pub columns: u32,
}

impl Default for ImportBudget {
    fn default() -> Self {
        Self { memory_bytes: 4 << 30, rows: 50_000_000, columns: 10_000 }
    }
}

/// One column of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSchema {
    /// Its name, unique in the dataset.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether a person set the type.
    #[serde(default)]
    pub overridden: bool,
}

/// The file a dataset came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path at the time of import.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 of the bytes, lower-case hex.
    pub hash: String,
    /// Format.
    pub format: FileFormat,
}

/// A row that was left out, and why. Lines count from 1, the header included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// Line of the file where the row begins (row number for formats without lines).
    pub line: u64,
    /// Why it was left out: a sentence.
    pub reason: String,
}

/// An imported dataset. Never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its id.
    pub id: DatasetId,
    /// A name for people: the file's name without its endings.
    pub name: String,
    /// Where it came from.
    pub source: SourceFile,
    /// The options it was read with.
    pub options: ImportOptions,
    /// Rows kept.
    pub rows: u64,
    /// Columns, in the file's order.
    pub columns: Vec<ColumnSchema>,
    /// BLAKE3 of the Arrow file at `blobs/<blob>.arrow`.
    pub blob: String,
    /// Size of that file in bytes.
    pub blob_bytes: u64,
    /// Rows left out.
    pub bad_rows: u64,
    /// The first of them (at most 1,000).
    pub bad_row_list: Vec<BadRow>,
    /// What a person should know: encodings, renamed columns, …
    pub warnings: Vec<String>,
    /// When it was imported.
    pub imported_at: UnixSecs,
}

impl Dataset {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&ColumnSchema> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns that are pixels of a picture, where there are some, known by their names; all are numbers.
    pub fn pixels(&self) -> Option<PixelColumns> {
        let numbers = self
            .columns
            .iter()
            .filter(|column| column.kind.is_numeric() || column.kind == ColumnType::Boolean);
        PixelColumns::among(numbers.map(|column| column.name.as_str()))
    }
}
