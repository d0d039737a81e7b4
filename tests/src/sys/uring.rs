// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests that a worker thread of the kernel carries out for the process.

use super::Errno;
use crate::ktap::{fail, skip, Context, Failure};
use io_uring::{opcode, squeue, types, IoUring};
use nix::sys::socket::{SockaddrLike, SockaddrStorage};
use std::ffi::CString;
use std::net::SocketAddr;
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
        self.attempt(entry.flags(squeue::Flags::ASYNC))?
            .map_err(|errno| fail(errno.to_string()))
    }

    /// The same, done by the caller where it can be, with the error that the request had.
    fn attempt(&mut self, entry: squeue::Entry) -> Result<Result<i32, Errno>, Failure> {
        // SAFETY: what the entry points to is alive until the completion has been seen below.
        unsafe { self.ring.submission().push(&entry) }
            .map_err(|_| fail("the submission queue is full"))?;
        self.ring.submit_and_wait(1).context("io_uring_enter")?;
        let completion = self.ring.completion().next();
        let result = completion.ok_or_else(|| fail("no completion"))?.result();
        Ok(match result {
            0.. => Ok(result),
            _ => Err(Errno(-result)),
        })
    }

    /// Opens a file for reading in a worker, with the error that this had.
    pub fn try_open(&mut self, path: &str) -> Result<Result<OwnedFd, Errno>, Failure> {
        self.try_open_as(path, None)
    }

    /// Opens a file for reading in a worker, as somebody who has been [registered](Ring::register).
    pub fn try_open_as(
        &mut self,
        path: &str,
        who: Option<u16>,
    ) -> Result<Result<OwnedFd, Errno>, Failure> {
        let name = CString::new(path).map_err(|_| fail("a path with a null byte"))?;
        let entry = opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), name.as_ptr())
            .flags(libc::O_RDONLY | libc::O_CLOEXEC)
            .build()
            .personality(who.unwrap_or(0))
            .flags(squeue::Flags::ASYNC);
        // SAFETY: the kernel has just opened it for this request, nobody else owns it.
        let own = |descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) };
        Ok(self.attempt(entry)?.map(own))
    }

    /// `bind(2)` of a socket of IPv4 or IPv6.
    pub fn try_bind_inet(
        &mut self,
        socket: &OwnedFd,
        address: SocketAddr,
    ) -> Result<Result<(), Errno>, Failure> {
        let address = SockaddrStorage::from(address);
        let entry = opcode::Bind::new(
            types::Fd(socket.as_raw_fd()),
            address.as_ptr().cast(),
            address.len(),
        )
        .build();
        Ok(self.attempt(entry)?.map(drop))
    }

    /// `connect(2)` of one.
    pub fn try_connect_inet(
        &mut self,
        socket: &OwnedFd,
        address: SocketAddr,
    ) -> Result<Result<(), Errno>, Failure> {
        let address = SockaddrStorage::from(address);
        let entry = opcode::Connect::new(
            types::Fd(socket.as_raw_fd()),
            address.as_ptr().cast(),
            address.len(),
        )
        .build();
        Ok(self.attempt(entry)?.map(drop))
    }

    /// Connects a socket to an abstract address.
    pub fn try_connect(
        &mut self,
        socket: &OwnedFd,
        name: &str,
    ) -> Result<Result<(), Errno>, Failure> {
        let (address, length) = super::unix::address(name).context("an address")?;
        let entry = opcode::Connect::new(
            types::Fd(socket.as_raw_fd()),
            (&raw const address).cast(),
            length,
        )
        .build();
        Ok(self.attempt(entry)?.map(drop))
    }

    /// Registers the caller as it is now, to be acted as later.
    pub fn register(&mut self) -> Result<u16, Failure> {
        self.ring
            .submitter()
            .register_personality()
            .context("registering a personality")
    }
}
