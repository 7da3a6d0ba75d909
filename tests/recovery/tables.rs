//! Small tables with numbers, categories and gaps, the same in every run.

use std::{fmt::Write, path::Path};

use crate::program::put;

/// What there is to predict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Binary,
    Multiclass,
    Regression,
}

/// Rows of each table.
pub const ROWS: u64 = 240;

/// Writes a table whose target `y` follows from two of its columns; `seed` makes it another file.
pub fn write(path: &Path, target: Target, seed: u64) {
    let mut text = String::from("a,b,c,colour,size,y\n");
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = |limit: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % limit
    };
    for row in 0..ROWS {
        let (a, b, c) = (draw(1000) as f64 / 250.0 - 2.0, draw(1000) as f64 / 500.0, draw(50));
        let (colour, size, noise) = (draw(4), draw(3), draw(100) as f64 / 100.0);
        let score = a * 1.5 + if colour >= 2 { 1.0 } else { -1.0 } + noise;
        let y = match target {
            Target::Binary => if score > 0.3 { "yes" } else { "no" }.to_owned(),
            Target::Multiclass => ["low", "middle", "high"]
                [if score < -1.0 { 0 } else { usize::from(score > 1.0) + 1 }]
            .to_owned(),
            Target::Regression => format!("{:.3}", score * 10.0 + b),
        };
        let c = if row % 17 == 0 { String::new() } else { c.to_string() };
        writeln!(
            text,
            "{a},{b},{c},{},{},{y}",
            ["red", "green", "blue", "grey"][colour as usize],
            ["s", "m", "l"][size as usize]
        )
        .expect("memory");
    }
    put(path, text.as_bytes());
}
