//! Recovery: what a fit does when its numbers go wrong, its memory ends or its device is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};

use orrery_domain::{Failure, FailureClass, device::DeviceChoice, job::JobEvent, words::plural};

use super::{
    super::{
        backprop::{Parts, Slopes, Work},
        checkpoint::{self, Checkpoint, State},
        graph::Dropout,
        initial_weights,
        optimizer::Slots,
    },
    Trainer,
};
use crate::{
    control::Interrupt,
    faults::{self, Fault},
};

impl Trainer<'_> {
    /// The loss of a batch and its gradients, in as many parts as memory asks for.
    pub(super) fn slopes(&self, rows: &[u32]) -> Result<Slopes, Failure> {
        self.fail_on_purpose()?;
        let on_cpu = self.means.device == DeviceChoice::Cpu;
        let parts = match self.passes() {
            1 if on_cpu => Parts::SideBySide,
            passes => Parts::InTurn(rows.len().div_ceil(passes)),
        };
        let dropout = Dropout {
            rate: self.arch.dropout,
            seed: self.settings.seed,
            step: self.state.step,
            ..Dropout::default()
        };
        let work = Work {
            arch: self.arch,
            slots: &self.slots,
            loss: self.loss,
            rows: self.train,
            gatherer: &self.gatherer,
            weight_scale: self.weight_scale,
            dropout,
            device: &self.device,
        };
        if on_cpu { work.slopes(rows, parts) } else { guarded(|| work.slopes(rows, parts)) }
    }

    /// Parts that a batch is computed in for want of memory.
    fn passes(&self) -> usize {
        (self.state.passes.max(1) as usize).min(self.batch)
    }

    /// The failures that tests ask for.
    fn fail_on_purpose(&self) -> Result<(), Failure> {
        let step = self.state.step + 1;
        if faults::strikes(Fault::OutOfMemory, "step", step) {
            return Err(Failure::new(FailureClass::Capacity, "The device has no memory left (on purpose)."));
        }
        if faults::strikes(Fault::LostDevice, "step", step) {
            return Err(Failure::new(FailureClass::Hardware, "The device was lost (on purpose)."));
        }
        Ok(())
    }

    /// Changes what a failed step is done again with: half the rows at once, or the CPU.
    ///
    /// # Errors
    /// The failure, where nothing can be changed; a checkpoint of all steps before is kept.
    pub(super) fn mend(&mut self, failure: Failure) -> Result<(), Interrupt> {
        let step = self.state.step + 1;
        match failure.class {
            FailureClass::Capacity if self.passes() < self.batch => {
                self.state.passes = (2 * self.passes() as u32).min(self.batch as u32);
                let rows = self.batch.div_ceil(self.passes());
                self.warn(format!(
                    "Memory ran out at step {step}. A batch is computed {} at a time from here on; the result is the same.",
                    plural(rows as u64, "row")
                ));
                Ok(())
            }
            FailureClass::Hardware if self.means.cpu_fallback && !self.fallen_back => {
                self.fallen_back = true;
                self.means.device = DeviceChoice::Cpu;
                self.device = crate::device::cpu();
                self.warn(format!("{} Training goes on with the CPU from step {step}.", failure.message));
                Ok(())
            }
            FailureClass::Capacity | FailureClass::Hardware => {
                // Weights and moments are the host's: nothing of them is lost with the device.
                self.save()?;
                let kept = format!(
                    "The checkpoint of step {}: `orrery runs resume` with `--device cpu` goes on from it.",
                    self.state.step
                );
                Err(failure.keeping(kept).into())
            }
            _ => Err(failure.into()),
        }
    }

    /// Goes back to the last good checkpoint with half the learning rate, once in a run.
    ///
    /// # Errors
    /// A model failure the second time, or what writing the checkpoint met.
    pub(super) fn roll_back(&mut self) -> Result<(), Interrupt> {
        if self.state.halved {
            return Err(self.diverged().into());
        }
        let (step, secs, passes) = (self.state.step + 1, self.secs(), self.state.passes);
        let fingerprint = std::mem::take(&mut self.state.fingerprint);
        let (found, warnings) = checkpoint::latest(&self.dir, &fingerprint, &self.slots);
        for message in warnings {
            self.warn(message);
        }
        let fresh = || Checkpoint {
            state: State { fingerprint, ..State::default() },
            slots: Slots::new(
                self.arch,
                initial_weights(self.arch, self.settings.seed),
                self.settings.optimizer,
            ),
            best: super::super::Weights::new(),
        };
        let Checkpoint { state, slots, best } = found.unwrap_or_else(fresh);
        (self.slots, self.best) = (slots, best);
        self.state = State { halved: true, passes, ..state };
        (self.state.secs, self.clock) = (secs, std::time::Instant::now());
        // From here on a resumed run knows it, too.
        self.save()?;
        self.reporter.restart_clock();
        self.control.emit(JobEvent::RolledBack { step: self.state.step });
        self.warn(format!(
            "The loss or its gradient was not finite at step {step}. Training went back to step {} and goes on with half the learning rate.",
            self.state.step
        ));
        Ok(())
    }

    fn warn(&self, message: String) {
        self.control.emit(JobEvent::Warning { message });
    }
}

/// Work on a graphics adapter. Its driver may end it in a panic: that is its failure, not this program's.
fn guarded(work: impl FnOnce() -> Result<Slopes, Failure>) -> Result<Slopes, Failure> {
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Failure::new(
            FailureClass::Hardware,
            format!("The device failed: {said}. Go on from the last checkpoint, or choose the CPU."),
        ))
    });
    done.map_err(|failure| {
        let said = failure.message.to_lowercase().replace([' ', '_'], "");
        let memory = failure.class == FailureClass::Hardware && said.contains("outofmemory");
        Failure { class: if memory { FailureClass::Capacity } else { failure.class }, ..failure }
    })
}
