//! What the end of a child process means: settled by its own words, or a death with a class.

use orrery_domain::{
    failure::{Failure, FailureClass},
    job::JobEvent,
    run::RunState,
};

/// How a child process ended, as its parent saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Exit code, where it exited.
    pub code: Option<i32>,
    /// Signal, where one killed it.
    pub signal: Option<i32>,
    /// Whether it said how it ended (a result, a failure, a cancellation or a stop) before it did.
    pub settled: bool,
    /// The last lines of its log.
    pub log_tail: String,
    /// Whether it computed on a graphics adapter.
    pub on_gpu: bool,
}

/// Whether after this event the job has nothing more to say.
pub fn settles(event: &JobEvent) -> bool {
    match event {
        JobEvent::Finished { .. }
        | JobEvent::Imported { .. }
        | JobEvent::Profiled { .. }
        | JobEvent::Evaluated { .. }
        | JobEvent::Compressed { .. }
        | JobEvent::Explained { .. }
        | JobEvent::Predicted { .. }
        | JobEvent::Compared { .. }
        | JobEvent::Searched { .. }
        | JobEvent::Tuned { .. }
        | JobEvent::Devices { .. }
        | JobEvent::Probed { .. }
        | JobEvent::Failed { .. } => true,
        JobEvent::State { state, .. } => matches!(state, RunState::Paused | RunState::Cancelled),
        JobEvent::Started { .. }
        | JobEvent::Progress { .. }
        | JobEvent::Points { .. }
        | JobEvent::Checkpoint { .. }
        | JobEvent::RolledBack { .. }
        | JobEvent::Warning { .. }
        | JobEvent::Rung { .. }
        | JobEvent::Trial { .. }
        | JobEvent::TuneStep { .. }
        | JobEvent::Row { .. } => false,
    }
}

/// Whether this event takes back that the job was settled (a paused run that goes on).
pub fn unsettles(event: &JobEvent) -> bool {
    matches!(
        event,
        JobEvent::State { state: RunState::Running | RunState::Queued, .. } | JobEvent::Started { .. }
    )
}

/// The failure a child's death means, or `None` where it ended by its own words.
///
/// A paused run whose process was killed is settled: it can be resumed.
pub fn classify(ending: &Ending) -> Option<Failure> {
    if ending.settled {
        return None;
    }
    let out_of_memory =
        ending.log_tail.contains("memory allocation of") || ending.log_tail.contains("out of memory");
    let (class, message) = match (ending.signal, ending.code) {
        (Some(9), _) => (
            FailureClass::Capacity,
            "The job's process was killed (SIGKILL), most likely because the machine ran out of memory. Close other programs, \
             or ask for a smaller batch or model."
                .to_owned(),
        ),
        (Some(6), _) if out_of_memory => (
            FailureClass::Capacity,
            "The job ran out of memory. Close other programs, or ask for a smaller batch or model.".to_owned(),
        ),
        (Some(signal @ (4 | 6 | 7 | 8 | 11)), _) if ending.on_gpu => (
            FailureClass::Hardware,
            format!(
                "The graphics driver took the job's process down ({}). Use the CPU, or update the driver.",
                signal_name(signal)
            ),
        ),
        (Some(signal @ (4 | 6 | 7 | 8 | 11)), _) => (
            FailureClass::Bug,
            format!("The job's process crashed ({}). Its log says more; please report it.", signal_name(signal)),
        ),
        (Some(signal), _) => (
            FailureClass::Transient,
            format!("The job's process was ended from outside ({}). Start it again.", signal_name(signal)),
        ),
        // Windows: STATUS_NO_MEMORY and STATUS_COMMITMENT_LIMIT, then an access violation.
        (None, Some(code)) if matches!(code.cast_unsigned(), 0xC000_0017 | 0xC000_012D) => {
            (FailureClass::Capacity, "The job ran out of memory. Ask for a smaller batch or model.".to_owned())
        }
        (None, Some(code)) if code.cast_unsigned() == 0xC000_0005 && ending.on_gpu => (
            FailureClass::Hardware,
            "The graphics driver took the job's process down (access violation). Use the CPU, or update the driver."
                .to_owned(),
        ),
        (None, Some(code)) => (
            FailureClass::Bug,
            format!("The job ended with exit code {code} without saying why. Its log says more; please report it."),
        ),
        (None, None) => {
            (FailureClass::Transient, "The job ended and left no trace of how. Start it again.".to_owned())
        }
    };
    Some(Failure::new(class, message))
}

/// The name of a POSIX signal.
pub fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

/// The exit code of a command that ended with a failure of this class (2 wrong usage, 3 denied, else 1).
pub fn exit_code(class: FailureClass) -> u8 {
    match class {
        FailureClass::Client => 2,
        FailureClass::Auth => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn killed(signal: i32, on_gpu: bool) -> FailureClass {
        let ending = Ending { signal: Some(signal), on_gpu, ..Ending::default() };
        classify(&ending).expect("a death").class
    }

    #[test]
    fn every_way_to_die_has_its_class() {
        assert_eq!(killed(9, false), FailureClass::Capacity);
        assert_eq!(killed(11, true), FailureClass::Hardware);
        assert_eq!(killed(11, false), FailureClass::Bug);
        assert_eq!(killed(6, false), FailureClass::Bug);
        assert_eq!(killed(15, false), FailureClass::Transient);
        let starved = Ending {
            signal: Some(6),
            log_tail: "memory allocation of 8589934592 bytes failed".into(),
            ..Ending::default()
        };
        assert_eq!(classify(&starved).expect("a death").class, FailureClass::Capacity);
        let silent = Ending { code: Some(0), ..Ending::default() };
        assert_eq!(classify(&silent).expect("no result is a failure").class, FailureClass::Bug);
    }

    #[test]
    fn own_words_settle() {
        assert_eq!(classify(&Ending { code: Some(130), settled: true, ..Ending::default() }), None);
        assert_eq!(classify(&Ending { signal: Some(9), settled: true, ..Ending::default() }), None);
        let paused = JobEvent::State { state: RunState::Paused, reason: None };
        let running = JobEvent::State { state: RunState::Running, reason: None };
        assert!(settles(&paused) && !settles(&running) && unsettles(&running));
    }

    #[test]
    fn exit_codes_are_the_contract() {
        assert_eq!(exit_code(FailureClass::Client), 2);
        assert_eq!(exit_code(FailureClass::Auth), 3);
        assert_eq!(exit_code(FailureClass::Data), 1);
        assert_eq!(exit_code(FailureClass::Bug), 1);
    }
}
