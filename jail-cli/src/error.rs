// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the jail system calls can answer, and what to do about it.

use std::fmt;

use nix::errno::Errno;

use crate::jail::JailNumber;

/// Which of the jail system calls failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `create_newjail`.
    CreateNewjail,
    /// `get_jailnumber`.
    GetJailnumber,
    /// `attach_jail`.
    AttachJail,
    /// `destroy_jail`.
    DestroyJail,
    /// `open_jail`.
    OpenJail,
    /// `create_owned_jail`.
    CreateOwnedJail,
    /// `attach_jailfd`.
    AttachJailfd,
    /// `destroy_jailfd`.
    DestroyJailfd,
    /// `disown_jail`.
    DisownJail,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Call::CreateNewjail => "create_newjail",
            Call::GetJailnumber => "get_jailnumber",
            Call::AttachJail => "attach_jail",
            Call::DestroyJail => "destroy_jail",
            Call::OpenJail => "open_jail",
            Call::CreateOwnedJail => "create_owned_jail",
            Call::AttachJailfd => "attach_jailfd",
            Call::DestroyJailfd => "destroy_jailfd",
            Call::DisownJail => "disown_jail",
        })
    }
}

/// A jail system call that failed.
///
/// Its text names the call, says why the kernel refused, and what can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JailError {
    call: Call,
    number: Option<JailNumber>,
    errno: Errno,
}

impl JailError {
    pub(crate) fn new(call: Call, errno: Errno) -> Self {
        JailError {
            call,
            number: None,
            errno,
        }
    }

    pub(crate) fn about(call: Call, number: JailNumber, errno: Errno) -> Self {
        JailError {
            number: Some(number),
            ..Self::new(call, errno)
        }
    }

    /// The call that failed.
    pub fn call(&self) -> Call {
        self.call
    }

    /// The error number of the kernel.
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// The kernel offers no jails at all to this machine as it was booted, whoever asks.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.errno, Errno::ENOSYS | Errno::EOPNOTSUPP)
    }

    fn explanation(&self) -> &'static str {
        match (self.call, self.errno) {
            (_, Errno::ENOSYS) => {
                "the running kernel has no jaula, or an older one without this call; boot one that \
                 has it, built with the jaula patches and CONFIG_SECURITY_JAULA=y: where it is \
                 installed, the boot loader's menu has it (GRUB's below \"Advanced options\"); \
                 \"jaula doctor\" tells what is missing"
            }
            (_, Errno::EOPNOTSUPP) => {
                "the running kernel has jaula built in but not enabled; add jaula to the list \
                 after lsm= on the kernel command line (GRUB has it in GRUB_CMDLINE_LINUX of \
                 /etc/default/grub, and update-grub), or to CONFIG_LSM, and boot again; \
                 \"jaula doctor\" tells what is missing"
            }
            (Call::AttachJail | Call::DestroyJail, Errno::EPERM) => {
                "not permitted; it needs CAP_SYS_ADMIN in the initial user namespace (run it as \
                 root outside of the jail)"
            }
            (Call::OpenJail, Errno::EPERM) => {
                "not permitted; the descriptor that it is opened through needs the rights that are \
                 asked for, and without one they take CAP_SYS_ADMIN in the initial user namespace \
                 and a jail within the caller's"
            }
            (Call::AttachJailfd, Errno::EPERM) => {
                "not permitted; it needs a descriptor with the right to attach, a jail within the \
                 caller's, and CAP_SYS_ADMIN in the initial user namespace"
            }
            (Call::DestroyJailfd, Errno::EPERM) => {
                "not permitted; it needs a descriptor with the right to administer the jail"
            }
            (Call::CreateOwnedJail, Errno::EPERM) => {
                "not permitted; it needs a descriptor with the right to administer a jail, or \
                 CAP_SYS_ADMIN in the initial user namespace, and a jail that may have children \
                 (children.max)"
            }
            (_, Errno::EPERM) => {
                "not permitted; it needs CAP_SYS_ADMIN in the initial user namespace (run it as \
                 root), and a caller that is in a jail already needs one that may have children \
                 (children.max)"
            }
            (Call::DestroyJail, Errno::EINVAL) => {
                "0 is the host, and a jail cannot end itself: ask from a jail above it"
            }
            (Call::DestroyJailfd, Errno::EINVAL) => {
                "a jail cannot end itself or one around it: hand the descriptor to somebody outside"
            }
            (Call::DisownJail, Errno::EINVAL) => "the descriptor does not own the jail",
            (Call::OpenJail, Errno::EINVAL) => "0 is the host, and no other number is so small",
            (_, Errno::EINVAL) => {
                "the process has several threads or shares its memory with another, or the jail \
                 is its own; only a single-threaded process can enter another jail"
            }
            (_, Errno::ESRCH) => {
                "there is no such jail, or it is not a descendant of the caller's, or it is ending"
            }
            (Call::AttachJail | Call::AttachJailfd, Errno::EAGAIN) => {
                "the jail has as many processes as its limit allows; raise its tasks.max"
            }
            (_, Errno::EAGAIN) => {
                "a limit on the number of jails is reached (jaula.max_jails, children.max of the \
                 caller's jail, or the depth); end some and try again"
            }
            (_, Errno::EINTR) => "interrupted by a signal; the jail goes on ending",
            (_, Errno::EBUSY) => {
                "the process owns the jail or one around it, or shares its descriptors with \
                 another; close the owning descriptor first"
            }
            (_, Errno::EBADF) => "the descriptor is not open, or not one of a jail",
            (_, Errno::EMFILE) => "the process has as many descriptors open as it may have",
            (_, Errno::ENOSPC) => "every jail number is in use; end some jails and try again",
            (_, Errno::ENOMEM) => "the kernel has no memory left for another jail",
            (_, errno) => errno.desc(),
        }
    }
}

