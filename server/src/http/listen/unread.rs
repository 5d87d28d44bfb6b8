//! A connection on which nothing leaves for too long ends: its client is gone or does not
//! read, and what waits for it is held in vain.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

pub struct Unread<S> {
    stream: S,
    patience: Duration,
    /// Runs while something waits to leave.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Unread<S> {
    pub fn ends_after(patience: Duration, stream: S) -> Self {
        Self { stream, patience, stuck: None }
    }

    fn watch<T>(&mut self, context: &mut Context<'_>, left: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if left.is_ready() {
            self.stuck = None;
            return left;
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        stuck.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unread<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unread<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, left)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let left = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watch(context, left)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let left = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, left)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let left = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, left)
    }
}
