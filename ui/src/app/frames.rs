//! Frame times for the benchmark of the window: only in builds with the inspection port, and only where asked for.

use std::{fs::File, io::Write as _, time::Instant};

/// Names the file to write to: a line a frame, `CPU nanoseconds of this thread, nanoseconds that passed`, each since the
/// frame before.
const VARIABLE: &str = "ORRERY_FRAME_LOG";

/// What the kernel says of the calling thread; its first figure is nanoseconds on a processor.
const STATISTICS: &str = "/proc/thread-self/schedstat";

/// The log, where one is kept.
pub(super) struct FrameLog {
    file: Option<File>,
    last: Option<(u64, Instant)>,
}

impl FrameLog {
    /// Keeps a log where the environment asks for one.
    pub(super) fn from_environment() -> Self {
        let file = std::env::var_os(VARIABLE).and_then(|path| {
            File::create(path).inspect_err(|error| log::warn!("frames are not logged: {error}")).ok()
        });
        Self { file, last: None }
    }

    /// Notes that a frame begins.
    pub(super) fn begin(&mut self) {
        let Some(file) = &mut self.file else { return };
        let Some(cpu) = thread_nanos() else { return };
        if let Some((before, at)) = self.last {
            let passed = at.elapsed().as_nanos();
            if let Err(error) = writeln!(file, "{} {passed}", cpu.saturating_sub(before)) {
                log::warn!("frames are no longer logged: {error}");
                self.file = None;
            }
        }
        self.last = Some((cpu, Instant::now()));
    }
}

fn thread_nanos() -> Option<u64> {
    std::fs::read_to_string(STATISTICS).ok()?.split_whitespace().next()?.parse().ok()
}
