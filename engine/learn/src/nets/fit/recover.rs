//! Recovery: what a fit does when its numbers go wrong, its memory ends or its device is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::Device;
use orrery_domain::{Failure, FailureClass, device::DeviceChoice, job::JobEvent, words::plural};

use super::{
    super::{
        backprop::{Parts, Slopes, Work},
        checkpoint::{self, Checkpoint, State},
        graph::{Dropout, Network},
        judge::{Judgement, judge},
        listed,
        teacher::without_features,
    },
    Means, Trainer, first_slots,
};
use crate::{
    control::{Interrupt, JobControl},
    faults::{self, Fault},
};

impl Trainer<'_> {
    /// The loss of a batch and its gradients, in as many parts as memory asks for.
    pub(super) fn slopes(&self, rows: &[u32]) -> Result<Slopes, Failure> {
        let step = self.state.step + 1;
        fail_on_purpose(|fault| faults::strikes(fault, "step", step))?;
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
            teacher: self.teacher,
            rounding: self.rounding.as_ref(),
            gatherer: &self.gatherer,
            weight_scale: self.weight_scale,
            dropout,
            augment: self.settings.augment,
            device: &self.device,
        };
        if on_cpu { work.slopes(rows, parts) } else { guarded(|| work.slopes(rows, parts)) }
    }

    /// Parts that a batch is computed in for want of memory.
    fn passes(&self) -> usize {
        (self.state.passes.max(1) as usize).min(self.batch)
    }

    /// How good the parameters are on the validation rows, so many scored at once as memory allows.
    pub(super) fn judgement(&self) -> Result<Judgement, Failure> {
        fail_on_purpose(|fault| faults::happens(fault, "validation"))?;
        let features = self.teacher.map_or(0, |teacher| teacher.features);
        let work = || {
            // Of a teacher's features nothing is known here.
            let (arch, weights) = without_features(self.arch, &self.slots.weights(), features);
            let network = Network::new(&arch, listed(&weights), self.rounding.as_ref(), &self.device);
            judge(&arch, &network, &self.gatherer, self.loss, self.valid, &self.device, self.scoring)
        };
        if self.means.device == DeviceChoice::Cpu { work() } else { guarded(work) }
    }

    /// Changes what a failed validation is done again with: half the rows at once, or the CPU.
    ///
    /// # Errors
    /// The failure, where nothing can be changed; a checkpoint of all steps is kept, whose validation is done when the run
    /// goes on.
    pub(super) fn mend_validation(&mut self, failure: Failure) -> Result<(), Interrupt> {
        let step = self.state.step;
        if failure.class == FailureClass::Capacity && self.scoring > 1 {
            self.scoring = self.scoring.min(self.valid.x.rows).div_ceil(2);
            self.warn(format!(
                "Memory ran out in the validation after step {step}. Rows are scored {} at a time from here on; the result is the same.",
                self.scoring
            ));
            return Ok(());
        }
        self.replace_device(failure, &format!("the validation after step {step}"))
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
            _ => self.replace_device(failure, &format!("step {step}")),
        }
    }

    /// Goes on with the CPU from `place` where the device was lost and that is allowed.
    ///
    /// # Errors
    /// The failure otherwise; a checkpoint of all steps is kept.
    fn replace_device(&mut self, failure: Failure, place: &str) -> Result<(), Interrupt> {
        match failure.class {
            FailureClass::Hardware if self.means.cpu_fallback && !self.fallen_back => {
                self.fallen_back = true;
                self.means.device = DeviceChoice::Cpu;
                self.device = crate::device::cpu();
                self.warn(format!("{} Training goes on with the CPU from {place}.", failure.message));
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
            slots: first_slots(self.arch, self.start, self.settings),
            best: super::super::Weights::new(),
        };
        let Checkpoint { state, slots, best } = found.unwrap_or_else(fresh);
        (self.slots, self.best) = (slots, best);
        self.state = State { halved: true, passes, unjudged: false, ..state };
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

/// Opens the device, or the CPU in place of one that is missing or does not open, where that is allowed.
///
/// # Errors
/// A hardware failure otherwise; what was trained before is kept.
pub(super) fn open(means: Means, control: &dyn JobControl) -> Result<(Means, Device), Failure> {
    let opened = fail_on_purpose(|fault| faults::happens(fault, "open"))
        .and_then(|()| guarded(|| crate::device::open(means.device)));
    match opened {
        Ok(device) => Ok((means, device)),
        Err(failure) if failure.class == FailureClass::Hardware && means.cpu_fallback => {
            let message = format!("{} Training goes on with the CPU.", failure.message);
            control.emit(JobEvent::Warning { message });
            Ok((Means { device: DeviceChoice::Cpu, ..means }, crate::device::cpu()))
        }
        Err(failure) => Err(failure
            .keeping("All checkpoints: `orrery runs resume` with `--device cpu` goes on from the last one.")),
    }
}

/// The failures that tests ask for.
fn fail_on_purpose(asked: impl Fn(Fault) -> bool) -> Result<(), Failure> {
    if asked(Fault::OutOfMemory) {
        return Err(Failure::new(FailureClass::Capacity, "The device has no memory left (on purpose)."));
    }
    if asked(Fault::LostDevice) {
        return Err(Failure::new(FailureClass::Hardware, "The device was lost (on purpose)."));
    }
    Ok(())
}

/// Work on a graphics adapter. Its driver may end it in a panic: that is its failure, not this program's.
fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_that_panics_is_a_failure_of_the_device() {
        let lost = guarded::<Judgement>(|| panic!("the driver gave up")).expect_err("it panicked");
        assert_eq!(lost.class, FailureClass::Hardware);
        assert!(lost.message.contains("the driver gave up"), "{lost}");
        let full = guarded::<Judgement>(|| panic!("Out of memory")).expect_err("it panicked");
        assert_eq!(full.class, FailureClass::Capacity);
    }
}
