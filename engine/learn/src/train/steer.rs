//! Steering: what a training loop does when a person pauses, cancels or stops it.

use std::time::Duration;

use orrery_domain::{job::JobEvent, run::RunState};

use crate::control::{Interrupt, JobControl, Wish};

/// How often a paused loop looks whether it may go on.
const NAP: Duration = Duration::from_millis(50);

/// Does what is wished: nothing, or a checkpoint by `save` and then a wait (pause) or the end (cancel, stop). Returns the
/// time waited, which is no training time.
///
/// # Errors
/// The interruption, or why the checkpoint failed.
pub fn steer(
    control: &dyn JobControl,
    mut save: impl FnMut() -> Result<(), Interrupt>,
) -> Result<Duration, Interrupt> {
    match control.wish() {
        Wish::Continue => Ok(Duration::ZERO),
        Wish::Cancel => {
            save()?;
            Err(Interrupt::Cancelled)
        }
        Wish::Stop => {
            save()?;
            Err(Interrupt::Stopped)
        }
        Wish::Pause => {
            save()?;
            let began = std::time::Instant::now();
            control.emit(JobEvent::State { state: RunState::Paused, reason: None });
            loop {
                match control.wish() {
                    Wish::Pause => std::thread::sleep(NAP),
                    Wish::Continue => break,
                    Wish::Cancel => return Err(Interrupt::Cancelled),
                    Wish::Stop => return Err(Interrupt::Stopped),
                }
            }
            control.emit(JobEvent::State { state: RunState::Running, reason: None });
            Ok(began.elapsed())
        }
    }
}
