// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reading ahead in a thread.

use std::io::{self, Read};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread::{Builder, JoinHandle};

use crate::image::layer::Input;

/// What is read from, and what is to be said of it at its end.
pub trait Source: Send + 'static {
    /// What is known at the end.
    type End: Send + 'static;

    /// Reads as `Read` does.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// What is known when all has been read.
    fn end(self) -> io::Result<Self::End>;
}

/// How many parts are read ahead, and how large one is.
const PARTS: usize = 8;
const PART: usize = 128 << 10;

/// Reads what a thread has read from a source. An error is where it would be without the thread.
pub struct Ahead<E: Send + 'static> {
    /// None once nothing more is taken.
    filled: Option<Receiver<io::Result<Vec<u8>>>>,
    /// Where parts go that have been read, to be filled again.
    empty: SyncSender<Vec<u8>>,
    part: Vec<u8>,
    at: usize,
    thread: Option<JoinHandle<io::Result<E>>>,
}

impl<E: Send + 'static> Ahead<E> {
    /// Begins to read.
    pub fn of(source: impl Source<End = E>) -> io::Result<Self> {
        let (fill, filled) = sync_channel(PARTS);
        let (empty, emptied) = sync_channel(PARTS + 2);
        let thread = Builder::new()
            .name("layer".to_owned())
            .spawn(move || read(source, &fill, &emptied))?;
        Ok(Ahead {
            filled: Some(filled),
            empty,
            part: Vec::new(),
            at: 0,
            thread: Some(thread),
        })
    }

    /// Passes over what is left, and returns what is known at the end.
    pub fn finish(mut self) -> io::Result<E> {
        while self.more()? {}
        self.filled = None;
        let thread = self.thread.take().ok_or_else(stopped)?;
        thread.join().map_err(|_| stopped())?
    }

    /// Takes the next part; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        let Some(filled) = &self.filled else {
            return Err(stopped());
        };
        match filled.recv() {
            Ok(Ok(part)) => {
                let read = std::mem::replace(&mut self.part, part);
                self.at = 0;
                // Where it is not needed any more, it goes.
                let _ = self.empty.try_send(read);
                Ok(true)
            }
            Ok(Err(error)) => {
                self.filled = None;
                Err(error)
            }
            // The thread has come to the end.
            Err(_) => {
                self.part.clear();
                self.at = 0;
                Ok(false)
            }
        }
    }
}

fn read<S: Source>(
    mut source: S,
    fill: &SyncSender<io::Result<Vec<u8>>>,
    emptied: &Receiver<Vec<u8>>,
) -> io::Result<S::End> {
    loop {
        let mut part = emptied.try_recv().unwrap_or_default();
        part.resize(PART, 0);
        let mut length = 0;
        let mut failed = None;
        while length < PART {
            match source.fill(&mut part[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        part.truncate(length);
        // Whoever does not take it does not want any more.
        if length > 0 && fill.send(Ok(part)).is_err() {
            return Err(stopped());
        }
        if let Some(error) = failed {
            let _ = fill.send(Err(error));
            return Err(stopped());
        }
        if length < PART {
            return source.end();
        }
    }
}

fn stopped() -> io::Error {
    io::Error::other("reading it has stopped")
}

impl<E: Send + 'static> Read for Ahead<E> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.part.len() && !buffer.is_empty() && !self.more()? {
            return Ok(0);
        }
        let left = &self.part[self.at..];
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.at += count;
        Ok(count)
    }
}

impl<E: Send + 'static> Input for Ahead<E> {}

impl<E: Send + 'static> Drop for Ahead<E> {
    fn drop(&mut self) {
        // Without anybody who takes what it reads, the thread ends.
        self.filled = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers up to some, and then an end or an error.
    struct Numbers(u32, Option<&'static str>);

    impl Source for Numbers {
        type End = &'static str;

        fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(left) = self.0.checked_sub(1) else {
                return self.1.map_or(Ok(0), |error| Err(io::Error::other(error)));
            };
            self.0 = left;
            // Never as much as there is room for.
            let count = buffer.len().min(1000);
            buffer[..count].fill(left as u8);
            Ok(count)
        }

        fn end(self) -> io::Result<&'static str> {
            Ok("the end")
        }
    }

    fn all(mut ahead: Ahead<&'static str>) -> (usize, Result<&'static str, String>) {
        let mut read = Vec::new();
        let done = ahead.read_to_end(&mut read);
        let done = done.and_then(|_| ahead.finish());
        (read.len(), done.map_err(|error| error.to_string()))
    }

    #[test]
    fn all_of_it_comes_and_then_the_end_or_the_error() {
        let ahead = |count, error| Ahead::of(Numbers(count, error)).expect("a thread");
        let (length, done) = all(ahead(10_000, None));
        assert!(length > 9_000_000, "{length}");
        assert_eq!(done, Ok("the end"));
        let (same, done) = all(ahead(10_000, Some("broken")));
        assert_eq!((same, done), (length, Err("broken".to_owned())));
        assert_eq!(all(ahead(0, None)), (0, Ok("the end")));
        // Whoever reads nothing does not wait either.
        drop(ahead(u32::MAX, None));
        assert_eq!(ahead(500, None).finish().ok(), Some("the end"));
        assert!(ahead(500, Some("broken")).finish().is_err());
    }
}
