//! Signals: how this process is asked to end.

/// Waits until the process is asked to end: by Ctrl-C, or by the service manager (SIGTERM).
pub async fn asked_to_end() {
    tokio::select! {
        () = terminated() => {}
        pressed = tokio::signal::ctrl_c() => {
            if let Err(error) = pressed {
                log::error!("Ctrl-C cannot be caught: {error}");
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut asked) => {
            if asked.recv().await.is_some() {
                return;
            }
        }
        Err(error) => log::error!("SIGTERM cannot be caught: {error}"),
    }
    std::future::pending::<()>().await;
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending::<()>().await;
}
