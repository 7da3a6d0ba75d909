//! Signals: how this process is asked to end.

/// Waits until the process is asked to end: by Ctrl-C, by the service manager (SIGTERM), or, where `with_stdin` says so, by the end of
/// its standard input: then whoever started it is gone.
pub async fn asked_to_end(with_stdin: bool) {
    tokio::select! {
        () = terminated() => {}
        () = stdin_ended(), if with_stdin => {}
        pressed = tokio::signal::ctrl_c() => {
            if let Err(error) = pressed {
                log::error!("Ctrl-C cannot be caught: {error}");
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Waits for the end of standard input.
async fn stdin_ended() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let spawned = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        log::debug!("standard input ended: {ended:?}");
        // Nobody may wait any more.
        let _told = tell.send(());
    });
    if spawned.is_err() || told.await.is_err() {
        log::error!("standard input cannot be watched");
        std::future::pending::<()>().await;
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