impl fmt::Display for JailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.call)?;
        if let Some(number) = self.number {
            write!(f, "({number})")?;
        }
        write!(f, ": {} ({:?})", self.explanation(), self.errno)
    }
}

impl std::error::Error for JailError {}

impl From<JailError> for std::io::Error {
    fn from(error: JailError) -> Self {
        std::io::Error::from_raw_os_error(error.errno as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(errno: Errno) -> String {
        JailError::new(Call::CreateNewjail, errno).to_string()
    }

    #[test]
    fn every_documented_error_says_what_to_do() {
        for (errno, hint) in [
            (Errno::ENOSYS, "CONFIG_SECURITY_JAULA"),
            (Errno::EOPNOTSUPP, "lsm="),
            (Errno::EPERM, "CAP_SYS_ADMIN"),
            (Errno::EINVAL, "single-threaded"),
            (Errno::EAGAIN, "limit"),
            (Errno::ENOSPC, "number"),
            (Errno::ENOMEM, "memory"),
        ] {
            let text = text(errno);
            assert!(text.starts_with("create_newjail: "), "{text}");
            assert!(text.contains(hint), "{text}");
            assert!(text.ends_with(&format!("({errno:?})")), "{text}");
        }
    }

    #[test]
    fn what_is_about_one_jail_names_it() {
        let number = JailNumber::new(7).expect("31 bits");
        let text = JailError::about(Call::AttachJail, number, Errno::ESRCH).to_string();
        assert!(
            text.starts_with("attach_jail(7): there is no such jail"),
            "{text}"
        );
        let text = JailError::about(Call::DestroyJail, number, Errno::EINTR).to_string();
        assert!(text.starts_with("destroy_jail(7): interrupted"), "{text}");
    }

    #[test]
    fn what_is_about_descriptors_says_what_to_do() {
        for (call, errno, hint) in [
            (Call::OpenJail, Errno::EPERM, "rights"),
            (Call::OpenJail, Errno::ESRCH, "no such jail"),
            (Call::OpenJail, Errno::EMFILE, "open"),
            (Call::CreateOwnedJail, Errno::EPERM, "children.max"),
            (Call::CreateOwnedJail, Errno::EAGAIN, "limit"),
            (Call::AttachJailfd, Errno::EPERM, "CAP_SYS_ADMIN"),
            (Call::AttachJailfd, Errno::EINVAL, "single-threaded"),
            (Call::AttachJailfd, Errno::EAGAIN, "tasks.max"),
            (Call::AttachJailfd, Errno::EBUSY, "close"),
            (Call::AttachJail, Errno::EBUSY, "close"),
            (Call::DestroyJailfd, Errno::EPERM, "administer"),
            (Call::DestroyJailfd, Errno::EINVAL, "outside"),
            (Call::DestroyJailfd, Errno::EINTR, "goes on"),
            (Call::DisownJail, Errno::EINVAL, "own"),
            (Call::DisownJail, Errno::EBADF, "not open"),
        ] {
            let text = JailError::new(call, errno).to_string();
            assert!(text.contains(hint), "{text}");
        }
    }

    #[test]
    fn an_undocumented_error_keeps_its_name() {
        assert!(text(Errno::EIO).ends_with("(EIO)"));
    }

    #[test]
    fn only_the_kernel_lacking_jails_counts_as_unavailable() {
        let error = |errno| JailError::new(Call::GetJailnumber, errno);
        assert!(error(Errno::ENOSYS).is_unavailable());
        assert!(error(Errno::EOPNOTSUPP).is_unavailable());
        assert!(!error(Errno::EPERM).is_unavailable());
    }
}
