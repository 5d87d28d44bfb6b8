//! Work that is done to its end even if who asked for it goes away.

use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::runtime::Handle;

/// Runs `work` as part of the request, at the price of one allocation; given up midway
/// it goes on by itself. What was begun may be on disk already, and then what follows
/// has to happen too.
pub fn even_if_given_up<F: Future<Output: Send> + Send + 'static>(work: F) -> EvenIfGivenUp<F> {
    EvenIfGivenUp { work: Some(Box::pin(work)), begun: false }
}

pub struct EvenIfGivenUp<F: Future<Output: Send> + Send + 'static> {
    /// None once it is done.
    work: Option<Pin<Box<F>>>,
    begun: bool,
}

impl<F: Future<Output: Send> + Send + 'static> Future for EvenIfGivenUp<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out, so that work that panics is not gone on with.
        let mut work = self.work.take().expect("it is not asked again once it is done");
        let done = work.as_mut().poll(context);
        if done.is_pending() {
            self.work = Some(work);
            self.begun = true;
        }
        done
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for EvenIfGivenUp<F> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take().filter(|_| self.begun)
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use tokio::sync::oneshot;

    fn work() -> (oneshot::Sender<u8>, impl Future<Output = Option<u8>>, oneshot::Receiver<u8>) {
        let (go_on, wait) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let work = even_if_given_up(async move {
            let n = wait.await.ok()?;
            tell.send(n).ok()?;
            Some(n)
        });
        (go_on, work, told)
    }

    #[tokio::test]
    async fn what_is_given_up_midway_goes_on() {
        let (go_on, work, told) = work();
        assert_eq!(work.now_or_never(), None, "it waits, and nobody waits for it any more");
        go_on.send(7).expect("it still listens");
        assert_eq!(told.await, Ok(7));
    }

    #[tokio::test]
    async fn what_is_awaited_answers_and_what_never_began_does_not_begin() {
        let (go_on, awaited, _told) = work();
        go_on.send(7).expect("it listens");
        assert_eq!(awaited.await, Some(7));
        let (go_on, never, _told) = work();
        drop(never);
        assert!(go_on.is_closed());
    }
}
