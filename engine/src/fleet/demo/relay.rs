//! Relay: passes bytes on after a while, as a long way would.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use orrery_domain::{Failure, FailureClass};

/// Passes on to `target` whatever comes to the address that is returned, with half of `latency` each way. Until this process ends.
///
/// # Errors
/// When there is no free port or no thread.
pub fn start(target: &str, latency: Duration) -> Result<SocketAddr, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(FailureClass::Capacity, format!("A relay could not be started: {error}."))
    };
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let target = target.to_owned();
    thread::Builder::new()
        .name("relay".to_owned())
        .spawn(move || {
            for near in listener.incoming().flatten() {
                // Where the server is gone, the caller is told by the connection's end.
                let Ok(far) = TcpStream::connect(&target) else { continue };
                if let Err(error) = join(&near, &far, latency / 2) {
                    log::debug!("a relayed connection ended: {error}");
                }
            }
        })
        .map_err(failed)?;
    Ok(address)
}

fn join(near: &TcpStream, far: &TcpStream, way: Duration) -> std::io::Result<()> {
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    pass(near.try_clone()?, far.try_clone()?, way)?;
    pass(far.try_clone()?, near.try_clone()?, way)
}

/// Passes bytes one way: one thread reads, another writes each piece when its time has come.
fn pass(mut from: TcpStream, to: TcpStream, way: Duration) -> std::io::Result<()> {
    let (send, pieces) = channel();
    thread::Builder::new().name("relay-out".to_owned()).spawn(move || write(to, &pieces))?;
    thread::Builder::new().name("relay-in".to_owned()).spawn(move || read(&mut from, &send, way))?;
    Ok(())
}

fn read(from: &mut TcpStream, pieces: &Sender<(Instant, Vec<u8>)>, way: Duration) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if pieces.send((Instant::now() + way, buffer[..count].to_vec())).is_err() {
            return;
        }
    }
}

fn write(mut to: TcpStream, pieces: &Receiver<(Instant, Vec<u8>)>) {
    while let Ok((due, piece)) = pieces.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&piece).is_err() {
            return;
        }
    }
    if let Err(error) = to.shutdown(std::net::Shutdown::Write) {
        log::trace!("the other end was gone first: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_whole_in_order_and_late() {
        let echo = TcpListener::bind("127.0.0.1:0").expect("a port");
        let target = echo.local_addr().expect("an address").to_string();
        thread::spawn(move || {
            let (mut stream, _) = echo.accept().expect("somebody");
            let mut other = stream.try_clone().expect("cloned");
            std::io::copy(&mut stream, &mut other).expect("echoed");
        });
        let relay = start(&target, Duration::from_millis(60)).expect("started");
        let mut stream = TcpStream::connect(relay).expect("it listens");
        let sent: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        let begun = Instant::now();
        stream.write_all(&sent[..1]).expect("sent");
        let mut found = vec![0; 1];
        stream.read_exact(&mut found).expect("echoed");
        assert!(begun.elapsed() >= Duration::from_millis(60), "{:?}", begun.elapsed());
        let mut writer = stream.try_clone().expect("cloned");
        let rest = sent[1..].to_vec();
        thread::spawn(move || writer.write_all(&rest).expect("sent"));
        let mut found = vec![0; sent.len() - 1];
        stream.read_exact(&mut found).expect("echoed");
        assert_eq!(found, sent[1..]);
    }
}
