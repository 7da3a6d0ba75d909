//! Faults: what tests make go wrong on purpose, at the places that `ORRERY_FAULT` names. Without the cargo feature
//! `fault-injection` nothing ever does, and nothing is looked up.
//!
//! The variable holds faults with commas between them, each `KIND`, `KIND@PLACE` or `KIND@PLACE:COUNT`: the process is killed
//! (`kill`), a loss is not finite (`nan-loss`), a gradient is not while the loss is (`nan-gradient`), memory ends
//! (`out-of-memory`), the device goes away (`lost-device`), the disk is full (`disk-full`) or a gradient is wrong
//! (`wrong-gradient`) when the place is reached for the COUNT-th time (the first, where it is left out). At `step` the count is
//! the number of the step. A fault strikes once; with a `+` behind its count it strikes from then on.

#[cfg(not(feature = "fault-injection"))]
pub use absent::{checkpoint_secs, happens, kill, kill_at, spoil, strikes};
#[cfg(all(test, feature = "fault-injection"))]
pub(crate) use active::planned;
#[cfg(feature = "fault-injection")]
pub use active::{checkpoint_secs, happens, kill, kill_at, spoil, strikes};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed, without a word.
    Kill,
    /// A loss is not finite.
    NanLoss,
    /// One number of a gradient is not finite; the loss is.
    NanGradient,
    /// The device has no memory left.
    OutOfMemory,
    /// The device is gone.
    LostDevice,
    /// The disk is full.
    DiskFull,
    /// A gradient is wrong.
    WrongGradient,
}

/// Nothing goes wrong on purpose.
#[cfg(not(feature = "fault-injection"))]
mod absent {
    use super::Fault;

    /// Whether a fault strikes where the place counts itself: never.
    pub fn strikes(_fault: Fault, _place: &str, _count: u64) -> bool {
        false
    }

    /// Whether a fault strikes at this visit: never.
    pub fn happens(_fault: Fault, _place: &str) -> bool {
        false
    }

    /// Does nothing.
    pub fn kill(_place: &str) {}

    /// Does nothing.
    pub fn kill_at(_place: &str, _count: u64) {}

    /// Does nothing.
    pub fn spoil(_gradients: &mut [Vec<f32>]) {}

    /// Seconds between two checkpoints.
    pub fn checkpoint_secs(usual: f64) -> f64 {
        usual
    }
}

/// What the environment asks for.
#[cfg(feature = "fault-injection")]
mod active {
    use std::{
        cell::RefCell,
        collections::HashMap,
        sync::{Mutex, OnceLock, PoisonError},
        time::Duration,
    };

    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

    use super::Fault;

    /// A fault that waits for its moment.
    #[derive(Debug)]
    struct Planned {
        fault: Fault,
        place: String,
        count: u64,
        onwards: bool,
        struck: bool,
    }

    /// Faults and the visits of each place.
    #[derive(Debug, Default)]
    struct Plan {
        faults: Vec<Planned>,
        visits: HashMap<(u8, String), u64>,
    }

    thread_local! {
        /// A test's own plan, which goes before the environment's.
        static OWN: RefCell<Option<Plan>> = const { RefCell::new(None) };
    }

    impl Plan {
        /// The plan of a text. What cannot be read is left out, with a line in the log.
        fn read(text: &str) -> Self {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            let faults = parts.filter_map(|part| {
                let planned = read_one(part);
                if planned.is_none() {
                    log::error!("ORRERY_FAULT: '{part}' is no fault");
                }
                planned
            });
            Self { faults: faults.collect(), visits: HashMap::new() }
        }

        fn strikes(&mut self, fault: Fault, place: &str, count: u64) -> bool {
            let due = |planned: &&mut Planned| {
                planned.fault == fault
                    && (planned.place.is_empty() || planned.place == place)
                    && (planned.count == count && !planned.struck
                        || planned.onwards && count >= planned.count)
            };
            match self.faults.iter_mut().find(due) {
                Some(planned) => {
                    planned.struck = true;
                    true
                }
                None => false,
            }
        }

        fn happens(&mut self, fault: Fault, place: &str) -> bool {
            let visits = self.visits.entry((fault as u8, place.to_owned())).or_default();
            *visits += 1;
            let count = *visits;
            self.strikes(fault, place, count)
        }
    }

