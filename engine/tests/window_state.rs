//! The window's own state over crashes: a process that edits and acknowledges is killed again and again.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command as Process, Stdio},
    time::{Duration, Instant},
};

use orrery_domain::{Command, Engine, snapshot::Severity};
use orrery_engine::{
    Supervisor, Workspace,
    store::{Found, WindowFile},
};

use crate::fake::{launcher, put, workspace};

/// Kills; `packaging/bench/kills.py 100 --window` does more of them with the program itself.
const KILLS: u32 = 20;

/// Seconds of edits that a crash may cost.
const MOST_LOST: Duration = Duration::from_secs(1);

/// The child: a window that edits once a millisecond, and acknowledges each edit on standard output.
#[test]
#[ignore = "the child process of other tests"]
fn editing_process() {
    let Some(home) = std::env::var_os("ORRERY_TEST_HOME") else { return };
    let workspace = Workspace::open(Path::new(&home)).expect("a workspace");
    let engine = Supervisor::start(workspace, launcher()).expect("started");
    let kept = engine.snapshot().window_state.as_deref().map_or(0, |text| text.parse().expect("a number"));
    let mut output = std::io::stdout().lock();
    for edit in kept + 1_u64.. {
        engine.send(Command::SaveWindowState { state: edit.to_string() });
        writeln!(output, "\nedit {edit}").and_then(|()| output.flush()).expect("the parent reads");
        std::thread::sleep(Duration::from_millis(1));
    }
}

struct Editor {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Editor {
    fn start(home: &Path) -> Self {
        let mut process = Process::new(std::env::current_exe().expect("this binary"))
            .args([
                "window_state::editing_process",
                "--exact",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env("ORRERY_TEST_HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let lines = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, lines }
    }

    /// The next edit acknowledged; `None` at the end.
    fn edit(&mut self) -> Option<u64> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).expect("text") > 0 {
            if let Some(number) = line.trim().strip_prefix("edit ").and_then(|number| number.parse().ok()) {
                return Some(number);
            }
            line.clear();
        }
        None
    }

    /// Reads acknowledgements for `time`, kills the child, and returns all edits with when they were heard of.
    fn kill_after(mut self, time: Duration) -> Vec<(u64, Instant)> {
        let mut edits = Vec::new();
        let begun = Instant::now();
        while let Some(edit) = self.edit() {
            edits.push((edit, Instant::now()));
            if begun.elapsed() >= time {
                break;
            }
        }
        self.process.kill().expect("it runs");
        let killed = Instant::now();
        self.process.wait().expect("it ends");
        // What it had said before it was killed counts too.
        while let Some(edit) = self.edit() {
            edits.push((edit, killed));
        }
        edits
    }
}

#[test]
fn a_killed_window_loses_at_most_a_second_of_edits() {
    let (_folder, workspace, store) = workspace();
    drop(store);
    let begun = Instant::now();
    let (mut kept, mut went_on, mut worst) = (0, 0, Duration::ZERO);
    for kill in 0..KILLS {
        // A spread of moments, the first ones inside the first writes.
        let time = Duration::from_micros(u64::from(kill * 7_919 % 40_000));
        let edits = Editor::start(workspace.home()).kill_after(time);
        assert!(!edits.is_empty(), "kill {kill} came before any edit");
        let killed = Instant::now();
        let (_, found) = WindowFile::open(&workspace);
        let now: u64 = match &found {
            Found::Newest(text) => text.parse().expect("a number"),
            Found::Nothing if kept == 0 => 0,
            other => panic!("after kill {kill} the file holds {other:?}"),
        };
        assert!(now >= kept, "edit {kept} was kept and is lost after kill {kill}");
        if let Some((_, heard)) = edits.iter().find(|(edit, _)| *edit > now) {
            worst = worst.max(killed - *heard);
        }
        went_on += u32::from(now > kept);
        kept = now;
    }
    let secs = begun.elapsed().as_secs_f64();
    println!("{KILLS} kills in {secs:.1} s, {kept} edits kept, at most {worst:?} of edits lost");
    assert!(worst <= MOST_LOST, "{worst:?} of edits were lost");
    // The earliest kills come before a first write; most do not.
    assert!(went_on >= KILLS / 4, "edits were kept before only {went_on} of {KILLS} kills");
}

#[test]
fn a_damaged_state_begins_anew_or_with_the_one_before_and_says_so() {
    for (content, text, words) in [
        (&b"\0\0\0"[..], None, "begins with its defaults"),
        (&b"keep"[..], Some("before"), "saved just before"),
    ] {
        let (_folder, workspace, _store) = workspace();
        let (mut file, _) = WindowFile::open(&workspace);
        file.save("before").expect("saved");
        file.save("newest").expect("saved");
        let sound = std::fs::read_to_string(workspace.window_state()).expect("there");
        let damaged =
            if content == b"keep" { sound.replace("newest", "n3west").into() } else { content.to_vec() };
        put(workspace.window_state(), damaged);
        let engine = Supervisor::start(workspace, launcher()).expect("started");
        assert_eq!(engine.snapshot().window_state.as_deref(), text);
        let end = Instant::now() + Duration::from_secs(10);
        let said = || {
            let is_it = |notice: &orrery_domain::snapshot::Notice| {
                notice.severity == Severity::Warning && notice.message.contains(words)
            };
            engine.snapshot().notices.iter().any(is_it)
        };
        while !said() {
            assert!(Instant::now() < end, "nothing said: {:?}", engine.snapshot().notices);
            std::thread::sleep(Duration::from_millis(5));
        }
        engine.close();
    }
}
