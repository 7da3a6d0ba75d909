//! Places that hold no file of a person's, and files that change or may not be read.

#![cfg(unix)]

use std::{
    fs,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, fs::symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use super::program;
use crate::program::Program;

/// Memory that these may take, MB.
const MOST_MB: u64 = 160;

fn put(path: &Path, bytes: &[u8]) {
    fs::File::create(path).and_then(|mut file| file.write_all(bytes)).expect("written");
}

/// Places below `folder` with their exit codes and what must be said.
fn places(folder: &Path) -> Vec<(PathBuf, i32, &'static str)> {
    let at = |name: &str| folder.join(name);
    fs::create_dir(at("folder.csv")).expect("a folder");
    symlink(at("loop"), at("loop")).expect("a link");
    symlink(at("b"), at("a")).expect("a link");
    symlink(at("a"), at("b")).expect("a link");
    symlink(at("gone"), at("dangling")).expect("a link");
    symlink("/dev/zero", at("zero.csv")).expect("a link");
    put(&at("table.csv"), b"a,b\n1,2\n3,4\n");
    symlink(at("table.csv"), at("linked.csv")).expect("a link");
    let made = std::process::Command::new("mkfifo").arg(at("pipe.csv")).status().expect("mkfifo");
    assert!(made.success());
    let socket = std::os::unix::net::UnixListener::bind(at("socket.csv"));
    assert!(socket.is_ok());
    let odd = folder.join(std::ffi::OsStr::from_bytes(b"na\xffme\n\x1b[31m.csv"));
    put(&odd, b"a,b\n1,2\n");
    vec![
        (at("folder.csv"), 1, "no pictures"),
        (at("loop"), 1, "cannot be read"),
        (at("a"), 1, "cannot be read"),
        (at("dangling"), 1, "Check that it is there"),
        (at("nothing"), 1, "Check that it is there"),
        (at("table.csv/x"), 1, "cannot be read"),
        (at("zero.csv"), 1, "a device or pipe"),
        (at("pipe.csv"), 1, "a device or pipe"),
        (at("socket.csv"), 1, "a device or pipe"),
        ("/dev/zero".into(), 1, "a device or pipe"),
        ("/dev/full".into(), 1, "a device or pipe"),
        ("/dev/stdin".into(), 1, "a device or pipe"),
        (folder.join("x".repeat(300)), 1, "cannot be read"),
        (at("linked.csv"), 0, ""),
        (odd, 0, ""),
    ]
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let workspace = Program::new();
    let folder = tempfile::tempdir().expect("a folder");
    let mut places = places(folder.path());
    // Made up by the kernel as it is read: its size says 0.
    if Path::new("/proc/version").exists() {
        places.push(("/proc/version".into(), 1, "while it was read"));
    }
    let with_commands: Vec<_> =
        places.iter().flat_map(|place| ["import", "profile"].map(|command| (command, place))).collect();
    program::all(&with_commands, |(command, (path, code, says))| {
        let Some(text) = path.to_str() else {
            // Only as an operating system's string.
            let output = workspace.command(&["data", command]).arg(path).output().expect("it starts");
            let fine = output.status.code().is_some_and(|code| (0..=2).contains(&code));
            return (!fine).then(|| format!("{}: {:?}", path.display(), output.status));
        };
        let ended = program::run(&workspace, &["data", command, text]);
        ended.fault(*code, says, MOST_MB).map(|fault| format!("{command} {}: {fault}", path.display()))
    });
}

#[test]
fn a_file_that_may_not_be_read_says_so() {
    let workspace = Program::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secret.csv");
    put(&path, b"a,b\n1,2\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("its owner may");
    let ended = program::run(&workspace, &["data", "import", path.to_str().expect("UTF-8")]);
    // An administrator reads everything.
    let code = i32::from(fs::File::open(&path).is_err());
    let says = if code == 1 { "cannot be read" } else { "Imported" };
    assert_eq!(ended.fault(code, says, MOST_MB), None);
}

#[test]
fn a_file_that_grows_is_never_half_read() {
    let workspace = Program::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("growing.csv");
    put(&path, "a,b\n1,2\n".repeat(1 << 19).as_bytes());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::OpenOptions::new().append(true).open(&path).expect("the file");
            while !done.load(Ordering::Relaxed) {
                file.write_all(b"3,4\n").expect("written");
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
        });
        let ended = program::run(&workspace, &["data", "import", path.to_str().expect("UTF-8")]);
        done.store(true, Ordering::Relaxed);
        assert_eq!(ended.fault(1, "written to while it was read", MOST_MB), None);
    });
}
