//! A reader that ends where one point is longer than any is, so that a file of one endless
//! line does not fill the memory.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

/// What may be read of a file for one point, and what its readers read ahead.
const POINT_MAX_BYTES: usize = 1 << 20;

pub struct Measured<R> {
    file: R,
    since: Rc<Cell<usize>>,
}

/// Counts what was read since the last point.
pub struct Measure(Rc<Cell<usize>>);

impl<R: Read> Measured<R> {
    pub fn new(file: R) -> (Self, Measure) {
        let since = Rc::new(Cell::new(0));
        (Self { file, since: since.clone() }, Measure(since))
    }
}

impl Measure {
    /// A point, or something of its kind, was read whole.
    pub fn begin_anew(&self) {
        self.0.set(0);
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.since.set(self.since.get() + read);
        if self.since.get() > POINT_MAX_BYTES {
            return Err(io::Error::other(format!("one point is longer than {POINT_MAX_BYTES} bytes")));
        }
        Ok(read)
    }
}
