//! Large bodies: what takes long to read or write is done beside the connections, so that a lane's other ones are still answered.

use axum::http::StatusCode;

use super::ApiError;

/// Bytes from which a body is large.
pub const LARGE_BYTES: usize = 1 << 20;

/// Does the work that a body of so many bytes makes: at once where that is little, else on a thread for such work.
///
/// # Errors
/// What the work says, or that it broke down.
pub async fn work<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if bytes < LARGE_BYTES {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        log::error!("the work on a large body broke down: {error}");
        Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The work on the body broke down. Report this with the node's log.",
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[tokio::test]
    async fn a_large_body_leaves_its_thread_to_others_and_a_small_one_stays() {
        let (tell, told) = mpsc::channel();
        // Both futures have this one thread: the second runs only while the first does not hold it.
        let large = work(LARGE_BYTES, move || {
            let told = told.recv_timeout(Duration::from_secs(30));
            told.map_err(|error| ApiError::passing(error.to_string()))
        });
        let other = async move { tell.send(7).expect("somebody listens") };
        let (large, ()) = tokio::join!(large, other);
        assert_eq!(large, Ok(7));
        let here = std::thread::current().id();
        assert_eq!(work(LARGE_BYTES - 1, || Ok(std::thread::current().id())).await, Ok(here));
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error() {
        let broken = work(LARGE_BYTES, || -> Result<(), ApiError> { panic!("as planned") }).await;
        assert_eq!(broken.expect_err("it broke").status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
