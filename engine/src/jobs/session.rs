//! A session: a model that stays loaded and answers rows until its input ends or a minute passes idle.

use std::{
    io::BufRead,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};

use orrery_domain::job::{JobEvent, RowRequest};
use orrery_learn::control::JobControl;

use super::RowAnswerer;

/// A session nobody asked anything for this long ends.
const IDLE: Duration = Duration::from_mins(1);

/// Lines of `input`, read by a thread of their own so that waiting for them can time out.
pub fn requests(input: impl BufRead + Send + 'static) -> Receiver<RowRequest> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in input.lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(request) => {
                    if sender.send(request).is_err() {
                        break;
                    }
                }
                Err(error) => log::warn!("a request cannot be read: {error}"),
            }
        }
    });
    receiver
}

/// Answers until there is nothing more to answer.
pub fn answer(model: &RowAnswerer, requests: &Receiver<RowRequest>, control: &dyn JobControl) {
    answer_within(model, requests, control, IDLE);
}

fn answer_within(
    model: &RowAnswerer,
    requests: &Receiver<RowRequest>,
    control: &dyn JobControl,
    idle: Duration,
) {
    loop {
        match requests.recv_timeout(idle) {
            Ok(asked) => {
                control.emit(JobEvent::Row { request: asked.request, answer: model(&asked) });
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_domain::{Failure, FailureClass};
    use orrery_learn::control::Wish;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Heard(Mutex<Vec<u64>>);

    impl JobControl for Heard {
        fn emit(&self, event: JobEvent) {
            if let JobEvent::Row { request, .. } = event {
                self.0.lock().expect("one at a time").push(request);
            }
        }
        fn wish(&self) -> Wish {
            Wish::Continue
        }
    }

    #[test]
    fn rows_are_answered_in_order_and_idleness_ends_the_session() {
        let (lines, receiver) = channel();
        for request in [3, 4] {
            lines.send(RowRequest { request, row: Vec::new(), explain: false }).expect("open");
        }
        let model: RowAnswerer = Box::new(|_| Err(Failure::new(FailureClass::Client, "no")));
        let heard = Heard::default();
        answer_within(&model, &receiver, &heard, Duration::from_millis(20));
        assert_eq!(*heard.0.lock().expect("done"), [3, 4]);
    }

    #[test]
    fn unreadable_requests_are_skipped() {
        let text = "nonsense\n{\"request\":1,\"row\":[[\"a\",null]]}\n";
        let receiver = requests(text.as_bytes());
        assert_eq!(receiver.iter().map(|request| request.request).collect::<Vec<_>>(), [1]);
    }
}
