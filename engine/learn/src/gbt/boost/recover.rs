//! Recovery: what a boosting loop does when its numbers go wrong.

use orrery_domain::{Failure, FailureClass, job::JobEvent};

use super::{
    super::checkpoint::{self, State},
    Boost,
};
use crate::control::Interrupt;

impl Boost<'_> {
    /// Goes back to the last good checkpoint with half the learning rate, once in a run.
    ///
    /// # Errors
    /// A model failure the second time, or what writing the checkpoint met.
    pub(super) fn roll_back(&mut self) -> Result<(), Interrupt> {
        let round = self.rounds();
        if self.state.halved {
            return Err(self.diverged(round).into());
        }
        let fingerprint = std::mem::take(&mut self.state.fingerprint);
        let (found, warnings) = checkpoint::read(self.job.folder, &fingerprint);
        for message in warnings {
            self.control.emit(JobEvent::Warning { message });
        }
        self.state = found.unwrap_or_else(|| State::fresh(fingerprint.clone()));
        self.replay();
        if [self.valid_loss(), self.train_loss()].into_iter().flatten().any(|loss| !loss.is_finite()) {
            self.state = State::fresh(fingerprint);
            self.replay();
        }
        self.state.halved = true;
        // From here on a resumed run knows it, too.
        self.checkpoint()?;
        let step = self.rounds() as u64;
        self.control.emit(JobEvent::RolledBack { step });
        self.control.emit(JobEvent::Warning {
            message: format!(
                "The loss or a gradient was not finite after {round} rounds of trees. Growing went back to round {step} and goes on with half the learning rate."
            ),
        });
        Ok(())
    }

    fn diverged(&self, round: usize) -> Failure {
        let rate = self.job.settings.learning_rate / 4.0;
        Failure::new(
            FailureClass::Model,
            format!(
                "Growing diverged: the loss or a gradient was not finite after {round} rounds of trees, with half the learning rate too. Try a learning rate of {rate:.1e} or lower, or look for extreme values in the target."
            ),
        )
        .keeping("The last checkpoint before it was kept.")
    }
}