    fn read_one(text: &str) -> Option<Planned> {
        let (kind, rest) = text.split_once('@').unwrap_or((text, ""));
        let fault = match kind {
            "kill" => Fault::Kill,
            "nan-loss" => Fault::NanLoss,
            "nan-gradient" => Fault::NanGradient,
            "out-of-memory" => Fault::OutOfMemory,
            "lost-device" => Fault::LostDevice,
            "disk-full" => Fault::DiskFull,
            "wrong-gradient" => Fault::WrongGradient,
            _ => return None,
        };
        let (place, count) = rest.split_once(':').unwrap_or((rest, "1"));
        let digits = count.strip_suffix('+');
        let onwards = digits.is_some() || rest.is_empty();
        let count = digits.unwrap_or(count).parse().ok()?;
        Some(Planned { fault, place: place.to_owned(), count, onwards, struck: false })
    }

    /// Asks the thread's own plan, or the environment's.
    fn ask(question: impl FnOnce(&mut Plan) -> bool) -> bool {
        static SHARED: OnceLock<Mutex<Plan>> = OnceLock::new();
        OWN.with_borrow_mut(|own| {
            if let Some(plan) = own {
                return question(plan);
            }
            let shared = SHARED
                .get_or_init(|| Mutex::new(Plan::read(&std::env::var("ORRERY_FAULT").unwrap_or_default())));
            question(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    /// Whether a fault strikes where the place counts itself.
    pub fn strikes(fault: Fault, place: &str, count: u64) -> bool {
        ask(|plan| plan.strikes(fault, place, count))
    }

    /// Whether a fault strikes at this visit of a place.
    pub fn happens(fault: Fault, place: &str) -> bool {
        ask(|plan| plan.happens(fault, place))
    }

    /// Kills this process where this visit of a place is the one.
    pub fn kill(place: &str) {
        if happens(Fault::Kill, place) {
            die();
        }
    }

    /// Kills this process where the count is the one.
    pub fn kill_at(place: &str, count: u64) {
        if strikes(Fault::Kill, place, count) {
            die();
        }
    }

    /// Ends this process as the system would for want of memory: without a last word.
    fn die() -> ! {
        let own = Pid::from_u32(std::process::id());
        if let Ok(mut system) = System::new() {
            let what = ProcessRefreshKind::nothing();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, what);
            if let Some(process) = system.process(own)
                && !process.kill()
            {
                log::error!("the process could not be killed");
            }
        }
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// Makes a device's gradients wrong by a tenth of one entry, where asked.
    pub fn spoil(gradients: &mut [Vec<f32>]) {
        if happens(Fault::WrongGradient, "device")
            && let Some(entry) = gradients.iter_mut().flatten().max_by(|a, b| a.abs().total_cmp(&b.abs()))
        {
            *entry *= 1.1;
        }
    }

    /// Seconds between two checkpoints: `ORRERY_CHECKPOINT_SECS`, where it is a number.
    pub fn checkpoint_secs(usual: f64) -> f64 {
        std::env::var("ORRERY_CHECKPOINT_SECS")
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|secs: &f64| *secs >= 0.0)
            .unwrap_or(usual)
    }

    /// Does something on this thread with a plan of its own.
    #[cfg(test)]
    pub(crate) fn planned<T>(text: &str, work: impl FnOnce() -> T) -> T {
        let before = OWN.replace(Some(Plan::read(text)));
        let value = work();
        OWN.set(before);
        value
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn faults_strike_where_and_when_they_are_asked_to() {
            planned("nan-loss@step:5, disk-full@checkpoint:2+, nonsense, wrong-gradient", || {
                assert!(!strikes(Fault::NanLoss, "step", 4) && !strikes(Fault::Kill, "step", 5));
                assert!(strikes(Fault::NanLoss, "step", 5));
                assert!(!strikes(Fault::NanLoss, "step", 5), "once");
                let full: Vec<bool> = (0..4).map(|_| happens(Fault::DiskFull, "checkpoint")).collect();
                assert_eq!(full, [false, true, true, true]);
                assert!(happens(Fault::WrongGradient, "anywhere"));
            });
        }
    }
}
