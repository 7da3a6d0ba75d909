//! Pictures under kills: a convolutional network over an IDX file, with augmentation, ends with the bits of a run that nothing broke.

use std::{os::unix::process::ExitStatusExt, path::Path};

use super::sweep::{Ended, again, go_on};
use crate::program::{Program, put};

/// Pictures, and their side.
const MANY: usize = 240;
const SIDE: usize = 8;

/// Writes an IDX pair: a bright column (class 0) or row (class 1) in noise; the pictures' file.
fn write(folder: &Path) -> String {
    let mut pixels = Vec::new();
    for number in 0..MANY {
        let place = number / 2 % SIDE;
        for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
            let on = if number % 2 == 0 { x == place } else { y == place };
            let noise = (number * 7919 + (y * SIDE + x) * 104_729) % 60;
            pixels.push(if on { 190 } else { 0 } + noise as u8);
        }
    }
    let labels: Vec<u8> = (0..MANY).map(|number| (number % 2) as u8).collect();
    let idx = |dimensions: &[usize], values: &[u8]| {
        let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
        bytes.extend(dimensions.iter().flat_map(|size| (*size as u32).to_be_bytes()));
        bytes.extend(values);
        bytes
    };
    let images = folder.join("train-images-idx3-ubyte");
    put(&images, &idx(&[MANY, SIDE, SIDE], &pixels));
    put(&folder.join("train-labels-idx1-ubyte"), &idx(&[MANY], &labels));
    images.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_killed_run_over_pictures_ends_with_the_bits_of_an_unbroken_one() {
    let program = Program::new();
    let images = write(program.home());
    let mut arguments =
        vec!["train", "--data", &images, "--target", "class", "--model", "cnn", "--device", "cpu"];
    arguments.extend(["--seed", "7", "--patience", "0", "--name", "unbroken", "--epochs", "4"]);
    arguments.extend(["--batch-size", "16", "--dropout", "0.2", "--width", "8", "--augment-rotate", "10"]);
    let lines = program.lines(&arguments);
    let unbroken = Ended::read(program.home(), lines[0]["run"].as_str().expect("an id"));
    let spec = again(program.home(), &unbroken.run, "killed");
    let places = ["step:4", "checkpoint-write:2", "step:12", "checkpoint-rename:1", "step:25", "finish:1"];
    for (turn, place) in places.into_iter().enumerate() {
        let ended = go_on(&spec, Some(&format!("kill@{place}")), turn % 2 == 0);
        assert_eq!(ended.0.signal(), Some(9), "killed at {place}: {}", ended.1);
    }
    let ended = go_on(&spec, None, false);
    assert!(ended.0.success(), "{}", ended.1);
    unbroken.assert_same(&Ended::read(program.home(), "killed"), "cnn over pictures");
}
