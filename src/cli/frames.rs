//! Frame times for the benchmark of the window: only in builds with the inspection port, and only where asked for.

use std::{fs::File, io::Write as _, time::Instant};

use orrery_ui::FrameHook;

/// Names the file to write to: a line a frame, `CPU nanoseconds of this thread, nanoseconds that passed`, each since the
/// frame before.
const VARIABLE: &str = "ORRERY_FRAME_LOG";

/// What the kernel says of the calling thread; its first figure is nanoseconds on a processor.
const STATISTICS: &str = "/proc/thread-self/schedstat";

/// Notes every frame in the log that the environment names; `None` where it names none.
pub fn from_environment() -> Option<FrameHook> {
    let path = std::env::var_os(VARIABLE).filter(|_| cfg!(feature = "inspection"))?;
    let mut file =
        File::create(path).inspect_err(|error| log::warn!("frames are not logged: {error}")).ok()?;
    let mut last: Option<(u64, Instant)> = None;
    Some(Box::new(move || {
        let Some(cpu) = thread_nanos() else { return };
        if let Some((before, at)) = last {
            let line = writeln!(file, "{} {}", cpu.saturating_sub(before), at.elapsed().as_nanos());
            if let Err(error) = line {
                log::warn!("a frame is not logged: {error}");
            }
        }
        last = Some((cpu, Instant::now()));
    }))
}

fn thread_nanos() -> Option<u64> {
    std::fs::read_to_string(STATISTICS).ok()?.split_whitespace().next()?.parse().ok()
}
