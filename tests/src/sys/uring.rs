// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests that a worker thread of the kernel carries out for the process.

use crate::ktap::{fail, skip, Context, Failure};
use io_uring::{opcode, squeue, types, IoUring};
use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// An io_uring whose requests all go to a worker.
pub struct Ring {
    ring: IoUring,
}

impl Ring {
    /// Sets one up. The case is left out where the kernel has no io_uring.
    pub fn new() -> Result<Ring, Failure> {
        match IoUring::new(4) {
            Ok(ring) => Ok(Ring { ring }),
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
                Err(skip("the kernel has no io_uring"))
            }
            Err(error) => Err(error).context("io_uring_setup"),
        }
    }

    /// Makes the kernel start a worker, which then waits for more for a few seconds.
    pub fn start_worker(&mut self) -> Result<(), Failure> {
        let file = self.open("/proc/self/status")?;
        self.read(&file).map(drop)
    }

    /// Opens a file for reading, in a worker.
    pub fn open(&mut self, path: &str) -> Result<OwnedFd, Failure> {
        let name = CString::new(path).map_err(|_| fail("a path with a null byte"))?;
        let entry = opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), name.as_ptr())
            .flags(libc::O_RDONLY | libc::O_CLOEXEC)
            .build();
        let descriptor = self.submit(entry).context(format_args!("opening {path}"))?;
        // SAFETY: the kernel has just opened it for this request, nobody else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
    }

    /// Reads the beginning of a file, in a worker.
    pub fn read(&mut self, file: &OwnedFd) -> Result<String, Failure> {
        let mut buffer = vec![0u8; 16384];
        let length = buffer.len() as u32;
        let entry = opcode::Read::new(types::Fd(file.as_raw_fd()), buffer.as_mut_ptr(), length)
            .offset(0)
            .build();
        let length = self.submit(entry).context("reading")?;
        buffer.truncate(length as usize);
        Ok(String::from_utf8_lossy(&buffer).into_owned())
    }

    /// Submits a request and waits for its result; its buffers outlive this call.
    fn submit(&mut self, entry: squeue::Entry) -> Result<i32, Failure> {
        let entry = entry.flags(squeue::Flags::ASYNC);
        // SAFETY: what the entry points to is alive until the completion has been seen below.
        unsafe { self.ring.submission().push(&entry) }
            .map_err(|_| fail("the submission queue is full"))?;
        self.ring.submit_and_wait(1).context("io_uring_enter")?;
        let completion = self.ring.completion().next();
        let result = completion.ok_or_else(|| fail("no completion"))?.result();
        if result < 0 {
            return Err(fail(crate::sys::Errno(-result).to_string()));
        }
        Ok(result)
    }
}
