//! Side by side: several questions to one server at once, but few, so that none waits for all before it and the server is not flooded.

use std::panic;

use tokio::task::JoinSet;

/// Questions to one server at once: as many as there are connections kept to it.
pub const AT_ONCE: usize = 4;

/// Does all the work, at most [`AT_ONCE`] pieces at a time; what came of each, in the order of the work. Work that is under way ends
/// with the future.
pub async fn side_by_side<T, F>(work: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut waiting = work.into_iter().enumerate();
    let mut under_way = JoinSet::new();
    let mut done = Vec::new();
    loop {
        while under_way.len() < AT_ONCE
            && let Some((place, piece)) = waiting.next()
        {
            under_way.spawn(async move { (place, piece.await) });
        }
        match under_way.join_next().await {
            None => break,
            Some(Ok(found)) => done.push(found),
            // Nothing ends a piece before its time, so it broke down: so does the whole.
            Some(Err(error)) => {
                if let Ok(cause) = error.try_into_panic() {
                    panic::resume_unwind(cause);
                }
            }
        }
    }
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, found)| found).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use super::*;

    #[tokio::test]
    async fn few_pieces_are_under_way_at_once_and_all_come_in_their_order() {
        let now = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let piece = |number: u64| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // The first take longest.
                tokio::time::sleep(Duration::from_millis(40 - 2 * number)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                number
            }
        };
        let found = side_by_side((0..15).map(piece)).await;
        assert_eq!(found, (0..15).collect::<Vec<u64>>());
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
        assert_eq!(side_by_side(Vec::<std::future::Ready<u8>>::new()).await, Vec::<u8>::new());
    }
}
