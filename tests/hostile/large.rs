//! Files too large to keep, made as the test runs: each has one way to take far more memory or time than its size.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};

use super::program;
use crate::program::Program;

const MB: usize = 1 << 20;

struct Large {
    name: &'static str,
    make: fn(&mut dyn Write) -> std::io::Result<()>,
    code: i32,
    says: &'static str,
    most_mb: u64,
}

/// Writes `part` until `bytes` are written.
fn repeat(out: &mut dyn Write, part: &str, bytes: usize) -> std::io::Result<()> {
    let block = part.repeat((MB / part.len()).max(1));
    (0..bytes / block.len()).try_for_each(|_| out.write_all(block.as_bytes()))
}

/// A gzip member of `bytes` times `part`.
fn member(part: &str, bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    repeat(&mut packer, part, bytes)?;
    packer.finish()
}

const LARGE: &[Large] = &[
    Large {
        name: "open_quote_100_mb_of_lines.csv",
        make: |out| {
            out.write_all(b"a,b\n1,\"")?;
            repeat(out, &format!("{}\n", "word ".repeat(25)), 100 * MB)
        },
        code: 1,
        says: "never closed",
        most_mb: 400,
    },
    Large {
        name: "open_quote_100_mb_in_one_line.csv",
        make: |out| {
            out.write_all(b"a,b\n1,\"")?;
            repeat(out, "word,", 100 * MB)
        },
        code: 1,
        says: "None of the 1 rows",
        most_mb: 300,
    },
    Large {
        name: "quoted_cell_of_32_mb.csv",
        make: |out| {
            out.write_all(b"a,b\n1,\"")?;
            repeat(out, "word,\n", 32 * MB)?;
            out.write_all(b"\"\n2,y\n3,z\n")
        },
        code: 0,
        says: "3",
        most_mb: 300,
    },
    Large {
        name: "quoted_first_name_of_1_mb.csv",
        make: |out| {
            out.write_all(b"\"")?;
            repeat(out, "word, ", MB)?;
            out.write_all(b"\";b;c\n")?;
            repeat(out, "1;2;3\n", MB)
        },
        code: 0,
        says: "3 columns",
        most_mb: 160,
    },
    Large {
        name: "quoted_first_cell_of_1_mb.csv",
        make: |out| {
            out.write_all(b"a;b;c\n\"")?;
            repeat(out, "word,\n", MB)?;
            out.write_all(b"\";2;3\n")?;
            repeat(out, "1;2;3\n", MB)
        },
        code: 0,
        says: "3 columns",
        most_mb: 160,
    },
    Large {
        name: "one_line_of_32_mb.csv",
        make: |out| repeat(out, "word ", 32 * MB),
        code: 1,
        says: "no rows",
        most_mb: 300,
    },
    Large {
        name: "columns_100000.csv",
        make: |out| {
            for _ in 0..2 {
                let cells: Vec<String> = (0..100_000).map(|column| format!("c{column}")).collect();
                writeln!(out, "{}", cells.join(","))?;
            }
            Ok(())
        },
        code: 1,
        says: "100,000 columns",
        most_mb: 160,
    },
    Large {
        name: "columns_9000_of_one_name.csv",
        make: |out| {
            writeln!(out, "{}", ["a"; 9000].join(","))?;
            (0..9).try_for_each(|row| writeln!(out, "{}", vec![row.to_string(); 9000].join(",")))
        },
        code: 0,
        says: "9000 columns",
        most_mb: 300,
    },
    Large {
        name: "rows_of_4_bytes.csv",
        make: |out| {
            out.write_all(b"a,b\n")?;
            repeat(out, "1,2\n", 24 * MB)
        },
        code: 0,
        says: "6,291,456 rows",
        most_mb: 420,
    },
    Large {
        name: "rows_of_2_bytes.csv",
        make: |out| {
            out.write_all(b"a\n")?;
            repeat(out, "1\n", 12 * MB)
        },
        code: 0,
        says: "6,291,456 rows",
        most_mb: 420,
    },
    Large {
        name: "rows_too_many.csv",
        make: |out| {
            out.write_all(b"a\n")?;
            repeat(out, "1\n", 104 * MB)
        },
        code: 1,
        says: "rows, and an import may have 50,000,000",
        most_mb: 900,
    },
    Large {
        name: "cells_without_values.csv",
        make: |out| repeat(out, &format!("{}\n", ",".repeat(999)), 12 * MB),
        code: 0,
        says: "1000 columns",
        most_mb: 420,
    },
    Large {
        name: "bomb_of_zeros.csv.gz",
        make: |out| {
            let member = member("\0", 64 * MB)?;
            (0..40).try_for_each(|_| out.write_all(&member))
        },
        code: 1,
        says: "is no text",
        most_mb: 160,
    },
    Large {
        name: "bomb_of_rows.csv.gz",
        make: |out| {
            let member = member("1,2\n", 64 * MB)?;
            (0..40).try_for_each(|_| out.write_all(&member))
        },
        code: 1,
        says: "may be made to fill the memory",
        most_mb: 900,
    },
    Large {
        name: "bomb_of_rows_in_one_member.csv.gz",
        make: |out| out.write_all(&member("1,2\n", 160 * MB)?),
        code: 1,
        says: "may be made to fill the memory",
        most_mb: 300,
    },
    Large {
        name: "bomb_in_a_bomb.gz",
        make: |out| {
            let inner = member("1,2\n", 64 * MB)?;
            let mut packer = GzEncoder::new(out, Compression::fast());
            packer.write_all(&inner)?;
            packer.finish().map(drop)
        },
        code: 1,
        says: "packed twice",
        most_mb: 160,
    },
    Large {
        name: "deep_10_mb.jsonl",
        make: |out| {
            out.write_all(b"{\"a\":")?;
            repeat(out, "[", 10 * MB)?;
            out.write_all(b"\n{\"a\":1}\n")
        },
        code: 0,
        says: "1",
        most_mb: 160,
    },
    Large {
        name: "text_of_32_mb.jsonl",
        make: |out| {
            out.write_all(b"{\"a\":\"")?;
            repeat(out, "word ", 32 * MB)?;
            out.write_all(b"\"}\n{\"a\":\"x\"}\n")
        },
        code: 0,
        says: "2",
        most_mb: 300,
    },
    Large {
        name: "other_keys_in_each_row.jsonl",
        make: |out| (0..200_000).try_for_each(|row| writeln!(out, "{{\"k{}\":1}}", row % 9000)),
        code: 1,
        says: "nearly empty",
        most_mb: 700,
    },
    Large {
        name: "utf16_of_24_mb.csv",
        make: |out| {
            out.write_all(b"\xff\xfea\0,\0b\0\n\0")?;
            let row: Vec<u8> = "12,Zürich\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
            let block = row.repeat(MB / row.len());
            (0..24).try_for_each(|_| out.write_all(&block))
        },
        code: 0,
        says: "2 columns",
        most_mb: 300,
    },
];

fn write(path: &Path, make: fn(&mut dyn Write) -> std::io::Result<()>) {
    let mut out = BufWriter::with_capacity(MB, File::create(path).expect("a file"));
    make(&mut out).and_then(|()| out.flush()).expect("written");
}

#[test]
fn large_files_take_no_more_than_they_may() {
    let workspace = Program::new();
    let folder = tempfile::tempdir().expect("a folder");
    program::all(LARGE, |Large { name, make, code, says, most_mb }| {
        let path = folder.path().join(name);
        write(&path, *make);
        let ended = program::run(&workspace, &["data", "import", path.to_str().expect("UTF-8")]);
        std::fs::remove_file(&path).expect("removed");
        println!("{name}: {} MB, {:.1} s", ended.peak_mb, ended.took.as_secs_f64());
        ended.fault(*code, says, *most_mb).map(|fault| format!("{name}: {fault}"))
    });
}
